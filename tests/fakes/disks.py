"""Disks of their own: small enough to be full, or read-only. Linux and root only: elsewhere the test skips."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """Make a folder that is a disk mounted with `options`, such as ``size=40m,noexec``; it goes afterwards."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of its own can be made by root on Linux only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Write a file that leaves so many bytes of a disk, or as few as it can; returns it."""
    other = folder / "somebody else's"
    with contextlib.suppress(OSError), other.open("wb", buffering=0) as file:
        while (free := shutil.disk_usage(folder).free - leave) > 0:
            file.write(bytes(min(free, 1 << 16)))
    return other
