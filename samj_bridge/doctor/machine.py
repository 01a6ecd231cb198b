"""The machine and the Python that samj-bridge itself runs on."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from samj_bridge.doctor.finding import Finding
from samj_bridge.install.causes import find_musl, find_wrong_architecture
from samj_bridge.install.private import others_can_read
from samj_bridge.settings import Settings, settings_path
from samj_bridge.version import __version__

__all__ = ["check_host", "check_machine", "check_settings"]

_HOST_PACKAGES = ("appose", "httpx", "numpy", "scyjava", "jpype1", "tifffile", "roifile", "uv")


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


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Look whether the networks' library can run on this kind of machine at all."""
    for cause in (find_musl(), find_wrong_architecture()):
        if cause is not None:
            yield Finding.of("machine", cause)


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Say which file of settings was read, if there is one."""
    own, users = settings_path(settings.home), settings_path()
    # The user's file is read unless a home was named, and may name one itself.
    path = users if Settings.from_environment({}).home == settings.home else own
    if path.is_file():
        yield Finding("settings", "ok", f"read from {path}")
    for file in {path, users}:
        if others_can_read(file):
            message = f"{file} has a password or token in it, and others can read it"
            yield Finding("settings", "warning", f"{message}.", f"chmod 600 '{file}'")
