"""Read a lock of any kind: what an environment exports, a `pixi.lock`, conda's explicit list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samj_bridge.errors import FileError
from samj_bridge.install.locks.explicit import ExplicitLock, parse_explicit
from samj_bridge.install.locks.pixi import is_pixi_lock, parse_pixi_lock
from samj_bridge.install.locks.pypi import PypiLock, parse_pypi_lock

__all__ = ["AnyLock", "builder_of", "read_lock"]

AnyLock = ExplicitLock | PypiLock


def read_lock(path: Path, platform: str, environments: Sequence[str] = ("default",)) -> AnyLock:
    """Read the lock in `path`; what kind it is shows in its content.

    Parameters
    ----------
    path : Path
        The file.
    platform : str
        Of this machine: a lock for another one is refused.
    environments : sequence of str
        Which environment of a `pixi.lock`: the first that is there.

    Raises
    ------
    FileError
        It can't be read.
    InstallError
        ``bad-lock``, ``lock-version``, ``no-such-environment``, ``wrong-platform``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        message = f"The lock {path} can't be read: {getattr(error, 'strerror', None) or error}."
        raise FileError(message, hint="Check the path; a lock is a text file.") from error
    lock: AnyLock
    if is_pixi_lock(text):
        return parse_pixi_lock(text, platform, environments, source=str(path))
    if "@EXPLICIT" in text:
        lock = parse_explicit(text, source=str(path))
    else:
        lock = parse_pypi_lock(text, source=str(path))
    lock.check_platform(platform)
    return lock


def builder_of(lock: AnyLock) -> str:
    """Return the name of the builder that installs `lock`."""
    return "micromamba" if isinstance(lock, ExplicitLock) else "uv"
