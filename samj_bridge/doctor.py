"""Checks of an installation: one function per check, each returns findings, none prints."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from samj_bridge import __version__
from samj_bridge.errors import SamjError
from samj_bridge.settings import Settings

__all__ = ["Finding", "examine"]

_SPACE_NEEDED_BYTES = 6_000_000_000
_HOST_PACKAGES = ("appose", "numpy", "scyjava", "jpype1", "tifffile", "roifile", "uv")


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    """Name of the check."""
    status: str
    """``ok``, ``warning`` (works, but) or ``broken``."""
    message: str
    """What is so, with versions and places."""
    mend: str = ""
    """The command or the step that mends it; empty when nothing is to do."""

    def to_dict(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return asdict(self)


def examine(settings: Settings, *, start_worker: bool = True) -> Iterator[Finding]:
    """Run every check, in the order in which one builds on the other.

    Parameters
    ----------
    settings : Settings
        The settings to examine.
    start_worker : bool
        Also start the worker and talk to it (some seconds).

    Yields
    ------
    Finding
        One or more per check, as soon as it is known. A check that fails itself is a finding too.
    """
    checks: list[Callable[[Settings], Iterator[Finding]]] = [
        check_host,
        check_home,
        check_builder,
        check_environment,
        check_model,
        check_java,
    ]
    if start_worker:
        checks.insert(5, check_worker)
    for check in checks:
        try:
            yield from check(settings)
        except SamjError as error:
            yield Finding(_name(check), "broken", error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - a doctor that falls ill helps nobody
            yield Finding(_name(check), "broken", f"The check itself failed: {type(error).__name__}: {error}")


def check_host(settings: Settings) -> Iterator[Finding]:
    """Python, platform, and the host's packages."""
    system = f"{platform.system()} {platform.machine()}"
    message = f"samj-bridge {__version__}, Python {platform.python_version()} on {system} ({sys.executable})"
    yield Finding("host", "ok", message)
    found, missing = [], []
    for package in _HOST_PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        yield Finding("packages", "broken", f"Missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    else:
        yield Finding("packages", "ok", ", ".join(found))


def check_home(settings: Settings) -> Iterator[Finding]:
    """Look at the folder of everything samj-bridge keeps: can it be written, is there space."""
    existing = _existing_parent(settings.home)
    if not os.access(existing, os.W_OK):
        message = f"{settings.home} can't be written ({existing} is read-only for this user)"
        yield Finding("home", "broken", message, "Set SAMJ_HOME to a folder of your own.")
        return
    free = shutil.disk_usage(existing).free
    message = f"{settings.home}, {free / 1e9:.1f} GB free"
    if free < _SPACE_NEEDED_BYTES:
        needed = f"an environment takes up to {_SPACE_NEEDED_BYTES / 1e9:.0f} GB."
        mend = f"Free space, or set SAMJ_HOME to another disk: {needed}"
        yield Finding("home", "warning", message, mend)
    else:
        yield Finding("home", "ok", message)


def check_builder(settings: Settings) -> Iterator[Finding]:
    """Whether an environment could be made: the uv executable."""
    from uv import find_uv_bin

    try:
        yield Finding("uv", "ok", f"uv {version('uv')} ({find_uv_bin()})")
    except FileNotFoundError:
        yield Finding("uv", "broken", "The uv package holds no executable.", "pip install --force-reinstall uv")


def check_environment(settings: Settings) -> Iterator[Finding]:
    """Look at the environment: its marker, and the probe again."""
    from samj_bridge.install import check_environment as probe
    from samj_bridge.install import find_environment

    environment = find_environment(settings)
    if environment is None:
        yield Finding("environment", "broken", "There is no environment yet.", "samj-bridge setup")
        return
    message = f"{environment.name} by {environment.builder}, {environment.feature}, in {environment.prefix}"
    try:
        versions = probe(environment)
    except SamjError as error:
        yield Finding("environment", "broken", f"{message}: {error.message}", "samj-bridge setup --again")
        return
    shown = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "numpy") if name in versions)
    yield Finding("environment", "ok", f"{message}: {shown}")
    for note in environment.notes:
        yield Finding("environment", "ok", note)


def check_model(settings: Settings) -> Iterator[Finding]:
    """Look for the starter model's weights, part of the package."""
    from samj_bridge.models.catalog import find_model

    size = find_model("starter").check_file().stat().st_size
    yield Finding("model", "ok", f"starter, {size / 1e6:.1f} MB, in the package")


def check_worker(settings: Settings) -> Iterator[Finding]:
    """Start the worker, load the starter, encode and segment a disc."""
    from samj_bridge.install import find_environment

    environment = find_environment(settings)
    if environment is None:
        return
    import numpy as np

    from samj_bridge.session import Prompt, Session

    y, x = np.mgrid[:64, :64]
    disc = (((y - 32) ** 2 + (x - 32) ** 2 < 200) * 200).astype(np.uint8)
    with Session("starter", settings=settings, environment=environment) as session:
        hello: dict[str, Any] = dict(session.hello)
        with session.encode(disc) as scene:
            region = scene.segment(Prompt(box=(17, 17, 48, 48)))[0]
    message = f"answers on {hello.get('device')} with {hello.get('threads')} threads"
    if region.is_empty:
        mend = "Please report it with the log in the logs folder."
        yield Finding("worker", "broken", f"{message}, but finds nothing in a plain disc", mend)
    else:
        yield Finding("worker", "ok", f"{message}; a test disc has {region.area} pixels")


def check_java(settings: Settings) -> Iterator[Finding]:
    """Java for ImageJ: everything else works without it."""
    from samj_bridge.fiji import find_java

    java = find_java()
    if java is None:
        mend = "Install a JDK 11 or newer (https://adoptium.net), or set JAVA_HOME. Only ImageJ and Fiji need it."
        yield Finding("java", "warning", "No Java found: ROIs are written, but ImageJ can't be driven.", mend)
    else:
        yield Finding("java", "ok", f"Java {java.version} ({java.home})")


def _existing_parent(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _name(check: Callable[..., object]) -> str:
    return check.__name__.removeprefix("check_")
