"""Make, try out and remove environments, so that whoever looks finds the old one or the new one, never half of one.

Take the lock; build in a prefix of its own; try it out; write the marker; point to it; sweep. A process that is
killed at any of these steps leaves rubbish that the next one recognises: prefixes without a marker.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, InputError, InstallError, NetworkError, ProbeError, SamjError
from samj_bridge.install.builders import BUILDERS
from samj_bridge.install.builders.base import Builder, BuildRequest, Built, choose_builder
from samj_bridge.install.causes import refuse_hopeless
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.locks.any import AnyLock, builder_of
from samj_bridge.install.locks.explicit import ExplicitLock
from samj_bridge.install.locks.pypi import PypiLock
from samj_bridge.install.prefixes.adoption import current_adopted
from samj_bridge.install.prefixes.environment import (
    ADOPTED_NAME,
    Environment,
    environment_folder,
    find_built,
    find_environment,
    write_marker,
    write_text_atomically,
)
from samj_bridge.install.prefixes.origin import as_made, origin_of
from samj_bridge.install.prefixes.probe import probe
from samj_bridge.install.prefixes.sweep import remove_prefix, sweep, sweep_if_free
from samj_bridge.install.prefixes.turns import take_turn
from samj_bridge.install.specification import Specification, load_specification
from samj_bridge.install.unexpected import UNEXPECTED, explain_error
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.settings import Settings

__all__ = ["create_environment", "ensure_environment", "locked"]

_log = logging.getLogger(__name__)


def ensure_environment(
    settings: Settings,
    *,
    name: str = "samj",
    builder: str | Builder | None = None,
    specification: Specification | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Environment:
    """Return the environment `name`, made first if there is none or its specification has changed.

    Parameters
    ----------
    settings : Settings
        Where environments live, which indexes to use.
    name : str
        Which environment.
    builder : str or Builder, optional
        Who makes it; ``settings.builder`` by default.
    specification : Specification, optional
        What it is to hold; the one of this name that comes with samj-bridge by default.
    progress : callable
        Called with `ProgressEvent`, from any thread.
    cancel : CancelToken, optional
        Stops it within two seconds, with nothing half-made left.

    Raises
    ------
    InstallError, NetworkError, ProbeError, FileError, NoSpaceError
        It could not be made; an environment that was there before is untouched.
    Cancelled
        `cancel` was set.
    """
    specification = specification or load_specification(name)
    adopted = current_adopted(settings, name, specification)
    if adopted is not None:
        return adopted
    found = find_environment(settings, name)
    if found is not None and found.specification == specification.hash_for(found.builder):
        sweep_if_free(environment_folder(settings, name), keep=found.prefix)
        return found
    if found is not None:
        # Brought up to date as it was made: by the same executable, from the same channels.
        settings = as_made(settings, found.origin)
    choice = _choose(settings, builder, specification)
    with locked(settings, name, progress, cancel) as (folder, told):
        # Another process may have made it while this one waited.
        found = find_environment(settings, name)
        if found is not None and found.specification == specification.hash_for(found.builder):
            return found
        order = _Order(settings, folder, name, specification, told, cancel)
        try:
            return _create(order, *choice)
        except SamjError as error:
            may_wait = isinstance(error, (NetworkError, FileError)) or error.code == UNEXPECTED
            if found is None or not may_wait:
                raise
            return _serve_old(order, found, error)


def create_environment(
    settings: Settings,
    *,
    name: str = "samj",
    builder: str | Builder | None = None,
    specification: Specification | None = None,
    lock: AnyLock | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Environment:
    """Make the environment `name` anew, whether or not there is one; see `ensure_environment`.

    Parameters
    ----------
    lock : ExplicitLock or PypiLock, optional
        The very packages to install, as `samj_bridge.install.locks.any.read_lock` returns them. What kind it is
        says who installs it.

    Raises
    ------
    InputError
        `builder` can't install `lock`.
    """
    if lock is not None:
        builder = _builder_for(lock, settings.builder if builder is None else builder)
    specification = specification or load_specification(name)
    if (environment_folder(settings, name) / ADOPTED_NAME).exists():
        message = f"The environment {name} is one that was made outside of samj-bridge. Nothing was installed."
        raise InstallError(
            message, code="adopted", hint="Go back to samj-bridge's own first: samj-bridge env use --none"
        )
    choice = _choose(settings, builder, specification)
    with locked(settings, name, progress, cancel) as (folder, told):
        return _create(_Order(settings, folder, name, specification, told, cancel, lock), *choice)


@dataclass(frozen=True)
class _Order:
    """What is to be made, and for whom."""

    settings: Settings
    folder: Path
    name: str
    specification: Specification
    progress: Progress
    cancel: CancelToken | None
    lock: AnyLock | None = None

    def request(self, prefix: Path) -> BuildRequest:
        """Return the order to a builder."""
        explicit = self.lock if isinstance(self.lock, ExplicitLock) else None
        pypi = self.lock if isinstance(self.lock, PypiLock) else None
        return BuildRequest(self.specification, prefix, self.progress, self.cancel, explicit, pypi)


def _builder_for(lock: AnyLock, wanted: str | Builder) -> str | Builder:
    name = builder_of(lock)
    if isinstance(wanted, str) and wanted not in {"auto", name}:
        message = f"{wanted} can't install this lock: it is one for {name}. Nothing was installed."
        raise InputError(message, hint=f"Leave --builder out, or set it to {name}.")
    return name if isinstance(wanted, str) else wanted


def _choose(settings: Settings, wanted: str | Builder | None, specification: Specification) -> tuple[Builder, str]:
    """Choose a builder before a single folder is made: where none can work, nothing has changed."""
    refuse_hopeless(settings.home, settings.envs_dir)
    return choose_builder(wanted, specification, settings)


def _create(order: _Order, builder: Builder, why: str) -> Environment:
    old = find_built(order.folder, order.name)
    sweep(order.folder, keep=old.prefix if old else None)
    try:
        return _build(order, builder, (why,))
    except ProbeError as error:
        gpu = error.details.get("gpu")
        if not gpu or order.settings.device == "cuda" or order.lock is not None or builder.name not in BUILDERS:
            raise
        reason = f"the build for {gpu} failed its trial ({error.message.rstrip('.')}): took the one for the CPU"
        notify(order.progress, ProgressEvent("resolve", f"{reason[:1].upper()}{reason[1:]}."))
        order = replace(order, settings=replace(order.settings, device="cpu"))
        builder, _ = choose_builder(builder.name, order.specification, order.settings)
        return _build(order, builder, (why, reason))


def _build(order: _Order, builder: Builder, why: tuple[str, ...]) -> Environment:
    name, folder, progress = order.name, order.folder, order.progress
    specification_hash = order.specification.hash_for(builder.name)
    prefix = _new_prefix(folder, specification_hash)
    notify(progress, ProgressEvent("resolve", f"Making the environment {name} in {prefix} with {why[0]}."))
    doing = f"{builder.name} installed the packages"
    try:
        built = builder.build(order.request(prefix))
        doing = "the new environment was tried out"
        notify(progress, ProgressEvent("probe", "Trying the new environment out."))
        report = _try_out(order, built)
        environment = Environment(
            name=name,
            prefix=prefix,
            python=built.python,
            builder=builder.name,
            feature=built.feature,
            specification=specification_hash,
            packages=report["packages"],
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            notes=(*why, *built.notes),
            python_version=report["python"],
            probe=order.specification.probe,
            origin=origin_of(order.settings, order.specification, builder.name),
        )
        doing = "the new environment was declared finished"
        notify(progress, ProgressEvent("commit", "It works; declaring it finished."))
        if order.cancel is not None:
            order.cancel.check()
        write_marker(environment)
        notify(progress, ProgressEvent("commit", "Switching over to it."))
        write_text_atomically(folder / "current", prefix.name + "\n")
    except SamjError:
        remove_prefix(prefix)
        raise
    except Exception as error:
        remove_prefix(prefix)
        old = find_built(folder, name)
        before = old.prefix if old else None
        raise explain_error(error, order.settings, doing=doing, before=before) from error
    except BaseException:
        remove_prefix(prefix)
        raise
    notify(progress, ProgressEvent("sweep", "Removing what it replaces."))
    sweep(folder, keep=prefix)
    notify(progress, ProgressEvent("done", f"The environment {name} is ready.", 1.0, 1.0))
    return environment


def _try_out(order: _Order, built: Built) -> dict[str, Any]:
    # A build with CUDA may be made without a GPU: on a cluster's front end, or where nothing smaller was to be had.
    gpu = find_nvidia_gpu() if built.feature == "cuda" and order.settings.device in {"auto", "cuda"} else ""
    try:
        return probe(built.python, order.specification.probe, cancel=order.cancel, cuda=bool(gpu))
    except ProbeError as error:
        error.details["gpu"] = gpu
        raise


def _serve_old(order: _Order, old: Environment, error: SamjError) -> Environment:
    """Return `old` if it can do what the changed specification asks for; raise `error` if not."""
    try:
        probe(old.python, order.specification.probe, cancel=order.cancel)
    except ProbeError:
        raise error from None
    message = f"The environment {old.name} could not be brought up to date, so the one from before is used"
    _log.warning("%s: %s", message, error)
    notify(order.progress, ProgressEvent("done", f"{message} ({error.message})"))
    return old


def _new_prefix(folder: Path, specification_hash: str) -> Path:
    number = 1
    while (prefix := folder / f"{specification_hash[:12]}-{number}").exists():
        number += 1
    return prefix


@contextlib.contextmanager
def locked(
    settings: Settings, name: str, progress: Progress, cancel: CancelToken | None
) -> Iterator[tuple[Path, Progress]]:
    """Be the only one to work on environment `name` while the block runs; see `take_turn`.

    Yields
    ------
    tuple
        The folder of the environment, and the progress that those who wait for it see as well.

    Raises
    ------
    FileError
        The folder can't be made, or the lock can't be taken.
    """
    folder = environment_folder(settings, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = explain_error(error, settings, doing=f"the folder {folder} was made", before=None)
        if problem.code == UNEXPECTED:
            # Whatever it is, it is of the place that was chosen: a file in the way, a name that is too long.
            reason = error.strerror or str(error)
            message = f"The folder {folder} can't be made: {reason}."
            problem = FileError(message, hint="Choose another folder with SAMJ_HOME.", path=str(folder))
        raise problem from error
    with take_turn(folder, name, progress, cancel) as told:
        yield folder, told
