"""File locks between processes: one holder at a time, and who it is.

The operating system lets go of a lock when its holder ends, however it ends; a lock file that lies around
means nothing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from samj_bridge.errors import FileError
from samj_bridge.progress import CancelToken, notify

__all__ = ["Holder", "has_locks", "hold_lock", "is_locked", "try_lock"]

Holder = dict[str, str]
"""Who holds a lock: ``pid``, ``host``, ``since``; empty while unknown."""


@contextlib.contextmanager
def hold_lock(
    path: Path,
    *,
    on_wait: Callable[[Holder], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[None]:
    """Hold the lock `path` while the block runs; wait for it as long as it takes.

    Parameters
    ----------
    path : Path
        The lock file, in an existing folder; made when missing.
    on_wait : callable, optional
        Called once, with the present holder, when there is something to wait for.
    on_tick : callable, optional
        Called twice a second while waiting.
    cancel : CancelToken, optional
        Ends the waiting.

    Raises
    ------
    FileError
        The file can't be made; ``no-locks``: its disk has none.
    Cancelled
        `cancel` was set while waiting.
    """
    from filelock import FileLock, Timeout

    _check(path)
    lock = FileLock(path, thread_local=False)
    told = False
    while True:
        if cancel is not None:
            cancel.check()
        try:
            # The first wait is for those who only look, for a moment: nobody has to be told of them.
            lock.acquire(timeout=0.1 if not told else 0.5, poll_interval=0.02 if not told else 0.1)
            break
        except Timeout:
            if told:
                notify(on_tick)
            elif on_wait is not None:
                notify(on_wait, _read_holder(path))
            told = True
        except (OSError, NotImplementedError) as error:
            raise _failed(path, error) from error
    try:
        _write_holder(path)
        yield
    finally:
        with contextlib.suppress(OSError):
            _holder_path(path).unlink()
        lock.release()


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the lock `path` while the block runs if it is free now; yields whether it is held."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        _check(path)
        lock.acquire(timeout=0)
    except (Timeout, OSError, FileError, NotImplementedError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Tell whether anybody, this process included, holds the lock `path` now."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        _check(path)
        lock.acquire(timeout=0)
    except (Timeout, OSError, FileError, NotImplementedError):
        # Not to be taken is not the same as free: leave what it protects alone.
        return True
    lock.release()
    return False


def has_locks(path: Path) -> bool:
    """Tell whether the lock file, which is made if missing, can be locked by the operating system.

    Network drives may have no locks (ENOLCK, EOPNOTSUPP, ENOSYS). filelock has no one answer to that: some of its
    versions wait for ever, some go on with a file that stays behind when its holder is killed.

    Raises
    ------
    OSError
        The file can't be made.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    # Opened for both: NFS gives a shared lock only on a file that may be read.
    with path.open("a+b") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK}
    return True


def _check(path: Path) -> None:
    try:
        usable = has_locks(path)
    except OSError as error:
        raise _failed(path, error) from error
    if not usable:
        message = f"The lock {path} can't be taken: its disk has no file locks, as some network drives."
        hint = "Set SAMJ_HOME to a folder on a local disk, or have locks switched on for this drive."
        raise FileError(message, code="no-locks", hint=hint, path=str(path))


def _failed(path: Path, error: OSError | NotImplementedError) -> FileError:
    message = f"The lock {path} can't be taken: {error}."
    return FileError(message, hint="Check that the folder is on a local disk and may be written to.")


def _holder_path(path: Path) -> Path:
    return path.with_name(path.name + ".holder")


def _write_holder(path: Path) -> None:
    since = time.strftime("%H:%M:%S")
    holder = {"pid": str(os.getpid()), "host": socket.gethostname(), "since": since}
    # Only for people: no reason to fail when it can't be written.
    with contextlib.suppress(OSError):
        _holder_path(path).write_text(json.dumps(holder), encoding="utf-8")


def _read_holder(path: Path) -> Holder:
    try:
        values = json.loads(_holder_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in values.items()} if isinstance(values, dict) else {}
