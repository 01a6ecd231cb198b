"""Adopt an environment that somebody else made: tried out, pointed to, and never written to.

What is kept about it is one file of ours, ``envs/<name>/adopted.json``: while it is there, its environment is
the one in use. Forgetting it brings back the one that samj-bridge made, which stays where it is.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime, timezone
from pathlib import Path

from samj_bridge.errors import InputError, InstallError, ProbeError
from samj_bridge.install.prefixes.environment import (
    ADOPTED,
    ADOPTED_NAME,
    Environment,
    environment_folder,
    find_environment,
    marker_text,
    read_adopted,
    write_text_atomically,
)
from samj_bridge.install.prefixes.probe import probe
from samj_bridge.install.specification import Specification, fits, load_specification, normal_name
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.folders import is_folder, list_folder
from samj_bridge.settings import Settings

__all__ = ["adopt_environment", "current_adopted", "release_environment"]

_OLDEST_PYTHON = ">=3.10"
# conda's name of a package to the one under which Python knows it.
_OTHER_NAMES = {"pytorch": "torch"}


def adopt_environment(
    settings: Settings,
    prefix: Path,
    *,
    name: str = "samj",
    specification: Specification | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Environment:
    """Use the environment in `prefix`, made by pixi, conda or venv, from now on.

    Parameters
    ----------
    settings : Settings
        Where the note about it is kept.
    prefix : Path
        Its folder, such as ``.pixi/envs/default`` of a pixi workspace. Nothing in it is changed.
    name : str
        Which environment it stands for.
    specification : Specification, optional
        What it has to hold; the one of this name that comes with samj-bridge by default.
    progress : callable
        Told of the trial.
    cancel : CancelToken, optional
        Ends it.

    Raises
    ------
    InputError
        `prefix` is no environment.
    ProbeError
        It does not have what the networks need, or does not work. What was in use before stays in use.
    """
    specification = specification or load_specification(name)
    prefix = prefix.expanduser().absolute()
    kind, python = _recognise(prefix)
    notify(progress, ProgressEvent("probe", f"Trying out {prefix}, made by {kind}."))
    adopted = _tried(prefix, python, kind, name, specification, cancel)
    folder = environment_folder(settings, name)
    folder.mkdir(parents=True, exist_ok=True)
    write_text_atomically(folder / ADOPTED_NAME, marker_text(adopted))
    notify(progress, ProgressEvent("done", f"{prefix} is the environment {name} from now on.", 1.0, 1.0))
    return adopted


def release_environment(settings: Settings, name: str = "samj") -> tuple[Path | None, Environment | None]:
    """Use the environment again that samj-bridge made; the adopted one is left as it is.

    Returns
    -------
    tuple
        The prefix that is used no longer, if one was; and what is used from now on, if there is anything.
    """
    record = environment_folder(settings, name) / ADOPTED_NAME
    adopted = read_adopted(record, name)
    was_there = record.exists()
    record.unlink(missing_ok=True)
    return (adopted.prefix if adopted else record if was_there else None), find_environment(settings, name)


def current_adopted(settings: Settings, name: str, specification: Specification) -> Environment | None:
    """Return the adopted environment `name`, tried out again if the specification has changed; None: there is none.

    Raises
    ------
    InstallError
        With code ``adopted-gone``: it is not there any more.
    ProbeError
        It does not have what the changed specification asks for.
    """
    record = environment_folder(settings, name) / ADOPTED_NAME
    if not record.exists():
        return None
    adopted = read_adopted(record, name)
    hint = "Use another one: samj-bridge env use PREFIX. Or the one made by samj-bridge: samj-bridge env use --none"
    if adopted is None or not adopted.python.exists():
        where = adopted.prefix if adopted else record
        message = f"The environment {where}, which was to be used as {name}, is gone or can't be read."
        raise InstallError(message, code="adopted-gone", hint=hint, prefix=str(where))
    if adopted.specification == specification.hash_for(ADOPTED):
        return adopted
    try:
        kind = adopted.notes[0].partition(":")[0] if adopted.notes else "somebody else"
        adopted = _tried(adopted.prefix, adopted.python, kind, name, specification, None)
    except ProbeError as error:
        raise ProbeError(
            error.message, code=error.code, hint=f"{error.hint} {hint}".strip(), **error.details
        ) from error
    write_text_atomically(record, marker_text(adopted))
    return adopted


def _recognise(prefix: Path) -> tuple[str, Path]:
    """Return who made the environment in `prefix`, and its interpreter."""
    hint = "Name the folder of a pixi, conda or virtual environment, such as WORKSPACE/.pixi/envs/default."
    if prefix.is_file():
        message = f"{prefix} is a file; an environment is a folder."
        raise InputError(message, code="not-an-environment", hint=hint)
    if not prefix.is_dir():
        message = f"There is no folder {prefix}."
        raise InputError(message, code="not-an-environment", hint=hint)
    if (prefix / "conda-meta").is_dir():
        kind = "pixi" if (prefix / "conda-meta" / "pixi").exists() else "conda"
        python = prefix / ("python.exe" if sys.platform == "win32" else "bin/python")
    elif (prefix / "pyvenv.cfg").is_file():
        kind = "venv"
        python = prefix / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    else:
        listed = list_folder(prefix / ".pixi" / "envs")
        inner = [entry.path for entry in listed if is_folder(entry.path / "conda-meta")]
        if inner:
            hint = f"It is a workspace of pixi: name one of its environments, such as {inner[0]}."
        message = f"{prefix} is not an environment: it has neither conda-meta nor pyvenv.cfg in it."
        raise InputError(message, code="not-an-environment", hint=hint)
    if not python.exists():
        message = f"The environment {prefix} has no Python ({python})."
        raise InputError(
            message, code="not-an-environment", hint="Add Python and the packages that samj-bridge needs."
        )
    return kind, python


def _tried(
    prefix: Path, python: Path, kind: str, name: str, specification: Specification, cancel: CancelToken | None
) -> Environment:
    hint = (
        f"It needs: {', '.join(f'{package} {wanted}' for package, wanted in sorted(specification.conda.items()))}."
    )
    try:
        report = probe(python, specification.probe, cancel=cancel, pristine=True)
    except ProbeError as error:
        message = error.message.replace("The environment was made, but does not work", f"{prefix} can't be used")
        raise ProbeError(message, hint=hint, **error.details) from error
    problems = _too_old(report, specification)
    if problems:
        message = f"{prefix} can't be used: {'; '.join(problems)}."
        raise ProbeError(message, code="too-old", hint=hint, problems=problems)
    torch = report.get("torch", {})
    return Environment(
        name=name,
        prefix=prefix,
        python=python,
        builder=ADOPTED,
        feature="cuda" if torch.get("cuda") else "cpu",
        specification=specification.hash_for(ADOPTED),
        packages=report["packages"],
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        notes=(f"{kind}: made outside of samj-bridge, which does not change it",),
        python_version=report["python"],
        probe=specification.probe,
    )


def _too_old(report: dict[str, object], specification: Specification) -> list[str]:
    """Return what of the environment is older than what the specification asks of conda, a clause each."""
    problems = []
    python = str(report["python"])
    if not fits(_numbers(python), _OLDEST_PYTHON):
        problems.append(f"its Python is {python}, and {_OLDEST_PYTHON} is needed")
    packages = report["packages"]
    installed = {normal_name(key): value for key, value in packages.items()} if isinstance(packages, dict) else {}
    for package, wanted in sorted(specification.conda.items()):
        found = installed.get(_OTHER_NAMES.get(package, package))
        lower = ",".join(part for part in wanted.partition(" ")[0].split(",") if part.startswith(">="))
        if package != "python" and found and lower and not fits(_numbers(found), lower):
            problems.append(f"its {package} is {found}, and {lower} is needed")
    return problems


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: ``2.4.0a0+git`` is (2, 4, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in match[0].split(".")) if match else ()
