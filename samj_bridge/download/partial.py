"""A file on its way: beside its final name until it is whole and right.

``<name>.part`` holds the bytes, ``<name>.part.json`` what the server said of the file that they are of. Both
outlive a kill; the next download reads them, hashes what is there, and goes on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from samj_bridge.download.digest import Digester, Digests, digest_file, read_blocks
from samj_bridge.download.flushing import Flusher
from samj_bridge.download.meter import amount
from samj_bridge.errors import FileError, NoSpaceError
from samj_bridge.progress import CancelToken, notify

__all__ = ["DISK_FULL", "Origin", "Partial", "cannot_write", "free_bytes", "sync_folder", "write_all"]

DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""Numbers of the errors of a disk, or of a user's share of it, that is full."""

_RESERVE = 20_000_000


@dataclass(frozen=True)
class Origin:
    """Which file the bytes are of."""

    url: str
    """Where they came from, as it may be shown."""
    validator: str
    """Strong ETag or time of change; empty where the server names none."""
    total: int | None
    """Bytes of the whole file."""


class Partial:
    """The bytes that came so far, and their hashes. Used in a ``with`` statement; leaving it keeps them.

    Parameters
    ----------
    target : Path
        Final name.
    path : Path
        Name until then, in the same folder.
    kinds : collection of str
        Hashes wanted besides sha256, as in `Digester`.

    Raises
    ------
    FileError
        From every method: the disk refuses; `NoSpaceError` where it is full.
    """

    def __init__(self, target: Path, path: Path, kinds: Collection[str]) -> None:
        self.target = target
        self.path = path
        self.kinds = kinds
        self._sidecar = path.with_name(path.name + ".json")
        self.origin: Origin | None = None
        self.patched = False
        """Whether the bytes come from more than one request: then a wrong hash may be no one server's fault."""
        self._file: IO[bytes] | None = None
        self._flusher: Flusher | None = None
        self._digester: Digester | None = None

    def __enter__(self) -> Partial:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.position:
            self._close()
        else:
            with contextlib.suppress(FileError):
                self.discard()

    @property
    def position(self) -> int:
        """Count of bytes that are there."""
        return self._digester.count if self._digester is not None else 0

    def find(
        self, size: int | None, *, on_block: Callable[[int], None] | None = None, cancel: CancelToken | None = None
    ) -> None:
        """Take up what an earlier download left, if it can be of a file of `size` bytes; read and hash it."""
        origin = self._read_sidecar()
        try:
            length = self.path.stat().st_size
        except OSError:
            length = 0
        total = origin.total if origin is not None else None
        if origin is None or not length or (size is not None and total not in {None, size}):
            self.discard()
            return
        if total is not None and length > total:
            self.discard()
            return
        self.origin = origin
        self.patched = True
        try:
            self._file = self.path.open("r+b", buffering=0)
            self._flusher = Flusher(self._file.fileno())
            self._digester = Digester(size if total is None else total, self.kinds)
            for block in read_blocks(self._file):
                if cancel is not None:
                    cancel.check()
                self._digester.update(block)
                notify(on_block, self.position)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def begin(self, origin: Origin) -> None:
        """Start with no bytes, of the file that `origin` names."""
        self._close()
        self.origin = origin
        self.patched = False
        try:
            # Bytes without their origin are worthless: so that is written first, and the old bytes go before it.
            self._file = self.path.open("wb", buffering=0)
            self._flusher = Flusher(self._file.fileno())
            draft = self._sidecar.with_name(self._sidecar.name + ".new")
            draft.write_text(json.dumps(asdict(origin)), encoding="utf-8")
            draft.replace(self._sidecar)
        except OSError as error:
            self._close()
            raise cannot_write(self.path, error) from error
        self._digester = Digester(origin.total, self.kinds)

    def append(self, block: bytes) -> None:
        """Take the next bytes."""
        if self._file is None or self._flusher is None or self._digester is None:
            raise ValueError("Nothing was begun.")
        try:
            write_all(self._file, block)
            self._flusher.wrote(self.position + len(block))
        except OSError as error:
            # Some of the block may be there: back to what the hashes know.
            with contextlib.suppress(OSError):
                self._file.truncate(self.position)
            raise cannot_write(self.path, error, left=self.position) from error
        self._digester.update(block)

    def discard(self) -> None:
        """Forget all that came."""
        self._close()
        self._digester = None
        self.origin = None
        self.patched = False
        for path in (self.path, self._sidecar):
            with contextlib.suppress(FileNotFoundError):
                try:
                    path.unlink()
                except OSError as error:
                    if error.errno != errno.ENOENT:
                        raise cannot_write(path, error) from error

    def digests(self) -> Digests:
        """Bring the bytes to the disk and return their digests; nothing can be appended afterwards."""
        if self._flusher is None or self._digester is None:
            raise ValueError("Nothing was begun.")
        try:
            self._flusher.finish()
        except OSError as error:
            raise cannot_write(self.path, error, left=self.position) from error
        found = self._digester.finish()
        # Git's id begins with the size: where the server did not tell it, it takes a second reading.
        if "git-blob" in self.kinds and not found.git_blob:
            return digest_file(self.path, kinds=self.kinds)
        return found

    def commit(self) -> None:
        """Give the file its final name."""
        self._close()
        try:
            self.path.replace(self.target)
            with contextlib.suppress(OSError):
                self._sidecar.unlink()
            sync_folder(self.target.parent)
        except OSError as error:
            raise cannot_write(self.target, error) from error

    def check_space(self, total: int) -> None:
        """Raise `NoSpaceError` when the disk has no room for the rest of `total` bytes."""
        needed = total - self.position + _RESERVE
        free = free_bytes(self.path.parent)
        if free is not None and free < needed:
            message = (
                f"Not enough space for {self.target.name}: {needed / 1e6:.0f} MB more are needed, and the disk of "
                f"{self.path.parent} has {free / 1e6:.0f} MB free."
            )
            hint = f"Free some space, and try again: {_kept(self.position)}"
            raise NoSpaceError(message, hint=hint, needed=needed, free=free, path=str(self.path.parent))

    def _close(self) -> None:
        if self._digester is not None:
            self._digester.close()
        if self._flusher is not None:
            self._flusher.close()
            self._flusher = None
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _read_sidecar(self) -> Origin | None:
        try:
            values = json.loads(self._sidecar.read_text(encoding="utf-8"))
            origin = Origin(**values)
        except (OSError, ValueError, TypeError):
            return None
        kinds = [type(value).__name__ for value in asdict(origin).values()]
        return origin if kinds in (["str", "str", "int"], ["str", "str", "NoneType"]) else None


def free_bytes(folder: Path) -> int | None:
    """Return the free bytes of a folder's disk; None where it does not say, as some network drives."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def write_all(file: IO[bytes], block: bytes) -> None:
    """Write a block to an unbuffered file, which may take it in several pieces."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def cannot_write(path: Path, error: OSError, *, left: int = 0) -> FileError:
    """Return what to raise when the disk refuses: a `NoSpaceError` where it is full."""
    reason = (error.strerror or str(error)).rstrip(".")
    if error.errno in DISK_FULL:
        message = f"The disk of {path.parent} is full: {path.name} could not be written on ({reason})."
        return NoSpaceError(message, hint=f"Free some space, and try again: {_kept(left)}", path=str(path))
    message = f"{path} can't be written: {reason}."
    hint = "Check that the folder may be written to, and that no other program has the file open."
    return FileError(message, hint=hint, path=str(path))


def _kept(position: int) -> str:
    if not position:
        return "nothing was fetched."
    return f"the {amount(position)} that came are kept, and the download goes on from there."


def sync_folder(folder: Path) -> None:
    """Bring a rename in `folder` to the disk."""
    # A rename is on the disk when its folder is; Windows has no such call, and needs none.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):
                os.fsync(handle)
        finally:
            os.close(handle)
