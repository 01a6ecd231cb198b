"""Look after environments: which there are and whether they work, make one again, remove one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, InputError, InstallError, ProbeError
from samj_bridge.install.builders import BUILDERS
from samj_bridge.install.builders.uv.builder import LOCK_NAME
from samj_bridge.install.locks.any import read_lock
from samj_bridge.install.manager import create_environment, ensure_environment, locked
from samj_bridge.install.prefixes.environment import (
    ADOPTED_NAME,
    MARKER_NAME,
    Environment,
    environment_folder,
    find_built,
    find_environment,
    folders_of,
    prefixes_of,
    read_adopted,
    read_marker,
)
from samj_bridge.install.prefixes.origin import as_made
from samj_bridge.install.prefixes.probe import probe
from samj_bridge.install.prefixes.sweep import is_held, remove_prefix
from samj_bridge.install.specification import (
    Specification,
    current_platform,
    load_specification,
    read_specification,
)
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.folders import folder_size, is_file, is_folder, list_folder
from samj_bridge.settings import Settings

__all__ = [
    "Surveyed",
    "check_environment",
    "check_named",
    "mend_of",
    "named_environment",
    "own_lock",
    "remove_environment",
    "repair_environment",
    "survey",
]


_TRIES = 5
"""How often an environment is looked for that others replace again and again."""


@dataclass(frozen=True)
class Surveyed:
    """An environment on this machine, and how it is."""

    environment: Environment
    """What its marker says."""
    state: str
    """``in use``, ``adopted``, or ``not in use`` (behind an adopted one, or an old one that a process holds)."""
    size_bytes: int
    """What it holds on the disk; files that it shares with a cache count as well. 0 for an adopted one."""
    problem: str = ""
    """Why it does not work; empty: it does, or it was not tried."""
    report: dict[str, Any] = field(default_factory=dict)
    """What the trial found; empty when it was not tried or failed."""


def named_environment(settings: Settings, name: str) -> Environment:
    """Return the environment `name` that is in use.

    Raises
    ------
    InputError
        There is none of this name; the message says which there are.
    """
    found = find_environment(settings, name)
    if found is not None:
        return found
    record = read_adopted(environment_folder(settings, name) / ADOPTED_NAME, name)
    if record is not None:
        message = f"The environment {record.prefix}, which was to be used as {name}, is gone."
        raise InputError(
            message, code="adopted-gone", hint="Go back to samj-bridge's own: samj-bridge env use --none"
        )
    names = sorted({item.environment.name for item in survey(settings, try_out=False)})
    message = f"There is no environment {name!r} in {settings.envs_dir}."
    hint = f"There is: {', '.join(names)}." if names else "Make one: samj-bridge setup"
    raise InputError(message, code="no-environment", hint=hint)


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
    if not is_folder(folder):
        return 0
    with locked(settings, name, ignore_progress, None):
        try:
            listed = list_folder(folder, named=True)
        except OSError as error:
            message = f"The folder {folder} can't be read: {error.strerror or error}. Nothing was removed."
            raise FileError(message, hint="Make it readable, and try again.", path=str(folder)) from error
        prefixes = [entry.path for entry in listed if entry.is_folder and entry.name != "leases"]
        held = [prefix for prefix in prefixes if is_held(prefix)]
        if held:
            message = f"The environment {held[0]} is being used. Nothing was removed."
            raise InstallError(message, code="in-use", hint="Close what uses it (Fiji, a script), and try again.")
        freed = sum(folder_size(prefix, freed=True) for prefix in prefixes)
        for pointer in (ADOPTED_NAME, "current"):
            (folder / pointer).unlink(missing_ok=True)
        left = [prefix for prefix in prefixes if not remove_prefix(prefix)]
        if left:
            message = f"{left[0]} could not be removed completely."
            raise FileError(message, hint="Close what has files open there, and try again.")
    return freed


def check_environment(environment: Environment, *, timeout_s: float = 120.0) -> dict[str, Any]:
    """Try `environment` out again, and keep it from being removed meanwhile.

    Returns
    -------
    dict
        Versions, see `samj_bridge.install.prefixes.probe.probe`.

    Raises
    ------
    ProbeError
        It does not work any more.
    InstallError
        With code ``environment-gone``: another process replaced or removed it a moment ago.
    """
    modules = environment.probe
    with contextlib.suppress(InstallError):
        modules = load_specification(environment.name).probe
    with environment.hold():
        try:
            return probe(environment.python, modules, timeout_s=timeout_s, pristine=environment.adopted)
        except ProbeError as error:
            error.hint = mend_of(environment)
            raise


def mend_of(environment: Environment) -> str:
    """Return what to do about an environment that does not work."""
    name = environment.name
    if environment.adopted:
        also = "" if name == "samj" else f" --name {name}"
        return f"Mend it with what made it, or go back to samj-bridge's own: samj-bridge env use --none{also}"
    return f"Make it again: samj-bridge env repair {name}"


def check_named(settings: Settings, name: str) -> tuple[Environment, dict[str, Any]]:
    """Try the environment `name` out; where another process replaces it meanwhile, the one that is there now.

    Raises
    ------
    InputError, ProbeError, InstallError
        As of `named_environment` and `check_environment`.
    """
    for _ in range(_TRIES - 1):
        environment = named_environment(settings, name)
        try:
            return environment, check_environment(environment)
        except InstallError as error:
            if error.code != "environment-gone":
                raise
    environment = named_environment(settings, name)
    return environment, check_environment(environment)


def survey(settings: Settings, *, try_out: bool = True) -> list[Surveyed]:
    """Return every environment there is, those in use first.

    Parameters
    ----------
    settings : Settings
        Where they are.
    try_out : bool
        Also start each (some seconds); else only what can be seen from outside is looked at.
    """
    found = []
    for folder in folders_of(settings):
        name = folder.name
        adopted = read_adopted(folder / ADOPTED_NAME, name)
        if adopted is not None:
            found += _surveyed(adopted, "adopted", try_out)
        built = find_built(folder, name)
        for prefix in prefixes_of(folder):
            environment = read_marker(prefix, name)
            if environment is not None:
                current = built is not None and prefix == built.prefix and adopted is None
                found += _surveyed(environment, "in use" if current else "not in use", try_out)
    return sorted(found, key=lambda item: (item.state == "not in use", item.environment.name))


def repair_environment(
    settings: Settings,
    name: str = "samj",
    *,
    specification: Specification | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> tuple[Environment, str]:
    """Make the environment `name` work again, if it does not; with what made it, where `settings` name nothing.

    Returns
    -------
    tuple
        The environment, and what was wrong with it; empty: nothing, and it was left as it is.

    Raises
    ------
    InstallError
        With code ``adopted``: it was made outside of samj-bridge, which does not change it. Else as of
        `create_environment`; what is there stays until something better is.
    """
    adopted = read_adopted(environment_folder(settings, name) / ADOPTED_NAME, name)
    there = adopted or find_built(environment_folder(settings, name), name, broken=True)
    if there is None:
        made = ensure_environment(
            settings, name=name, specification=specification, progress=progress, cancel=cancel
        )
        return made, "there was none"
    notify(progress, ProgressEvent("probe", f"Trying out {there.prefix}."))
    try:
        check_environment(there)
        return there, ""
    except ProbeError as error:
        problem = error.message
    if adopted is not None:
        message = f"{problem} samj-bridge does not change {adopted.prefix}."
        raise InstallError(message, code="adopted", hint=mend_of(adopted))
    settings = as_made(settings, there.origin)
    specification = specification or _specification_of(there)
    builder = there.builder if there.builder in BUILDERS else None
    same = there.specification == specification.hash_for(there.builder)
    lock = own_lock(there)
    # The same packages once more, if they are still the ones that are wanted.
    chosen = read_lock(lock, current_platform()) if same and lock is not None else None
    made = create_environment(
        settings,
        name=name,
        builder=builder,
        specification=specification,
        lock=chosen,
        progress=progress,
        cancel=cancel,
    )
    return made, problem


def _specification_of(environment: Environment) -> Specification:
    """Return what an environment was made from: the file that was named then, or samj-bridge's own."""
    file = environment.origin.specification
    if file and not is_file(file):
        message = f"{file}, from which the environment {environment.name} was made, is gone. Nothing was changed."
        raise InputError(message, code="no-specification", hint="Name another one: --spec FILE")
    return read_specification(Path(file)) if file else load_specification(environment.name)


def own_lock(environment: Environment) -> Path | None:
    """Return the file in `environment` that says what was installed in it, with hashes; None: it has none."""
    path = environment.prefix / LOCK_NAME
    return path if path.is_file() else None


def _surveyed(environment: Environment, state: str, try_out: bool) -> list[Surveyed]:
    """Return how an environment is; nothing of one that another process removes while we look."""
    size = 0 if environment.adopted else folder_size(environment.prefix)
    problem, report = "", {}
    if not environment.python.exists():
        problem = f"its Python {environment.python} is gone"
    elif try_out:
        try:
            report = check_environment(environment)
        except ProbeError as error:
            problem = error.message.rstrip(".")
        except InstallError as error:
            if error.code != "environment-gone":
                raise
            return []
    if problem and not environment.adopted and not (environment.prefix / MARKER_NAME).is_file():
        return []
    return [Surveyed(environment, state, size, problem, report)]
