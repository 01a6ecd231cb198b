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

from samj_bridge.errors import FileError, InstallError, NetworkError, ProbeError, SamjError
from samj_bridge.install.adopted import current_adopted
from samj_bridge.install.builders.base import Builder, BuildRequest, Built, choose_builder
from samj_bridge.install.causes import refuse_hopeless
from samj_bridge.install.environment import (
    ADOPTED_NAME,
    Environment,
    environment_folder,
    find_built,
    find_environment,
    write_marker,
    write_text_atomically,
)
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.probe import probe
from samj_bridge.install.space import folder_size
from samj_bridge.install.specification import Specification, load_specification
from samj_bridge.install.sweep import is_held, remove_prefix, sweep, sweep_if_free
from samj_bridge.install.turns import take_turn
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress
from samj_bridge.settings import Settings

__all__ = ["check_environment", "create_environment", "ensure_environment", "remove_environment"]

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
    with _locked(settings, name, progress, cancel) as (folder, told):
        # Another process may have made it while this one waited.
        found = find_environment(settings, name)
        if found is not None and found.specification == specification.hash_for(found.builder):
            return found
        order = _Order(settings, folder, name, specification, told, cancel)
        try:
            return _create(order, builder)
        except (NetworkError, FileError) as error:
            if found is None:
                raise
            return _serve_old(order, found, error)


def create_environment(
    settings: Settings,
    *,
    name: str = "samj",
    builder: str | Builder | None = None,
    specification: Specification | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Environment:
    """Make the environment `name` anew, whether or not there is one; see `ensure_environment`."""
    specification = specification or load_specification(name)
    if (environment_folder(settings, name) / ADOPTED_NAME).exists():
        message = f"The environment {name} is one that was made outside of samj-bridge. Nothing was installed."
        raise InstallError(
            message, code="adopted", hint="Go back to samj-bridge's own first: samj-bridge env use --none"
        )
    with _locked(settings, name, progress, cancel) as (folder, told):
        return _create(_Order(settings, folder, name, specification, told, cancel), builder)


def remove_environment(settings: Settings, name: str = "samj") -> int:
    """Remove every build of environment `name`, and forget one that was adopted: that is left as it is.

    Returns
    -------
    int
        Bytes freed. Files that uv's cache holds as well stay there and don't count.

    Raises
    ------
    InstallError
        With code ``in-use``: a process uses it; nothing was removed.
    """
    folder = environment_folder(settings, name)
    if not folder.is_dir():
        return 0
    with _locked(settings, name, ignore_progress, None):
        prefixes = [path for path in folder.iterdir() if path.is_dir() and path.name != "leases"]
        held = [prefix for prefix in prefixes if is_held(prefix)]
        if held:
            message = f"The environment {held[0]} is being used. Nothing was removed."
            raise InstallError(message, code="in-use", hint="Close what uses it (Fiji, a script), and try again.")
        freed = sum(folder_size(prefix) for prefix in prefixes)
        for pointer in (ADOPTED_NAME, "current"):
            (folder / pointer).unlink(missing_ok=True)
        left = [prefix for prefix in prefixes if not remove_prefix(prefix)]
        if left:
            message = f"{left[0]} could not be removed completely."
            raise FileError(message, hint="Close what has files open there, and try again.")
    return freed


def check_environment(environment: Environment, *, timeout_s: float = 120.0) -> dict[str, Any]:
    """Try `environment` out again.

    Returns
    -------
    dict
        Versions, see `samj_bridge.install.probe.probe`.

    Raises
    ------
    ProbeError
        It does not work any more.
    """
    modules: tuple[str, ...] = ()
    with contextlib.suppress(InstallError):
        modules = load_specification(environment.name).probe
    return probe(environment.python, modules, timeout_s=timeout_s, pristine=environment.adopted)


@dataclass(frozen=True)
class _Order:
    """What is to be made, and for whom."""

    settings: Settings
    folder: Path
    name: str
    specification: Specification
    progress: Progress
    cancel: CancelToken | None


def _create(order: _Order, wanted: str | Builder | None) -> Environment:
    settings, specification = order.settings, order.specification
    old = find_built(order.folder, order.name)
    sweep(order.folder, keep=old.prefix if old else None)
    refuse_hopeless(settings.home, settings.envs_dir)
    builder, why = choose_builder(wanted, specification, settings)
    try:
        return _build(order, builder, (why,))
    except ProbeError as error:
        gpu = error.details.get("gpu")
        if not gpu or settings.device == "cuda" or not isinstance(wanted or "", str):
            raise
        reason = f"the build for {gpu} failed its trial ({error.message.rstrip('.')}): took the one for the CPU"
        order.progress(ProgressEvent("resolve", f"{reason[:1].upper()}{reason[1:]}."))
        order = replace(order, settings=replace(settings, device="cpu"))
        builder, _ = choose_builder(builder.name, specification, order.settings)
        return _build(order, builder, (why, reason))


def _build(order: _Order, builder: Builder, why: tuple[str, ...]) -> Environment:
    name, folder, progress = order.name, order.folder, order.progress
    specification_hash = order.specification.hash_for(builder.name)
    prefix = _new_prefix(folder, specification_hash)
    progress(ProgressEvent("resolve", f"Making the environment {name} in {prefix} with {why[0]}."))
    try:
        built = builder.build(BuildRequest(order.specification, prefix, progress, order.cancel))
        progress(ProgressEvent("probe", "Trying the new environment out."))
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
        )
        progress(ProgressEvent("commit", "It works; declaring it finished."))
        if order.cancel is not None:
            order.cancel.check()
        write_marker(environment)
        progress(ProgressEvent("commit", "Switching over to it."))
        write_text_atomically(folder / "current", prefix.name + "\n")
    except OSError as error:
        remove_prefix(prefix)
        raise _file_error(error, folder) from error
    except BaseException:
        remove_prefix(prefix)
        raise
    progress(ProgressEvent("sweep", "Removing what it replaces."))
    sweep(folder, keep=prefix)
    progress(ProgressEvent("done", f"The environment {name} is ready.", 1.0, 1.0))
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
    order.progress(ProgressEvent("done", f"{message} ({error.message})"))
    return old


def _new_prefix(folder: Path, specification_hash: str) -> Path:
    number = 1
    while (prefix := folder / f"{specification_hash[:12]}-{number}").exists():
        number += 1
    return prefix


@contextlib.contextmanager
def _locked(
    settings: Settings, name: str, progress: Progress, cancel: CancelToken | None
) -> Iterator[tuple[Path, Progress]]:
    """Yield the folder of the environment, and the progress that those who wait for it see as well."""
    folder = environment_folder(settings, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _file_error(error, folder) from error
    with take_turn(folder, name, progress, cancel) as told:
        yield folder, told


def _file_error(error: OSError, folder: Path) -> FileError:
    from errno import EDQUOT, ENOSPC

    from samj_bridge.errors import NoSpaceError

    reason = error.strerror or str(error)
    hint = "Choose another folder with SAMJ_HOME, or make this one writable."
    if error.errno in {ENOSPC, EDQUOT}:
        return NoSpaceError(f"The disk of {folder} is full ({reason}).", hint="Free some space, and try again.")
    return FileError(f"{error.filename or folder} can't be written: {reason}.", code="not-writable", hint=hint)
