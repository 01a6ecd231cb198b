"""Write a file of which every byte is at hand: under a name of its own until it is whole and right."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from samj_bridge.download.digest import Digester, Digests, read_blocks
from samj_bridge.download.failure import not_verifiable
from samj_bridge.download.flushing import Flusher
from samj_bridge.download.meter import Meter
from samj_bridge.download.partial import cannot_write, free_bytes, sync_folder, write_all
from samj_bridge.download.source import Source
from samj_bridge.errors import FileError, HashMismatch, SizeMismatch
from samj_bridge.progress import CancelToken, Progress, ignore_progress

__all__ = ["place", "write_draft"]


def place(
    path: Path,
    target: Path,
    *,
    source: Source,
    allow_unverified: bool = False,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Digests:
    """Copy the file `path`, put there by hand, to `target`, verified as `source` says; return its digests.

    Raises
    ------
    HashMismatch, SizeMismatch
        It is another file. `path` is left as it is, and nothing stands at `target` that did not before.
    DownloadError
        ``unverified``: as in `fetch`.
    FileError
        One of the two can't be read or written; `NoSpaceError` where the disk is too full.
    Cancelled
        `cancel` was set.
    """
    if not (source.hashes or allow_unverified):
        raise not_verifiable(source)
    try:
        size = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        message = f"{path} can't be read: {error.strerror or error}."
        raise FileError(message, path=str(path)) from error
    with file:
        if source.size is not None and size != source.size:
            message = f"{path} is not {source.name}: it has {size} bytes, not {source.size}. It was left as it is."
            hint = "Get the file again: the download may have been cut."
            raise SizeMismatch(message, hint=hint, expected=source.size, actual=size, path=str(path))

        def check(digests: Digests) -> None:
            wrong = digests.first_mismatch(source.hashes)
            if wrong is not None:
                message = f"{path} is not {source.name}: its hash should be {wrong}. It was left as it is."
                hint = "Get the file again, from another place if need be."
                raise HashMismatch(message, hint=hint, expected=list(source.hashes), actual=digests.as_hashes())

        meter = Meter(progress, "copy", f"Copying {source.name}", size)
        return write_draft(
            read_blocks(file),
            target,
            size=size,
            kinds=source.kinds,
            check=check,
            meter=meter,
            cancel=cancel,
        )


def write_draft(
    blocks: Iterator[bytes],
    target: Path,
    *,
    size: int,
    kinds: Collection[str] = (),
    check: Callable[[Digests], None],
    meter: Meter,
    executable: bool = False,
    cancel: CancelToken | None = None,
) -> Digests:
    """Write `blocks`, `size` bytes in all, to `target`; whatever goes wrong, `target` is as it was before.

    Parameters
    ----------
    blocks : iterator of bytes
        The file.
    target : Path
        Final name; the folder is made when missing.
    size : int
        Bytes that will come.
    kinds : collection of str
        Hashes wanted besides sha256, as in `Digester`.
    check : callable
        Takes the digests before the file gets its name, and raises when they are not right.
    meter : Meter
        Told after each block.
    executable : bool
        Whether the file is a program.
    cancel : CancelToken, optional
        Looked at before each block.

    Raises
    ------
    FileError
        The disk refuses; `NoSpaceError` where it is full.
    Cancelled
        `cancel` was set.
    """
    draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}.draft")
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        free = free_bytes(target.parent)
        if free is not None and free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file = draft.open("xb", buffering=0)
    try:
        with file, Digester(size, kinds) as digester, contextlib.closing(Flusher(file.fileno())) as flusher:
            # An error of `blocks` is not the disk's: only what is written stands under `_writing`.
            for block in blocks:
                if cancel is not None:
                    cancel.check()
                with _writing(target):
                    write_all(file, block)
                    flusher.wrote(digester.count + len(block))
                digester.update(block)
                meter.tell(digester.count)
            digests = digester.finish()
            check(digests)
            with _writing(target):
                if executable and os.name == "posix":
                    os.fchmod(file.fileno(), 0o755)
                flusher.finish()
        with _writing(target):
            draft.replace(target)
            sync_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return digests


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(target, error) from error
