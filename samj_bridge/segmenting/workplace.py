"""A hidden folder in the folder of results, in which a run makes what it writes, and a lock: one run at a time."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from samj_bridge.errors import FileError
from samj_bridge.export.output import write_error
from samj_bridge.process.locks import has_locks, try_lock
from samj_bridge.protocol.folders import list_folder
from samj_bridge.segmenting.listing import Part

__all__ = ["put_in_place", "working_in"]

_NAME = ".samj-run"
_LOCK = "lock"
_TRIES, _PAUSE_S = 20, 0.05


@contextmanager
def working_in(output: Path, part: Part | None) -> Iterator[Path]:
    """Hold a folder for what is not finished, in the folder of results; it is gone afterwards.

    What a killed run has left in it goes first. A run of all images also removes what killed parts have left.

    Parameters
    ----------
    output : Path
        The folder of results, which is there.
    part : (int, int), optional
        Each part of a run has a folder of its own: parts run side by side.

    Raises
    ------
    FileError
        ``run-in-progress``: another run of the same part writes there; or the folder can't be written to.
    """
    folder = output / (f"{_NAME}-{part[0]}-of-{part[1]}" if part else _NAME)
    with ExitStack() as held:
        try:
            _lock(folder, held)
            _clear(folder)
            for entry in list_folder(output) if part is None else ():
                if entry.is_folder and entry.name.startswith(_NAME) and entry.path != folder:
                    _remove_left(entry.path)
        except OSError as error:
            raise write_error(error, folder) from error
        try:
            yield folder
        finally:
            _clear(folder)
            # While it is locked: who comes now finds no folder, and makes one of its own.
            with suppress(OSError):
                (folder / _LOCK).unlink()
                folder.rmdir()


def put_in_place(draft: Path, target: Path) -> Path:
    """Give a finished file its name; returns it.

    Raises
    ------
    FileError, NoSpaceError
        It can't be done. What was there before is still there.
    """
    try:
        return draft.replace(target)
    except OSError as error:
        raise write_error(error, target) from error


def _lock(folder: Path, held: ExitStack) -> None:
    for _ in range(_TRIES):
        folder.mkdir(exist_ok=True)
        lock = folder / _LOCK
        try:
            if not has_locks(lock):
                # As some network drives: nothing tells runs apart, and each file is whole all the same.
                return
        except FileNotFoundError:
            # Who held it has just removed it.
            continue
        with ExitStack() as taking:
            # It is there still: a lock on what was removed meanwhile keeps nobody out.
            if taking.enter_context(try_lock(lock)) and lock.exists():
                held.push(taking.pop_all())
                return
        # A run that looks for what killed ones have left holds it for a moment.
        time.sleep(_PAUSE_S)
    message = f"Another run is writing its results to {folder.parent}."
    hint = "Let it end, choose another folder with --output, or give each run a part with --part."
    raise FileError(message, code="run-in-progress", hint=hint, path=str(folder.parent))


def _clear(folder: Path) -> None:
    for entry in list_folder(folder):
        if entry.name == _LOCK:
            continue
        if entry.is_folder:
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with suppress(OSError):
                entry.path.unlink()


def _remove_left(folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        if (folder / _LOCK).exists() and stack.enter_context(try_lock(folder / _LOCK)):
            shutil.rmtree(folder, ignore_errors=True)
