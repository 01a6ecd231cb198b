"""Make the locks of a specification again: explicit lists for conda's platforms and features, one for PyPI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samj_bridge.errors import InputError, InstallError
from samj_bridge.install.builders.micromamba.builder import MicromambaBuilder
from samj_bridge.install.locks.making_pypi import make_lock
from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.install.specification import Specification, conda_lock_path
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress
from samj_bridge.settings import Settings

__all__ = ["make_conda_locks", "make_pypi_lock"]


def make_conda_locks(
    specification: Specification,
    settings: Settings,
    folder: Path,
    platforms: Sequence[str] = (),
    *,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> list[Path]:
    """Solve `specification` with micromamba and write ``conda-<feature>-<platform>.lock`` into `folder`.

    Every lock is solved before the first is written: the set is whole, or as it was.

    Parameters
    ----------
    specification : Specification
        What is wanted.
    settings : Settings
        Channels, mirror, and which micromamba.
    folder : Path
        Beside the specification, the locks are used by it.
    platforms : sequence of str
        Such as ``osx-arm64``; all of the specification by default.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        The specification knows nothing of a platform.
    InstallError, NetworkError
        There is no solution, no micromamba, or no channel. Nothing was written.
    """
    wanted = list(platforms) or list(specification.pypi)
    unknown = [target for target in wanted if not specification.conda_features(target)]
    if unknown:
        message = f"{specification.name} has no conda packages for {', '.join(unknown)}. Nothing was written."
        known = sorted({target for builds in specification.conda_builds.values() for target in builds})
        raise InputError(message, code="wrong-platform", hint=f"Choose of: {', '.join(known)}.")
    builder = MicromambaBuilder(settings)
    solved = {}
    todo = [(target, feature) for target in wanted for feature in specification.conda_features(target)]
    for number, (target, feature) in enumerate(todo):
        message = f"Solving {specification.name}, {feature}, for {target}."
        progress(ProgressEvent("resolve", message, number, len(todo)))
        lock = builder.solve(specification, target, feature, progress=progress, cancel=cancel)
        if not lock.packages or any(not package.sha256 for package in lock.packages):
            message = f"The channels know no sha256 of some packages for {target}. Nothing was written."
            raise InstallError(message, code="no-hash", hint="Ask another channel or mirror.")
        solved[conda_lock_path(folder / "pixi.toml", feature, target)] = lock.text
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in solved.items():
        write_text_atomically(path, text)
    return list(solved)


def make_pypi_lock(
    specification: Specification,
    settings: Settings,
    folder: Path,
    *,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Path:
    """Solve `specification` with uv for all platforms at once and write ``pypi.lock`` into `folder`.

    Raises
    ------
    InstallError, NetworkError
        There is no solution, or no index. Nothing was written.
    """
    progress(ProgressEvent("resolve", f"Solving {specification.name} from PyPI for all platforms."))
    text = make_lock(specification, settings, cancel)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pypi.lock"
    write_text_atomically(path, text)
    return path
