"""One downloader per file: the second waits for the first, and shows how far that is."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from samj_bridge.download.meter import Meter
from samj_bridge.download.partial import cannot_write
from samj_bridge.process.locks import Holder, has_locks, hold_lock
from samj_bridge.progress import CancelToken, Progress

__all__ = ["take_turn"]

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def take_turn(target: Path, size: int | None, progress: Progress, cancel: CancelToken | None) -> Iterator[Path]:
    """Be the only one to download `target` while the block runs; yields the name for the bytes until then.

    On a network drive without locks the processes of one machine still take turns, by a lock in its folder for
    temporary files, and machines keep out of each other's way: each has a name of its own for its bytes.

    Raises
    ------
    FileError
        The folder can't be written to.
    Cancelled
        `cancel` was set while waiting.
    """
    part = target.with_name(target.name + ".part")
    lock = target.with_name(target.name + ".part.lock")
    try:
        shared = has_locks(lock)
    except OSError as error:
        raise cannot_write(lock.parent, error) from error
    if not shared:
        _log.warning("%s has no file locks: locking on this machine only.", target.parent)
        machine = re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname())[:40]
        part = target.with_name(f"{target.name}.{machine}.part")
        lock = _own_folder() / f"{hashlib.sha256(str(target.absolute()).encode()).hexdigest()[:32]}.lock"
    with _hold(lock, part, target.name, size, progress, cancel):
        yield part


def _hold(
    lock: Path, part: Path, name: str, size: int | None, progress: Progress, cancel: CancelToken | None
) -> contextlib.AbstractContextManager[None]:
    meter = Meter(progress, "wait", f"Another samj-bridge fetches {name}", size)

    def started(holder: Holder) -> None:
        if holder.get("pid"):
            meter.what = f"Another samj-bridge (process {holder['pid']}) fetches {name}"
        waited()

    def waited() -> None:
        with contextlib.suppress(OSError):
            meter.tell(part.stat().st_size, always=True)

    return hold_lock(lock, on_wait=started, on_tick=waited, cancel=cancel)


def _own_folder() -> Path:
    # Windows gives every user a folder for temporary files; elsewhere it is everybody's.
    user = os.getuid() if sys.platform != "win32" else "user"
    folder = Path(tempfile.gettempdir()) / f"samj-bridge-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder
