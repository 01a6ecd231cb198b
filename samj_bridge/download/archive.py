"""Take one named file out of an archive, and nothing else."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.download.digest import Digests
from samj_bridge.progress import CancelToken, Progress, ignore_progress

__all__ = ["extract_tar_member", "extract_zip_member"]


def extract_zip_member(
    archive: Path,
    member: str,
    target: Path,
    *,
    size: int | None = None,
    largest: int = 8 << 30,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Digests:
    """Bring the file `member` of a zip archive to `target`; return its digests.

    The name in the archive decides nothing but which bytes are read: `target` is where they go. Only a regular file
    is taken.

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
    largest : int
        Bytes after which an archive that promises less is given up.

    Raises
    ------
    SizeMismatch
        The member has another size than `size`, or than the archive says.
    DownloadError
        ``archive-member`` (it is not there, or no regular file: the members are named), ``archive-damaged``,
        ``archive-bomb`` (it holds more than `largest`).
    FileError
        `target` can't be written; `NoSpaceError` where the disk is too full.
    Cancelled
        `cancel` was set.
    """
    raise NotImplementedError


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

    Parameters and errors as of `extract_zip_member`.
    """
    raise NotImplementedError
