"""Installs models: the file into the store, converted by a worker as soon as there is an environment."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samj_bridge.download import Digests, digest_file
from samj_bridge.errors import FileError, InputError, InstallError, ModelError
from samj_bridge.install import environment_variables, find_environment
from samj_bridge.models import ModelEntry, catalog
from samj_bridge.models.entry import OPEN_LICENCES
from samj_bridge.models.obtain import known_record, obtain
from samj_bridge.models.record import Acceptance, Record
from samj_bridge.models.schema import ID, PROMPTS, TRANSFORMS, entry_from_table
from samj_bridge.models.store import Store, now
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.conversion import ConvertReply
from samj_bridge.session.card import refresh_card
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.session.conversion import convert_checkpoint, convert_or_put_back, weights_from
from samj_bridge.settings import Settings, as_path

__all__ = ["Installed", "existing_launcher", "import_model", "install_model"]

_PROMPTS_OF = {"medsam": ("box",), "cellsam": ("box",), "lite-medsam": ("box",), "efficient-sam": ("box", "points")}
"""Prompts that models with these transforms were made for; any other one takes all."""


@dataclass(frozen=True)
class Installed:
    """What an installation did."""

    record: Record
    """What the store knows of the model now."""
    entry: ModelEntry
    """The model."""
    new: bool
    """False: it was there already."""

    @property
    def converted(self) -> bool:
        """Whether it can be loaded; False: there is no environment yet, and it is converted at its first use."""
        return self.record.weights is not None


@contextlib.contextmanager
def existing_launcher(settings: Settings) -> Iterator[Launcher | None]:
    """Yield what starts workers in the environment there is, held while the block runs; None: there is none."""
    environment = find_environment(settings)
    if environment is None:
        yield None
        return
    with environment.hold():
        launcher = Launcher(environment.python, settings, environment_variables(environment))
        try:
            yield launcher
        finally:
            launcher.log.close()


def install_model(
    entry: ModelEntry,
    settings: Settings,
    *,
    accepted: str = "",
    folder: Path | None = None,
    allow_unverified: bool = False,
    launcher: Launcher | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Installed:
    """Install a model: fetch and verify its file, and convert it.

    Parameters
    ----------
    entry : ModelEntry
        The model.
    settings : Settings
        Where the store is, and what may be done.
    accepted : str
        How somebody agreed to the licence (``asked``, ``--accept-licence``); needed where the licence is
        non-commercial, unusual or unknown.
    folder : Path, optional
        Take the file from there, and don't ask the network.
    allow_unverified : bool
        Take a file of which no hash is known.
    launcher : Launcher, optional
        Starts the worker that converts; by default that of the environment there is.
    progress, cancel
        As everywhere.

    Raises
    ------
    ModelError
        ``licence-not-accepted``, ``packaged``, ``model-file-missing``, ``bad-checkpoint``.
    DownloadError, FileError, WorkerError, Cancelled
        What else can go wrong. What was fetched is kept.
    """
    if entry.is_packaged:
        message = f"The model {entry.id!r} is part of the package: there is nothing to install."
        raise ModelError(message, code="packaged", hint=f"Use it: --model {entry.id}", model=entry.id)
    store = Store(settings)
    known = known_record(entry, store)
    if entry.asks_licence and not accepted and not _accepted_before(entry, known):
        message = f"The licence of the model {entry.id!r} is {entry.licence_text}: it was not accepted."
        hint = f"If you may use it so: samj-bridge models install {entry.id} --accept-licence"
        raise ModelError(message, code="licence-not-accepted", hint=hint, model=entry.id, licence=entry.licence)
    how = accepted if entry.asks_licence else "not-needed"
    record = known or obtain(
        entry,
        store,
        Acceptance(entry.licence_text, how, now()),
        folder=folder,
        allow_unverified=allow_unverified,
        progress=progress,
        cancel=cancel,
    )
    if record.weights is None:
        with _launcher(launcher, settings) as starts:
            if starts is not None:
                record = convert_or_put_back(store, entry, record, starts, progress, cancel)
    refresh_card(settings)
    return Installed(record, entry, known is None)


def import_model(
    path: Path,
    settings: Settings,
    *,
    name: str = "",
    transform: str = "",
    launcher: Launcher | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Installed:
    """Add a checkpoint of a known architecture as a model of the user's own; the file stays where it is.

    A file that the catalog knows by its hash is installed as the model that it is, unless it is given a name or a
    transform of its own.

    Parameters
    ----------
    path : Path
        The checkpoint: ``.pt``, ``.pth`` or ``.safetensors``.
    settings : Settings
        Where the store is.
    name : str
        Id of the model; made from the file's name by default.
    transform : str
        How an image becomes the network's input; by default CellSAM's for a file that has its detector, else what
        the architecture's authors published.
    launcher, progress, cancel
        As in `install_model`.

    Raises
    ------
    InputError
        The id or the transform can't be used.
    ModelError
        ``bad-checkpoint``, or ``id-taken``.
    InstallError
        ``no-environment``: there is none to read it with.
    """
    _check_words(name, transform)
    path = as_path(path)
    digests, store = _digests(path, progress, cancel), Store(settings)
    published = _published(digests, store) if not (name or transform) else None
    if published is not None:
        return install_model(
            published,
            settings,
            accepted="own-file",
            folder=path,
            launcher=launcher,
            progress=progress,
            cancel=cancel,
        )
    name = name or _free_name(path, digests, store)
    known = _refuse_taken(name, digests, store)
    if known is not None:
        return Installed(known, catalog(settings)[name], False)
    with _launcher(launcher, settings) as starts, store.changing(progress, cancel, key=digests.sha256):
        if starts is None:
            message = f"There is no environment yet to read {path.name} with: nothing was imported."
            raise InstallError(message, code="no-environment", hint="Make it first: samj-bridge setup")
        part = store.part_path(digests.sha256)
        part.unlink(missing_ok=True)
        try:
            reply = convert_checkpoint(starts, path, part, name=path.name, progress=progress, cancel=cancel)
            table = _table(path, name, reply, transform)
            entry, problems = entry_from_table(name, table, store.folder, "user", plain_http=True)
            if entry is None:
                message = f"The model {name!r} can't be added: it {'; it '.join(problems)}."
                raise InputError(message, code="bad-model", hint="Choose others with --id and --transform.")
            record = Record(
                name,
                digests.sha256,
                digests.size,
                digests.as_hashes(),
                path.name,
                str(path),
                False,
                Acceptance("", "own-file", now()),
                now(),
                None,
                table,
            )
            with store.changing(progress, cancel):
                record = store.add_weights(record, part, weights_from(reply))
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    refresh_card(settings)
    return Installed(record, entry, True)


@contextlib.contextmanager
def _launcher(given: Launcher | None, settings: Settings) -> Iterator[Launcher | None]:
    if given is not None:
        yield given
        return
    with existing_launcher(settings) as launcher:
        yield launcher


def _check_words(name: str, transform: str) -> None:
    """Refuse what could never be an id or a transform before the file is read."""
    known = sorted({item for group in TRANSFORMS.values() for item in group})
    if transform and transform not in known:
        message = f"There is no transform {transform!r}."
        raise InputError(message, code="bad-model", hint=f"Transforms: {', '.join(known)}.")
    if name and not ID.fullmatch(name):
        message = f"{name!r} can't be the id of a model."
        raise InputError(message, code="bad-model", hint="Use a-z, 0-9, dot, dash and underscore, at most 80.")


def _accepted_before(entry: ModelEntry, record: Record | None) -> bool:
    return record is not None and (record.licence.licence in (entry.licence_text, *OPEN_LICENCES))


def _digests(path: Path, progress: Progress, cancel: CancelToken | None) -> Digests:
    if path.is_dir():
        message = f"{path} is a folder, as FSDP and DeepSpeed save checkpoints in parts: nothing was imported."
        hint = (
            "Make one file of it: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER"
            " weights.pth,"
            " or DeepSpeed's own python zero_to_fp32.py FOLDER weights.pth."
        )
        raise FileError(message, hint=hint, path=str(path))
    if not path.is_file():
        message = f"There is no file {path}."
        raise FileError(message, hint="Name a checkpoint: a .pt, .pth or .safetensors file.", path=str(path))
    size = path.stat().st_size

    def tell(done: int) -> None:
        notify(progress, ProgressEvent("verify", f"Reading {path.name}", done, size, "bytes"))

    return digest_file(path, on_block=tell, cancel=cancel)


def _published(digests: Digests, store: Store) -> ModelEntry | None:
    """Return the model of a catalog whose file this is."""
    for entry in catalog(store.settings).values():
        if entry.hashes and digests.first_mismatch(entry.hashes) is None:
            return entry
    return None


def _free_name(path: Path, digests: Digests, store: Store) -> str:
    own = {record.source: record.id for record in store.records() if record.entry is not None}
    if digests.sha256 in own:
        return own[digests.sha256]
    stem = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")[:60] or "model"
    taken = set(catalog(store.settings))
    return next(text for text in (stem, *(f"{stem}-{n}" for n in range(2, 1000))) if text not in taken)


def _refuse_taken(name: str, digests: Digests, store: Store) -> Record | None:
    """Return the record if this very file is imported under that name already; refuse a name that is another's."""
    entry = catalog(store.settings).get(name)
    if entry is None:
        return None
    record = store.record(name) if entry.origin == "user" else None
    if record is not None and record.source == digests.sha256 and store.has_file(record):
        return record
    whose = "an imported model" if entry.origin == "user" else "the catalog"
    message = f"The id {name!r} is taken by {whose}."
    hint = (
        "Choose another one with --id" + (f", or first: samj-bridge models remove {name}" if record else "") + "."
    )
    raise ModelError(message, code="id-taken", hint=hint, model=name)


def _table(path: Path, name: str, reply: ConvertReply, transform: str) -> Mapping[str, Any]:
    """Return the catalog table of an imported model."""
    has_detector = any(item.startswith("cellfinder.") for item in reply.dropped)
    is_cellsam = reply.family == "sam" and (has_detector or "model_cp." in reply.unwrapped)
    usual = "cellsam" if is_cellsam else TRANSFORMS[reply.family][0]
    chosen = transform or usual
    file = shlex.quote(str(path))
    return {
        "title": f"{path.name}, imported",
        "family": reply.family,
        "architecture": reply.architecture,
        "transform": chosen,
        "prompts": list(_PROMPTS_OF.get(chosen, PROMPTS)),
        "licence_note": "your own file",
        "obtain": f"Import it again: samj-bridge models import {file} --id {name} --transform {chosen}",
    }
