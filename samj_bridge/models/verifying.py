"""Hashes what is installed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from samj_bridge.download import digest_file
from samj_bridge.errors import FileError, ModelError
from samj_bridge.models.record import Record
from samj_bridge.models.store import Store
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.folders import file_size

__all__ = ["Verdict", "verify"]


@dataclass(frozen=True)
class Verdict:
    """What `verify` says of one model."""

    id: str
    """The model."""
    status: str
    """``ok``, ``damaged`` or ``missing``."""
    message: str
    """In words, with what to do."""
    path: str = ""
    """The file."""

    @property
    def ok(self) -> bool:
        """Whether it can be trusted."""
        return self.status == "ok"


def verify(
    store: Store,
    models: Sequence[str] = (),
    *,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> list[Verdict]:
    """Hash the files of the installed models (or of these) again.

    Raises
    ------
    ModelError
        ``model-not-installed``: one of `models` is not.
    Cancelled
        `cancel` was set.
    """
    found = []
    for name in models or store.names():
        try:
            found.append(_verdict(store, name, progress, cancel))
        except ModelError as error:
            # One that was not asked for, and that another process has removed since it was listed.
            if models or error.code != "model-not-installed":
                raise
    return found


def _verdict(store: Store, name: str, progress: Progress, cancel: CancelToken | None) -> Verdict:
    """Say how a model is; again if another process installs, converts or removes it meanwhile."""
    while True:
        before = _state(store, name)
        verdict = _look(store, name, progress, cancel)
        if verdict.ok or _state(store, name) == before:
            return verdict


def _state(store: Store, name: str) -> Record | None:
    try:
        return store.record(name)
    except ModelError:
        return None


def _look(store: Store, name: str, progress: Progress, cancel: CancelToken | None) -> Verdict:
    again = f"Install it again: samj-bridge models install {name}"
    try:
        record = store.record(name)
    except ModelError as error:
        return Verdict(name, "damaged", f"{error.message} {error.hint}")
    if record is None:
        message = f"The model {name!r} is not installed: nothing to verify."
        hint = f"Install it: samj-bridge models install {name}"
        raise ModelError(message, code="model-not-installed", hint=hint, model=name)
    if record.entry is not None:
        again = f"Remove it, and import the file again: samj-bridge models remove {name}"
    path = store.source_path(record) if record.weights is None else store.weights_path(record)
    wanted = record.source if record.weights is None else record.weights.sha256
    size = file_size(path)
    if size is None:
        return Verdict(name, "missing", f"its file is not there ({path}). {again}", str(path))

    def tell(done: int) -> None:
        notify(progress, ProgressEvent("verify", f"Checking {name}", done, size, "bytes"))

    try:
        sha256 = digest_file(path, kinds=(), on_block=tell, cancel=cancel).sha256
    except FileError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        return Verdict(name, "missing", f"its file is not there ({path}). {again}", str(path))
    if sha256 != wanted:
        return Verdict(name, "damaged", f"its file is not as it was installed ({path}). {again}", str(path))
    waits = " (to be converted when it is first used)" if record.weights is None else ""
    return Verdict(name, "ok", f"{size / 1e6:,.0f} MB, sha256 {wanted[:16]}...{waits}", str(path))
