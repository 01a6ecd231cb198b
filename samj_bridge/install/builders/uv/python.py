"""Which Python a virtual environment is based on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from samj_bridge.errors import InstallError, SamjError
from samj_bridge.install.builders.uv.tool import UvTool
from samj_bridge.install.specification import Specification, current_platform, fits
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.run import run
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

__all__ = ["choose_python"]

_ASK = "import sys; print(*sys.version_info[:3], sys.implementation.name, sys.maxsize > 2**32)"
# What uv fetches when the machine has nothing that fits: the wheels of every platform reach it.
_MANAGED = "3.12"


def choose_python(
    specification: Specification,
    settings: Settings,
    uv: UvTool,
    tell: Callable[[str, str], None],
    cancel: CancelToken | None = None,
) -> tuple[Path, list[str]]:
    """Return an interpreter for `specification`, and notes for the environment.

    The one from the settings; or the one samj-bridge itself is based on, if it fits; or any on this machine that
    does; or one that uv fetches into the home of samj-bridge.

    Raises
    ------
    InstallError
        The interpreter named in the settings doesn't exist, doesn't run or doesn't fit; or there is none.
    """
    wanted = specification.python[current_platform()]
    if settings.python:
        path = Path(settings.python).expanduser()
        version = _version(path)
        if version is None or not fits(version, wanted):
            found = "does not run" if version is None else f"is Python {_dotted(version)}"
            message = (
                f"The Python to base the environment on, {path}, {found}; it has to be {wanted} and 64-bit CPython."
            )
            raise InstallError(message, code="bad-python", hint="Set SAMJ_PYTHON to another one, or unset it.")
        return path, [f"based on Python {_dotted(version)} as asked: {path}"]
    own = Path(getattr(sys, "_base_executable", "") or sys.executable or "python")
    version = _version(own)
    if version is not None and fits(version, wanted):
        return own, [f"based on Python {_dotted(version)}: {own}"]
    try:
        finished = uv.call(
            ["python", "find", "--no-project", "--no-python-downloads", "--system", wanted], cancel=cancel
        )
        found_path = Path(finished.stdout[-1].strip())
    except (InstallError, IndexError):
        tell("download", f"No Python {wanted} on this machine: fetching Python {_MANAGED} into {settings.home}.")
        uv.call(["python", "install", _MANAGED], cancel=cancel)
        finished = uv.call(["python", "find", "--no-project", "--managed-python", _MANAGED], cancel=cancel)
        found_path = Path(finished.stdout[-1].strip())
        return found_path, [f"based on Python {_MANAGED}, fetched for it: {found_path}"]
    return found_path, [f"based on {found_path}"]


def _version(path: Path) -> tuple[int, ...] | None:
    """Return the version of a 64-bit CPython, or None when `path` is none."""
    try:
        finished = run([path, "-I", "-S", "-c", _ASK], env=clean_environ(), timeout_s=20)
    except SamjError:
        return None
    words = finished.stdout[-1].split() if finished.stdout else []
    if finished.returncode != 0 or len(words) != 5 or words[3:] != ["cpython", "True"]:
        return None
    return tuple(int(word) for word in words[:3])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)
