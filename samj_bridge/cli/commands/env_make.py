"""``samj-bridge env create|use|repair``: make an environment, take another one, mend one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samj_bridge.cli.commands.setup import describe
from samj_bridge.cli.result import Line, Result, styled
from samj_bridge.errors import InputError
from samj_bridge.install import (
    Environment,
    adopt_environment,
    create_environment,
    ensure_environment,
    find_environment,
    release_environment,
)
from samj_bridge.install.care import repair_environment
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.locks.any import read_lock
from samj_bridge.install.specification import (
    Specification,
    current_platform,
    load_specification,
    read_specification,
)
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.settings import Settings

__all__ = ["Request", "is_another", "run_create", "run_repair", "run_use"]


@dataclass(frozen=True)
class Request:
    """What ``env create`` was asked for."""

    name: str | None
    """Name of the environment; None: the specification's."""
    spec: Path | None
    """Specification; None: samj-bridge's own of this name."""
    lock: Path | None
    """Lock to install; None: as the builder decides."""
    environment: str | None
    """Which environment of a pixi.lock."""
    again: bool
    """Make one even if there is one."""
    builder: str | None = None
    """Who is to make it, if that was asked for."""
    device: str | None = None
    """What it is to be built for, if that was asked for."""


def run_create(request: Request, settings: Settings, *, progress: Progress, cancel: CancelToken) -> Result:
    """Make the environment that was asked for, unless it is there."""
    specification = _specification(request.spec, request.name)
    name = request.name or specification.name
    if request.lock is not None:
        names = [request.environment] if request.environment else _usual_environments(settings)
        lock = read_lock(request.lock, current_platform(), names)
        made = create_environment(
            settings, name=name, specification=specification, lock=lock, progress=progress, cancel=cancel
        )
    else:
        if request.environment:
            message = "--environment names one of a pixi.lock, and none was given."
            raise InputError(message, hint="Give the lock with --from, or leave --environment out.")
        again = request.again or is_another(settings, name, request.builder, request.device)
        make = create_environment if again else ensure_environment
        made = make(settings, name=name, specification=specification, progress=progress, cancel=cancel)
    return Result("env create", data={"environment": describe(made)}, lines=_lines(made))


def is_another(settings: Settings, name: str, builder: str | None, device: str | None) -> bool:
    """Tell whether there is an environment, but not one by `builder` and for `device`, as was asked for.

    Only what was asked for by an option counts: settings say what is wanted when one is made, not that one is.
    """
    found = find_environment(settings, name)
    if found is None or found.adopted:
        return False
    other_builder = builder not in {None, "auto", found.builder}
    return other_builder or (device in {"cpu", "cuda"} and found.feature != device)


def run_use(
    settings: Settings,
    prefix: Path | None,
    name: str,
    spec: Path | None,
    *,
    none: bool,
    progress: Progress,
    cancel: CancelToken,
) -> Result:
    """Use the environment in `prefix` from now on, or with `none` samj-bridge's own again."""
    if none:
        let_go, found = release_environment(settings, name)
        now = f"{found.prefix!s} is in use." if found else "Make one: samj-bridge setup"
        line = f"{let_go!s} is used no longer." if let_go else "None was adopted."
        data = {"released": str(let_go) if let_go else None, "environment": describe(found) if found else None}
        return Result("env use", data=data, lines=[line, now])
    if prefix is None:
        message = "Which environment? Neither a folder nor --none was given."
        raise InputError(message, hint="samj-bridge env use WORKSPACE/.pixi/envs/default")
    adopted = adopt_environment(
        settings,
        prefix,
        name=name,
        specification=_specification(spec, name),
        progress=progress,
        cancel=cancel,
    )
    lines = [*_lines(adopted), "Go back to samj-bridge's own: samj-bridge env use --none"]
    return Result("env use", data={"environment": describe(adopted)}, lines=lines)


def run_repair(
    settings: Settings, name: str, spec: Path | None, *, progress: Progress, cancel: CancelToken
) -> Result:
    """Try an environment out, and make it again if it does not work."""
    specification = read_specification(spec) if spec is not None else None
    made, problem = repair_environment(
        settings, name, specification=specification, progress=progress, cancel=cancel
    )
    first = f"It did not work ({problem.rstrip('.')}) and was made again." if problem else "It works as it is."
    data = {"environment": describe(made), "problem": problem, "repaired": bool(problem)}
    return Result("env repair", data=data, lines=[first, *_lines(made)])


def _specification(spec: Path | None, name: str | None) -> Specification:
    return read_specification(spec) if spec is not None else load_specification(name or "samj")


def _usual_environments(settings: Settings) -> list[str]:
    cuda = settings.device == "cuda" or (settings.device == "auto" and bool(find_nvidia_gpu()))
    return ["cuda", "default"] if cuda else ["cpu", "default"]


def _lines(environment: Environment) -> list[Line]:
    torch = environment.packages.get("torch", "")
    versions = f"Python {environment.python_version}" + (f", torch {torch}" if torch else "")
    made = f"{environment.name} ({environment.builder}, {environment.feature}): {environment.prefix!s}"
    return [
        styled(("Ready.", "green"), f" {made}"),
        f"{versions}, {len(environment.packages)} packages.",
        *(f"Note: {note}" for note in environment.notes),
    ]
