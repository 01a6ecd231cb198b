"""A file that is brought to the disk while it grows."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from samj_bridge.download.flushing import Flusher

STEP = 16 << 20


def threads() -> int:
    return sum(thread.name == "samj-flush" for thread in threading.enumerate())


def wait_for_the_end() -> None:
    until = time.monotonic() + 60
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    assert threads() == 0


@pytest.mark.skipif(os.name != "posix", reason="only there a thread flushes")
def test_what_the_disk_refused_in_between_is_told_once_and_for_all() -> None:
    # Linux can't flush /dev/full, and says so.
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        flusher = Flusher(descriptor)
        flusher.wrote(STEP - 1)
        assert threads() == 0
        flusher.wrote(STEP)
        wait_for_the_end()
        with pytest.raises(OSError, match="Invalid argument"):
            flusher.finish()
        with pytest.raises(OSError, match="Invalid argument"):
            flusher.wrote(STEP + 1)
    finally:
        os.close(descriptor)


def test_the_file_may_be_closed_at_once(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb", buffering=0) as file:
        flusher = Flusher(file.fileno())
        for count in range(1, 5):
            file.write(bytes(STEP))
            flusher.wrote(count * STEP)
        flusher.close()
    wait_for_the_end()
    flusher.wrote(4 * STEP)
