"""Converts checkpoints in a worker of their own: the host reads nothing of a file that it did not make itself."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from appose.service import TaskEvent

from samj_bridge.errors import ModelError, WorkerError
from samj_bridge.models import ModelEntry
from samj_bridge.models.obtain import downloads_of
from samj_bridge.models.record import Record, Weights
from samj_bridge.models.store import Store, disk_error
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.conversion import ConvertReply, ConvertRequest
from samj_bridge.session.connection.client import Client
from samj_bridge.session.connection.launcher import Launcher

__all__ = ["convert_checkpoint", "convert_or_put_back", "convert_record", "convert_waiting"]


def convert_checkpoint(
    launcher: Launcher,
    source: Path,
    target: Path,
    *,
    architecture: str = "",
    wrapped: str = "",
    name: str = "",
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> ConvertReply:
    """Let a short-lived worker convert a checkpoint.

    Parameters
    ----------
    launcher : Launcher
        Starts the worker.
    source : Path
        The checkpoint.
    target : Path
        The safetensors file to write, which must not exist; after an error it does not.
    architecture : str
        What it has to be; empty: recognised.
    wrapped : str
        Table in the checkpoint to look into first.
    name : str
        What to call it in messages.
    progress, cancel
        As everywhere.

    Raises
    ------
    ModelError
        ``bad-checkpoint``: it can't be used; ``details["reason"]`` says why.
    SamjError
        Any other failure of the worker, a full disk, `Cancelled`.
    """
    name = name or source.name
    notify(progress, ProgressEvent("convert", f"Looking at {name}"))
    service = launcher.start()
    client = Client(service, silence_s=launcher.settings.timeout_s, log=str(launcher.log.path))

    def show(event: TaskEvent) -> None:
        if event.maximum:
            notify(progress, ProgressEvent("convert", f"Converting {name}", event.current or 0, event.maximum, "%"))

    try:
        client.greet(cancel)
        # The worker stands in another folder.
        request = ConvertRequest(str(source.absolute()), str(target.absolute()), architecture, wrapped)
        outputs = client.start("convert", request.to_wire(), cancel=cancel).result(show)
    except WorkerError as error:
        number = error.details.get("errno")
        if isinstance(number, int):
            raise disk_error(OSError(number, os.strerror(number)), target.parent) from error
        raise
    finally:
        service.close(timeout_s=1.0)
    return ConvertReply.from_wire(outputs)


def convert_record(
    store: Store,
    entry: ModelEntry,
    record: Record,
    launcher: Launcher,
    *,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Record:
    """Convert the checkpoint of an installed model, once, however many processes want it; return the new record.

    Raises
    ------
    ModelError
        ``bad-checkpoint``, or the file has gone.
    SamjError
        As `convert_checkpoint`.
    """
    with store.changing(progress, cancel, key=record.source):
        known = store.converted(record.source)
        if known is not None and known.architecture == entry.architecture:
            with store.changing(progress, cancel):
                return store.write(record.with_weights(known))
        part = store.part_path(record.source)
        try:
            reply = convert_checkpoint(
                launcher,
                store.source_path(record),
                part,
                architecture=entry.architecture,
                wrapped=entry.wrapped,
                name=entry.id,
                progress=progress,
                cancel=cancel,
            )
            weights = weights_from(reply)
            with store.changing(progress, cancel):
                return store.add_weights(record, part, weights)
        except ModelError as error:
            error.message = f"The checkpoint of {entry.id!r} can't be used. {error.message}"
            raise
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def convert_or_put_back(
    store: Store,
    entry: ModelEntry,
    record: Record,
    launcher: Launcher,
    progress: Progress,
    cancel: CancelToken | None,
) -> Record:
    """Convert a checkpoint; one that can't be used leaves the store, and is kept beside the downloads.

    Raises
    ------
    ModelError
        ``bad-checkpoint``; ``details["kept"]`` says where the file is.
    SamjError
        As `convert_record`.
    """
    try:
        return convert_record(store, entry, record, launcher, progress=progress, cancel=cancel)
    except ModelError as error:
        if error.code == "bad-checkpoint":
            with store.changing():
                kept = store.put_back(record, downloads_of(entry, store))
            error.message += f" It is not installed; the file is kept at {kept}."
            error.details["kept"] = str(kept)
        raise


def convert_waiting(
    entry: ModelEntry,
    launcher: Launcher,
    *,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> None:
    """Convert a model that was downloaded when there was no environment; any other one is left as it is.

    Raises
    ------
    SamjError
        As `convert_record`.
    """
    store = Store(launcher.settings)
    record = None if entry.is_packaged else store.record(entry.id)
    if record is not None and record.weights is None and store.source_path(record).is_file():
        convert_or_put_back(store, entry, record, launcher, progress, cancel)


def weights_from(reply: ConvertReply) -> Weights:
    """Return what a record keeps of a conversion."""
    return Weights(reply.sha256, reply.size, reply.architecture, reply.parameters, reply.notes)
