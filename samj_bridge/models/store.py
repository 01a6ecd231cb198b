"""The store of installed models: files named by their content, and a record for each model.

::

    SAMJ_HOME/models/
      records/<id>.json                 what is known of an installed model
      sources/<sha256>                  a checkpoint as it was obtained, until it is converted
      weights/<sha256>.safetensors      a converted checkpoint, named by the hash of its source
      downloads/                        what is being fetched
      incoming/                         for files put there by hand
      locks/

A file is moved into place, and its record written, under one lock; readers take none: they see the old or the new.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from samj_bridge.errors import FileError, ModelError, NoSpaceError
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.halves import of_decoder
from samj_bridge.models.record import Record, Weights, read_record, write_record
from samj_bridge.models.schema import entry_from_table
from samj_bridge.process.locks import hold_lock, is_locked
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.folders import file_size, folder_size, is_file, is_folder, list_folder
from samj_bridge.settings import Settings

__all__ = ["Store", "disk_error", "fits", "now"]

_NO_SPACE = (28, 122)
"""ENOSPC and EDQUOT."""
_READ_ONLY = (1, 13, 30)
"""EPERM, EACCES and EROFS."""


class Store:
    """Finds, adds and removes installed models.

    Parameters
    ----------
    settings : Settings
        Says where the store is.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.store_dir

    # --- looking, without a lock -------------------------------------------------------------------------------

    def record(self, name: str) -> Record | None:
        """Return what is known of an installed model; None: it is not installed.

        Raises
        ------
        ModelError
            ``bad-record``.
        """
        return read_record(self._record_path(name))

    def records(self) -> list[Record]:
        """Return every readable record, in the order of the ids."""
        found = map(_record_or_none, self._record_paths())
        return [record for record in found if record is not None]

    def names(self) -> list[str]:
        """Return the ids of all records, readable or not."""
        return [path.stem for path in self._record_paths()]

    def has_record(self, name: str) -> bool:
        """Tell whether there is a record of a model, readable or not."""
        return is_file(self._record_path(name))

    def own_entries(self) -> dict[str, ModelEntry]:
        """Return the models that the user imported, by their ids."""
        found = {}
        for record in self.records():
            if record.entry is not None:
                entry, _ = entry_from_table(record.id, record.entry, self.folder, "user", plain_http=True)
                if entry is not None:
                    found[entry.id] = entry
        return found

    def source_path(self, record: Record) -> Path:
        """Return where the checkpoint of a model lies until it is converted."""
        return self._part("sources") / record.source

    def weights_path(self, record: Record) -> Path:
        """Return where the converted checkpoint of a model lies."""
        return self._part("weights") / f"{record.source}.safetensors"

    def part_path(self, source: str) -> Path:
        """Return where the checkpoint with this hash is being converted: by one process, which holds its lock."""
        return self._part("weights") / f"{source}.part"

    def has_file(self, record: Record) -> bool:
        """Tell whether the files of a record are there: the converted one, or the one to convert."""
        if record.weights is None:
            return is_file(self.source_path(record))
        return file_size(self.weights_path(record)) == record.weights.size

    def weights_of(self, entry: ModelEntry) -> Path:
        """Return the converted checkpoint of a model.

        Raises
        ------
        ModelError
            ``model-not-installed``, ``model-not-converted``, ``model-changed``, ``weights-missing``,
            ``bad-record``.
        """
        record = self.record(entry.id)
        command = f"samj-bridge models install {entry.id}"
        if record is None:
            size = f" ({entry.size / 1e6:.0f} MB)" if entry.size else ""
            message = f"The model {entry.id!r} is not installed."
            hint = f"Install it{size}: {command}"
            raise ModelError(message, code="model-not-installed", hint=hint, model=entry.id)
        if not fits(entry, record):
            message = f"The installed file of {entry.id!r} is another one than the catalog names now."
            raise ModelError(message, code="model-changed", hint=f"Install it again: {command}", model=entry.id)
        path = self.weights_path(record)
        if record.weights is not None and self.has_file(record):
            return path
        if record.weights is None and self.has_file(record):
            message = f"The model {entry.id!r} is downloaded, but not converted yet: there was no environment."
            hint = f"It is converted when it is first used, or by: {command}"
            raise ModelError(message, code="model-not-converted", hint=hint, model=entry.id)
        message = f"The weights of {entry.id!r} have gone from the store, or were cut short ({path})."
        raise ModelError(message, code="weights-missing", hint=f"Install it again: {command}", path=str(path))

    # --- changing, under the lock -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def changing(
        self,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        *,
        key: str = "store",
        on_tick: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        """Hold the store's lock (or that of one file, `key`) while the block runs, and make its folders.

        `on_tick` is called now and then while another process holds it.

        Raises
        ------
        FileError
            The store can't be written, or its disk can't lock.
        """
        try:
            for name in ("records", "sources", "weights", "downloads", "locks"):
                self._part(name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, self.folder) from error

        def wait(holder: Mapping[str, str]) -> None:
            who = f" (process {holder['pid']})" if holder.get("pid") else ""
            notify(progress, ProgressEvent("wait", f"Waiting for another samj-bridge{who} that uses the models"))

        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(hold_lock(self._lock_path(key), on_wait=wait, on_tick=on_tick, cancel=cancel))
            except FileError as error:
                if isinstance(error.__cause__, OSError):
                    raise disk_error(error.__cause__, self.folder) from error
                if error.code == "no-locks":
                    error.hint = (
                        "Nothing was changed, and installed models can still be used. To install or remove some,"
                        " set SAMJ_HOME to a folder on a local disk, or have locks switched on for the drive."
                    )
                raise
            yield

    def add(self, record: Record, checkpoint: Path) -> None:
        """Move a checkpoint into the store and write its record. Must be called under `changing`."""
        try:
            if record.weights is None:
                checkpoint.replace(self.source_path(record))
            write_record(self._record_path(record.id), record)
        except OSError as error:
            raise disk_error(error, self.folder) from error

    def add_weights(self, record: Record, converted: Path, weights: Weights) -> Record:
        """Move a converted checkpoint into the store, and let its source go. Must be called under `changing`."""
        try:
            converted.replace(self.weights_path(record))
            done = record.with_weights(weights)
            for other in self.records():
                # Another model may stand on the same file: with another transform, for example.
                if other.source == record.source and other.weights is None:
                    write_record(self._record_path(other.id), other.with_weights(weights))
            write_record(self._record_path(record.id), done)
            self.source_path(record).unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, self.folder) from error
        return done

    def write(self, record: Record) -> Record:
        """Write a record whose files are there. Must be called under `changing`."""
        try:
            write_record(self._record_path(record.id), record)
        except OSError as error:
            raise disk_error(error, self.folder) from error
        return record

    def put_back(self, record: Record, folder: Path) -> Path:
        """Take a checkpoint that can't be used out of the store, to `folder`, and forget its record.

        Must be called under `changing`. Returns where the file is now.
        """
        kept = folder / record.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.source_path(record).replace(kept)
            self._record_path(record.id).unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, self.folder) from error
        return kept

    def converted(self, source: str) -> Weights | None:
        """Return what is known of the converted form of a checkpoint, if the store has it."""
        for record in self.records():
            if record.source == source and record.weights is not None and self.has_file(record):
                return record.weights
        return None

    def remove(self, name: str, downloads: Path | None = None) -> int:
        """Remove a model, what was fetched of it, and the files that no other one uses; returns the bytes freed.

        Raises
        ------
        ModelError
            ``model-not-installed``.
        FileError
            A file can't be removed: it is in use (Windows), or the store is read-only.
        """
        fetched = downloads is not None and is_folder(downloads)
        if not self.has_record(name) and not fetched:
            message = f"The model {name!r} is not installed: nothing to remove."
            hint = "See what is: samj-bridge models list --installed"
            raise ModelError(message, code="model-not-installed", hint=hint, model=name)
        with self.changing():
            before = self.size()
            try:
                self._record_path(name).unlink(missing_ok=True)
                if fetched and downloads is not None and not is_locked(self._lock_path(downloads.name)):
                    shutil.rmtree(downloads)
                self._sweep()
            except OSError as error:
                raise disk_error(error, self.folder) from error
            return max(0, before - self.size())

    def size(self) -> int:
        """Return the bytes that the whole store takes."""
        return folder_size(self.folder)

    def _sweep(self) -> None:
        """Delete files that no record names, and parts that nobody is writing."""
        if any(_record_or_none(path) is None for path in self._record_paths(named=True)):
            # A record that can't be read may name any of them.
            return
        records = self.records()
        used = {self.weights_path(record) for record in records}
        used |= {self.source_path(record) for record in records if record.weights is None}
        for entry in (*list_folder(self._part("weights")), *list_folder(self._part("sources"))):
            if entry.path not in used and not is_locked(self._lock_path(entry.name.split(".")[0])):
                entry.path.unlink(missing_ok=True)

    def _lock_path(self, key: str) -> Path:
        return self._part("locks") / f"{key}.lock"

    def _part(self, name: str) -> Path:
        return self.folder / name

    def _record_paths(self, *, named: bool = False) -> list[Path]:
        listed = list_folder(self._part("records"), named=named)
        return [entry.path for entry in listed if entry.name.endswith(".json")]

    def _record_path(self, name: str) -> Path:
        return self._part("records") / f"{name}.json"


def _record_or_none(path: Path) -> Record | None:
    try:
        return read_record(path)
    except ModelError:
        return None


def fits(entry: ModelEntry, record: Record) -> bool:
    """Tell whether an installed file is the one that a catalog names: a hash says so, and none contradicts it."""
    known = dict(item.split(":", 1) for item in record.hashes)
    named = dict(item.split(":", 1) for item in (*entry.hashes, *of_decoder(entry.decoder_hashes)))
    # Only the kinds that were named when it came are known; a catalog that names others now may mean another file.
    shared = known.keys() & named.keys()
    return all(known[kind] == named[kind] for kind in shared) and (bool(shared) or not named)


def disk_error(error: OSError, folder: Path) -> FileError:
    """Return the error for a store that can't be written, in words."""
    reason = error.strerror or str(error)
    if error.errno in _NO_SPACE:
        message = f"The disk of the model store {folder} is full."
        return NoSpaceError(message, hint="Free some space, or set SAMJ_HOME to another disk.", path=str(folder))
    if error.errno in _READ_ONLY:
        message = f"The model store {folder} can't be written: {reason}."
        hint = "Make it writable, or set SAMJ_HOME to a folder of your own. Installed models can still be used."
        return FileError(message, code="read-only-store", hint=hint, path=str(folder))
    where = f" ({error.filename})" if error.filename else ""
    message = f"The model store {folder} could not be changed: {reason}{where}."
    return FileError(message, hint="Try again; if it stays so, check its disk.", path=str(folder))


def now() -> str:
    """Return the local time, ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
