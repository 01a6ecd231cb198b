"""What lies in folders that other processes change while we look: one way to list, walk and measure them.

Whatever vanishes, is renamed or can't be read between two looks is left out; nothing is raised for it, on any
version of Python (``Path.rglob`` raises up to 3.11, ``iterdir`` always, ``is_dir`` and ``exists`` on some). Links
below the folder are never followed, not even one that takes the place of a folder at this very moment.

Only a folder that a person named is another matter: with ``named=True`` it is an error if that one can't be listed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Entry", "file_size", "folder_size", "is_file", "is_folder", "list_folder", "walk"]

# Windows has no descriptors of folders; there, nobody but an administrator can put a link in a folder's place.
_BY_DESCRIPTOR = os.scandir in os.supports_fd and os.open in os.supports_dir_fd
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class Entry(NamedTuple):
    """Something in a folder, as it was at the moment of the look."""

    folder: str
    """Path of the folder that it is in."""
    name: str
    """Its name there."""
    status: os.stat_result
    """What it is, as ``lstat`` says: of a link, the link."""

    @property
    def path(self) -> Path:
        """Where it was."""
        return Path(self.folder, self.name)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and no link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, and no link to one."""
        return stat.S_ISREG(self.status.st_mode)


def list_folder(folder: str | os.PathLike[str], *, named: bool = False) -> list[Entry]:
    """Return what is in `folder`, sorted by name; nothing of a folder that is not there or can't be read.

    Parameters
    ----------
    folder : path
        The folder, or a link to one.
    named : bool
        A person named this folder: raise if it can't be listed.

    Raises
    ------
    OSError
        With `named` only: there is no such folder, or it can't be read.
    """
    opened = -1
    try:
        opened = os.open(folder, _FOLDER) if _BY_DESCRIPTOR else -1
        return sorted(_look(os.fspath(folder), opened, named=named), key=lambda entry: entry.name)
    except OSError:
        if named:
            raise
        return []
    finally:
        if opened >= 0:
            os.close(opened)


def walk(folder: str | os.PathLike[str]) -> Iterator[Entry]:
    """Yield everything below `folder`: files, links and folders, each folder before what is in it.

    Parameters
    ----------
    folder : path
        The folder, or a link to one; nothing is below one that is not there.
    """
    top = os.fspath(folder)
    # Each level: the path of a folder, its descriptor (-1: none), and those in it that were not entered yet. A
    # folder is entered through its parent's descriptor: its path may lead elsewhere by now.
    levels: list[tuple[str, int, list[str]]] = []

    def enter(path: str, name: str, parent: int) -> list[Entry]:
        opened = -1
        with contextlib.suppress(OSError):
            if _BY_DESCRIPTOR:
                opened = os.open(name, _FOLDER | _NO_LINK, dir_fd=parent) if levels else os.open(path, _FOLDER)
            found = list(_look(path, opened))
            levels.append((path, opened, [entry.name for entry in found if entry.is_folder]))
            return found
        if opened >= 0:
            os.close(opened)
        return []

    try:
        yield from enter(top, "", -1)
        while levels:
            path, opened, waiting = levels[-1]
            if waiting:
                name = waiting.pop()
                yield from enter(os.path.join(path, name), name, opened)  # noqa: PTH118 (thousands of times)
                continue
            levels.pop()
            if opened >= 0:
                os.close(opened)
    finally:
        for _, opened, _ in levels:
            if opened >= 0:
                os.close(opened)


def folder_size(folder: str | os.PathLike[str], *, freed: bool = False) -> int:
    """Return the bytes of the files below `folder`.

    Parameters
    ----------
    folder : path
        The folder; 0 for one that is not there.
    freed : bool
        Count only what removing the folder would free: files that are linked from elsewhere stay there.
    """
    return sum(
        entry.status.st_size
        for entry in walk(folder)
        if entry.is_file and not (freed and entry.status.st_nlink > 1)
    )


def file_size(path: str | os.PathLike[str]) -> int | None:
    """Return the bytes of a file (or of the one that a link leads to); None: it is none, or can't be asked."""
    try:
        status = os.stat(path)  # noqa: PTH116 (one look: between is_file and stat it may go)
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def is_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is a file, or a link to one, that can be asked; never raises, as ``Path.is_file`` may."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is a folder, or a link to one, that can be asked; never raises, as ``Path.is_dir`` may."""
    return os.path.isdir(path)  # noqa: PTH112


def _look(path: str, opened: int, *, named: bool = False) -> Iterator[Entry]:
    """Yield what is in a folder, which is known by its path or by its descriptor."""
    with os.scandir(opened if opened >= 0 else path) as entries:
        while True:
            try:
                entry = next(entries, None)
            except OSError:
                # A network drive may break off in the middle.
                if named:
                    raise
                return
            if entry is None:
                return
            with contextlib.suppress(OSError):
                # Windows' listing knows no number of links.
                own = os.lstat(entry.path) if sys.platform == "win32" else entry.stat(follow_symlinks=False)
                yield Entry(path, entry.name, own)
