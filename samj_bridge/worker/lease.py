"""Keep a file locked while this process lives: who looks after environments sees that this one is in use.

Hosts in Python hold such leases themselves (``samj_bridge.install``, with filelock). Java locks files in a way that
filelock can't see on Linux, so that there the worker does it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from pathlib import Path

__all__ = ["forget", "hold"]


def hold(lease: str) -> Path | None:
    """Lock ``<lease>.<something new>`` until this process ends, in the way of filelock; return the file.

    Returns None where that can't be written: who can't write there can't remove the environment either.
    """
    path = Path(f"{lease}.{uuid.uuid4().hex[:12]}")
    try:
        path.parent.mkdir(exist_ok=True)
        # Never closed: the operating system lets go of the lock when this process ends, however it ends.
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        _lock(handle)
    except OSError:
        return None
    return path


def forget(held: Path | None) -> None:
    """Delete the file; that of a process that was killed goes when somebody next looks after environments."""
    if held is not None:
        with contextlib.suppress(OSError):
            held.unlink()


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
