"""Make, try out and remove environments, so that whoever looks finds the old one or the new one, never half of one.

Take the lock; build in a prefix of its own; try it out; write the marker; point to it; sweep. A process that is
killed at any of these steps leaves rubbish that the next one recognises: prefixes without a marker.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, InstallError
from samj_bridge.install.builders.base import Builder, BuildRequest, choose_builder
from samj_bridge.install.environment import (
    Environment,
    environment_folder,
    find_environment,
    write_marker,
    write_text_atomically,
)
from samj_bridge.install.probe import probe
from samj_bridge.install.space import folder_size
from samj_bridge.install.specification import Specification, load_specification
from samj_bridge.install.sweep import is_held, remove_prefix, sweep
from samj_bridge.process.locks import Holder, hold_lock
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress
from samj_bridge.settings import Settings

__all__ = ["check_environment", "create_environment", "ensure_environment", "remove_environment"]


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
    found = find_environment(settings, name)
    if found is not None and found.specification == specification.hash_for(found.builder):
        return found
    with _locked(settings, name, progress, cancel) as folder:
        # Another process may have made it while this one waited.
        found = find_environment(settings, name)
        if found is not None and found.specification == specification.hash_for(found.builder):
            return found
        return _create(settings, folder, name, builder, specification, progress, cancel)


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
    with _locked(settings, name, progress, cancel) as folder:
        return _create(settings, folder, name, builder, specification, progress, cancel)


def remove_environment(settings: Settings, name: str = "samj") -> int:
    """Remove every build of environment `name`.

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
        (folder / "current").unlink(missing_ok=True)
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
    with contextlib.suppress(InstallError):
        return probe(environment.python, load_specification(environment.name).probe, timeout_s=timeout_s)
    return probe(environment.python, (), timeout_s=timeout_s)


def _create(
    settings: Settings,
    folder: Path,
    name: str,
    wanted: str | Builder | None,
    specification: Specification,
    progress: Progress,
    cancel: CancelToken | None,
) -> Environment:
    old = find_environment(settings, name)
    sweep(folder, keep=old.prefix if old else None)
    builder, why = choose_builder(wanted, specification, settings)
    prefix = _new_prefix(folder, specification.hash_for(builder.name))
    progress(ProgressEvent("resolve", f"Making the environment {name} in {prefix} with {why}."))
    try:
        built = builder.build(BuildRequest(specification, prefix, progress, cancel))
        progress(ProgressEvent("probe", "Trying the new environment out."))
        report = probe(built.python, specification.probe, cancel=cancel)
        environment = Environment(
            name=name,
            prefix=prefix,
            python=built.python,
            builder=builder.name,
            feature=built.feature,
            specification=specification.hash_for(builder.name),
            packages=report["packages"],
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            notes=(why, *built.notes),
        )
        progress(ProgressEvent("commit", "It works; declaring it finished."))
        if cancel is not None:
            cancel.check()
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


def _new_prefix(folder: Path, specification_hash: str) -> Path:
    number = 1
    while (prefix := folder / f"{specification_hash[:12]}-{number}").exists():
        number += 1
    return prefix


@contextlib.contextmanager
def _locked(settings: Settings, name: str, progress: Progress, cancel: CancelToken | None) -> Iterator[Path]:
    folder = environment_folder(settings, name)

    def on_wait(holder: Holder) -> None:
        who = (
            f"process {holder['pid']} on {holder['host']}, since {holder['since']}" if holder else "another process"
        )
        progress(ProgressEvent("wait", f"Waiting for {who}, which is working on the environment {name}."))

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _file_error(error, folder) from error
    with hold_lock(folder / "lock", on_wait=on_wait, cancel=cancel):
        yield folder


def _file_error(error: OSError, folder: Path) -> FileError:
    from errno import EDQUOT, ENOSPC

    from samj_bridge.errors import NoSpaceError

    reason = error.strerror or str(error)
    hint = "Choose another folder with SAMJ_HOME, or make this one writable."
    if error.errno in {ENOSPC, EDQUOT}:
        return NoSpaceError(f"The disk of {folder} is full ({reason}).", hint="Free some space, and try again.")
    return FileError(f"{error.filename or folder} can't be written: {reason}.", code="not-writable", hint=hint)
