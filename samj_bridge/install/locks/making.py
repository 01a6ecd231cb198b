"""Make the locks of a specification again: explicit lists for conda's platforms and features, one for PyPI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samj_bridge.errors import InputError, InstallError, SamjError
from samj_bridge.install.builders.micromamba.builder import MicromambaBuilder
from samj_bridge.install.locks.explicit import ExplicitLock
from samj_bridge.install.locks.making_pypi import make_lock
from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.install.specification import Specification, conda_lock_path
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.settings import Settings

__all__ = ["make_conda_locks", "make_pypi_lock"]

_HOPELESS = {"network", "silent", "proxy", "tls", "offline", "no-micromamba", "bad-micromamba", "killed", "stalled"}


def make_conda_locks(
    specification: Specification,
    settings: Settings,
    folder: Path,
    platforms: Sequence[str] = (),
    *,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> tuple[list[Path], list[SamjError]]:
    """Solve `specification` with micromamba and write ``conda-<feature>-<platform>.lock`` into `folder`.

    A platform that has no solution keeps none of the others from theirs; its lock, if there is one, stays as it is.

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
    tuple
        What was written, and an error for each lock that was not, which names feature and platform.

    Raises
    ------
    InputError
        The specification knows nothing of a platform.
    InstallError, NetworkError
        There is no micromamba or no channel, or nothing at all could be solved. Nothing was written.
    """
    wanted = list(platforms) or list(specification.pypi)
    unknown = [target for target in wanted if not specification.conda_features(target)]
    if unknown:
        message = f"{specification.name} has no conda packages for {', '.join(unknown)}. Nothing was written."
        known = sorted({target for builds in specification.conda_builds.values() for target in builds})
        raise InputError(message, code="wrong-platform", hint=f"Choose of: {', '.join(known)}.")
    builder = MicromambaBuilder(settings)
    written: list[Path] = []
    failures: list[SamjError] = []
    todo = [(target, feature) for target in wanted for feature in specification.conda_features(target)]
    for number, (target, feature) in enumerate(todo):
        message = f"Solving {specification.name}, {feature}, for {target}."
        notify(progress, ProgressEvent("resolve", message, number, len(todo)))
        path = conda_lock_path(folder / "pixi.toml", feature, target)
        try:
            lock = builder.solve(specification, target, feature, progress=progress, cancel=cancel)
            _check_hashes(lock)
        except InstallError as error:
            failures.append(_about(error, feature, target, path))
            if error.code in _HOPELESS:
                # The next one would wait for the same server.
                break
            continue
        folder.mkdir(parents=True, exist_ok=True)
        write_text_atomically(path, lock.text)
        written.append(path)
    if failures and not written and (len(failures) == 1 or failures[-1].code in _HOPELESS):
        raise failures[-1]
    left = [f"{feature} for {target}" for target, feature in todo[len(written) + len(failures) :]]
    if left:
        failures[-1].message += f" Not asked any more: {', '.join(left)}."
    return written, failures


def _check_hashes(lock: ExplicitLock) -> None:
    if not lock.packages or any(not package.sha256 for package in lock.packages):
        message = "The channels know no sha256 of some packages."
        raise InstallError(message, code="no-hash", hint="Ask another channel or mirror.")


def _about(error: InstallError, feature: str, target: str, path: Path) -> InstallError:
    """Let `error` say which lock it is about, and what became of that."""
    what = error.message.removesuffix(" Nothing was installed.")
    there = "is as it was" if path.is_file() else "was not written"
    error.message = f"{feature} for {target}: {what} {path.name} {there}."
    error.details |= {"feature": feature, "platform": target}
    return error


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
    notify(progress, ProgressEvent("resolve", f"Solving {specification.name} from PyPI for all platforms."))
    text = make_lock(specification, settings, cancel)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pypi.lock"
    write_text_atomically(path, text)
    return path
