"""Fetch a file: mirrors in turn, tries again, goes on where it broke off, and keeps nothing that is wrong."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.download.digest import Digests
from samj_bridge.download.source import Policy, Source
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.settings import Settings

__all__ = ["fetch", "place"]


def fetch(
    source: Source,
    target: Path,
    *,
    settings: Settings,
    allow_unverified: bool = False,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
    policy: Policy | None = None,
) -> Digests:
    """Bring `source` to `target`, verified; return its size and hashes.

    A file that is at `target` already and is right is left alone, without asking the network. What came of a
    download that broke off stays beside it, ``<name>.part``, and the next call goes on from there. A second process
    that wants the same file waits for the first, and shows how far that is.

    Parameters
    ----------
    source : Source
        Addresses, size and hashes.
    target : Path
        Final name; the folder is made when missing.
    settings : Settings
        Offline or not, and which certificates to trust. Proxies are taken from the usual variables.
    allow_unverified : bool
        Take a file of which no hash is known; the caller records the digests that are returned.
    progress : callable, optional
        Called with stages ``download``, ``wait`` and ``verify``; bytes done and in all; speed and time left
        in words.
    cancel : CancelToken, optional
        Ends the call at once, also while it waits for a server.
    policy : Policy, optional
        How patient to be.

    Raises
    ------
    HashMismatch
        Every address that answered gave a file with another hash. Nothing of it is kept.
    SizeMismatch
        Every address that answered offers a file of another size.
    DownloadError
        ``code``: ``offline`` (no network wanted), ``unverified`` (no hash is known, and `allow_unverified` is not
        set), ``unreachable``, ``refused`` (an answer like 404), ``tls`` (a certificate that nobody vouches for),
        ``redirect``, ``download`` (otherwise).
    FileError
        The folder can't be written to; `NoSpaceError` where the disk is too full.
    Cancelled
        `cancel` was set. What came so far is kept for the next call.
    """
    raise NotImplementedError


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
        It is another file. `path` is left as it is.
    DownloadError
        ``unverified``: as in `fetch`.
    FileError
        One of the two can't be read or written; `NoSpaceError` where the disk is too full.
    Cancelled
        `cancel` was set.
    """
    raise NotImplementedError
