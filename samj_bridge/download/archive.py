"""Take one named file out of an archive, and nothing else.

The name inside decides which bytes are read, never where they go; only regular files are taken, and never more
bytes than were promised.
"""

from __future__ import annotations

import difflib
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from samj_bridge.download.digest import Digests, parse_hash, read_blocks
from samj_bridge.download.draft import write_draft
from samj_bridge.download.meter import Meter, amount
from samj_bridge.errors import DownloadError, FileError, HashMismatch, SizeMismatch
from samj_bridge.progress import CancelToken, Progress, ignore_progress

__all__ = ["extract_tar_member", "extract_zip_member"]

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)
_NAMED = 8


def extract_zip_member(
    archive: Path,
    member: str,
    target: Path,
    *,
    size: int | None = None,
    hashes: tuple[str, ...] = (),
    largest: int = 8 << 30,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Digests:
    """Bring the file `member` of a zip archive to `target`; return its digests.

    Parameters
    ----------
    archive : Path
        The archive, verified before.
    member : str
        Its full name inside, with ``/``.
    target : Path
        Final name, given only when all of it is there and its checksum is right.
    size : int, optional
        Bytes that it must have.
    hashes : tuple of str
        What it must hash to, as in `Source`; those kinds are in the digests that are returned.
    largest : int
        Bytes that it may have at most.
    progress : callable, optional
        Called with stage ``extract``.
    cancel : CancelToken, optional
        Ends the call.

    Raises
    ------
    SizeMismatch
        The member has another size than `size`, or more bytes than the archive says.
    HashMismatch
        It is another file than `hashes` say.
    DownloadError
        ``archive-member`` (it is not there, is no regular file, or wants a password), ``archive-damaged``,
        ``archive-bomb`` (it holds more than `largest`).
    FileError
        `archive` can't be read or `target` written; `NoSpaceError` where the disk is too full.
    Cancelled
        `cancel` was set.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [info for info in opened.infolist() if info.filename == member and not info.is_dir()]
            names = [info.filename for info in opened.infolist() if not info.is_dir()]
            # The upper half of the attributes is a Unix mode, if any: 0o12 begins a symbolic link.
            if len(found) != 1 or found[0].external_attr >> 28 == 0o12 or found[0].flag_bits & 1:
                raise _no_member(archive, member, names)
            expected = _expected(archive, member, found[0].file_size, size, largest)
            with opened.open(found[0]) as file:
                blocks = _exactly(file, archive, member, expected)
                return _write(blocks, target, expected, progress, cancel, member, hashes=hashes)
    except _DAMAGED as error:
        raise _damaged(archive, error) from error
    except (NotImplementedError, RuntimeError) as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        raise _cannot_read(archive, error) from error


def extract_tar_member(
    archive: Path,
    member: str,
    target: Path,
    *,
    size: int | None = None,
    largest: int = 1 << 30,
    executable: bool = False,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Digests:
    """Bring the file `member` of a tar archive, packed or not, to `target`; with `executable`, as a program.

    Parameters and errors as of `extract_zip_member`; a name that the archive has twice counts as its first. Reading
    ends at the member: what follows is never unpacked.
    """
    names: list[str] = []
    passed = 0
    try:
        with tarfile.open(archive, "r|*") as opened:
            for info in opened:
                if cancel is not None:
                    cancel.check()
                if info.name.removeprefix("./") == member and info.isreg():
                    expected = _expected(archive, member, info.size, size, largest)
                    file = opened.extractfile(info)
                    if file is None:
                        raise _no_member(archive, member, names)
                    blocks = _exactly(file, archive, member, expected)
                    return _write(blocks, target, expected, progress, cancel, member, executable=executable)
                names.append(info.name)
                # What lies before the member has to be unpacked to reach it.
                passed += info.size
                if passed > largest:
                    raise _bomb(archive, passed, largest)
    except _DAMAGED as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        # bz2 says OSError for data that it can't make sense of.
        if error.errno is None:
            raise _damaged(archive, error) from error
        raise _cannot_read(archive, error) from error
    raise _no_member(archive, member, names)


def _write(
    blocks: Iterator[bytes],
    target: Path,
    size: int,
    progress: Progress,
    cancel: CancelToken | None,
    member: str,
    *,
    executable: bool = False,
    hashes: tuple[str, ...] = (),
) -> Digests:
    name = member.rpartition("/")[2]

    def check(digests: Digests) -> None:
        wrong = digests.first_mismatch(hashes)
        if wrong is not None:
            message = f"{name} in it is another file: its hash should be {wrong}. Nothing was kept."
            hint = "Don't use an archive from there. Try another mirror, or ask whoever runs the server."
            raise HashMismatch(message, hint=hint, expected=list(hashes), actual=digests.as_hashes())

    return write_draft(
        blocks,
        target,
        size=size,
        kinds=frozenset(parse_hash(item)[0] for item in hashes),
        check=check,
        meter=Meter(progress, "extract", f"Unpacking {name}", size),
        executable=executable,
        cancel=cancel,
    )


def _exactly(file: IO[bytes], archive: Path, member: str, size: int) -> Iterator[bytes]:
    count = 0
    for block in read_blocks(file):
        count += len(block)
        if count > size:
            break
        yield block
    if count != size:
        more = "more than" if count > size else f"{count} bytes instead of"
        message = f"{archive.name} is damaged: {member} has {more} the {size} bytes that the archive says."
        raise SizeMismatch(message, hint="Fetch the archive again.", path=str(archive))


def _expected(archive: Path, member: str, told: int, size: int | None, largest: int) -> int:
    if size is not None and told != size:
        message = f"{member} in {archive.name} has {told} bytes, not {size}. Nothing was unpacked."
        raise SizeMismatch(
            message, hint="Fetch the archive again, from another mirror if need be.", path=str(archive)
        )
    if told > largest:
        raise _bomb(archive, told, largest)
    return told


def _bomb(archive: Path, told: int, largest: int) -> DownloadError:
    message = (
        f"{archive.name} would unpack to {amount(told)} or more, {amount(largest)} at most are taken. "
        "Nothing was unpacked."
    )
    hint = "This is not the archive that it should be: don't use it."
    return DownloadError(message, code="archive-bomb", hint=hint, path=str(archive))


def _no_member(archive: Path, member: str, names: list[str]) -> DownloadError:
    near = difflib.get_close_matches(member, names, _NAMED, 0.3) or names[:_NAMED]
    rest = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
    held = f"It has {', '.join(near)}{rest}." if names else "It is empty."
    message = f"{archive.name} has no file {member!r} that could be taken out. {held}"
    hint = "Fetch the archive again, or correct the member's name in the catalog."
    return DownloadError(message, code="archive-member", hint=hint, path=str(archive), members=names[:100])


def _damaged(archive: Path, error: BaseException) -> DownloadError:
    message = (
        f"{archive.name} can't be unpacked: {str(error).rstrip('.') or type(error).__name__}. Nothing was kept."
    )
    return DownloadError(message, code="archive-damaged", hint="Fetch the archive again.", path=str(archive))


def _cannot_read(archive: Path, error: OSError) -> FileError:
    return FileError(f"{archive} can't be read: {error.strerror or error}.", path=str(archive))
