"""What an error of the system means while installing: a cause that a user can mend, or one that nobody foresaw."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import traceback
from pathlib import Path

from samj_bridge.errors import FileError, InstallError, NoSpaceError, SamjError
from samj_bridge.protocol.folders import list_folder
from samj_bridge.settings import Settings

__all__ = ["UNEXPECTED", "explain_error"]

UNEXPECTED = "unexpected"
"""Code of an error that nobody foresaw; nothing that the user does is known to mend it."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ONLY_WRITING = {errno.EROFS, errno.EPERM}
_KEPT = 10


def explain_error(error: Exception, settings: Settings, *, doing: str, before: Path | None) -> SamjError:
    """Return the error to raise for one that came up while an environment was made.

    Parameters
    ----------
    error : Exception
        Not one of ours.
    settings : Settings
        Where ``SAMJ_HOME`` and its logs are.
    doing : str
        What was being done: "the packages were installed".
    before : Path, optional
        The environment that was there before, which is as it was.
    """
    found = _mendable(error, settings.home) if isinstance(error, OSError) else None
    return found or _unexpected(error, settings, doing, before)


def _mendable(error: OSError, home: Path) -> SamjError | None:
    """Return the error for a write of ours that was refused, or found no room; None: it is something else."""
    reason = error.strerror or str(error)
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else None
    below = path is not None and _is_below(path, home)
    if error.errno in _FULL:
        # A write to an open file does not say which.
        where = home if path is None or below else path.parent
        hint = "Free some space, and try again."
        return NoSpaceError(f"The disk of {where} is full ({reason}).", hint=hint, path=str(where))
    refused = error.errno in _ONLY_WRITING or (error.errno == errno.EACCES and path is not None and _closed(path))
    if not below or not refused:
        return None
    message = f"{path} can't be written: {reason}."
    hint = "Choose another folder with SAMJ_HOME, or make this one writable."
    return FileError(message, code="not-writable", hint=hint, path=str(path))


def _is_below(path: Path, home: Path) -> bool:
    return os.path.realpath(path).startswith(os.path.realpath(home).rstrip(os.sep) + os.sep) or path == home


def _closed(path: Path) -> bool:
    """Tell whether `path` may not be written, or nothing be made in the folder where it would be."""
    if os.path.lexists(path) and not os.access(path, os.W_OK):
        return True
    folder = path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return not os.access(folder, os.W_OK | os.X_OK)


def _unexpected(error: Exception, settings: Settings, doing: str, before: Path | None) -> InstallError:
    said = str(error).strip()
    what = f"{type(error).__name__}, {said}" if said else type(error).__name__
    kept = f"The environment from before ({before}) is as it was." if before else "Nothing of the new one is left."
    message = f"Something unexpected happened while {doing}: {what.rstrip('.')}. {kept}"
    log = _write_log(error, settings, doing)
    hint = "Try again; if it stays so, please report it" + (f" with the file {log}." if log else ".")
    details = {"doing": doing, "log": str(log) if log else "", "before": str(before or "")}
    return InstallError(message, code=UNEXPECTED, hint=hint, **details)


def _write_log(error: Exception, settings: Settings, doing: str) -> Path | None:
    """Keep the traceback, and what programs said that took part; None: it can't be kept."""
    text = [f"While {doing}:\n", *traceback.format_exception(type(error), error, error.__traceback__)]
    cause: BaseException | None = error
    while cause is not None:
        details = cause.details if isinstance(cause, SamjError) else {}
        text += [f"{line}\n" for name in ("stderr", "output") for line in details.get(name, ())]
        cause = cause.__cause__ or cause.__context__
    path = settings.logs_dir / f"install-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(text), encoding="utf-8", errors="backslashreplace")
    except OSError:
        return None
    for entry in [item for item in list_folder(path.parent) if item.name.startswith("install-")][:-_KEPT]:
        with contextlib.suppress(OSError):
            entry.path.unlink()
    return path
