"""``samj-bridge env export|lock``: what is in an environment, and what is to go into the next ones, with hashes."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.cli.result import Result
from samj_bridge.errors import Cancelled, FileError, InputError, InstallError, SamjError
from samj_bridge.install.care import named_environment, own_lock
from samj_bridge.install.locks.making import make_conda_locks, make_pypi_lock
from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.install.secrets import strip
from samj_bridge.install.specification import read_specification, specification_path
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.settings import Settings

__all__ = ["run_export", "run_lock"]


def run_export(settings: Settings, name: str, output: Path | None) -> Result:
    """Print an environment's own lock, or write it to a file."""
    environment = named_environment(settings, name)
    path = own_lock(environment)
    if path is None:
        message = f"The environment {environment.prefix} has no lock of its own: {environment.builder} made it."
        hint = "Export it with what made it, such as: pixi workspace export conda-explicit-spec"
        raise InstallError(message, code="no-lock", hint=hint)
    # Locks of older versions hold what a channel's address held; this one is handed on.
    text = strip(path.read_text(encoding="utf-8"))
    data = {"name": name, "lock": text, "path": str(output or path)}
    if output is None:
        return Result("env export", data=data, lines=[text.rstrip("\n")])
    try:
        write_text_atomically(output, text)
    except OSError as error:
        message = f"{output} can't be written: {error.strerror or error}."
        raise FileError(message, hint="Choose another file with --output.") from error
    line = f"Wrote {output!s}. Elsewhere: samj-bridge env create --from {output.name}"
    return Result("env export", data=data, lines=[line])


def run_lock(
    settings: Settings,
    spec: Path | None,
    output: Path | None,
    platforms: list[str],
    only: str,
    *,
    progress: Progress,
    cancel: CancelToken,
) -> Result:
    """Solve a specification and write its locks."""
    if only not in {"all", "conda", "pypi"}:
        message = f"--only is {only!r}; it has to be all, conda or pypi."
        raise InputError(message, hint="Leave it out for all of them.")
    path = spec or specification_path()
    specification = read_specification(path)
    folder = output or path.parent
    written: list[Path] = []
    failures: list[SamjError] = []
    if only in {"all", "conda"}:
        made, failures = make_conda_locks(
            specification, settings, folder, platforms, progress=progress, cancel=cancel
        )
        written += made
    if only in {"all", "pypi"}:
        try:
            written.append(make_pypi_lock(specification, settings, folder, progress=progress, cancel=cancel))
        except Cancelled:
            raise
        except SamjError as error:
            if not written and not failures:
                raise
            failures.append(error)
    lines = [f"Wrote {item!s}: {_count(item)} packages" for item in written]
    data = {"written": [str(item) for item in written]}
    return Result("env lock", data=data, lines=lines, failures=failures)


def _count(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(not line.startswith(("#", "@", " ")) for line in lines if line)
