"""A virtual environment from PyPI, pinned and hash-checked, made by uv.

torch's wheels on PyPI for Linux bring CUDA: gigabytes that do nothing without an NVIDIA GPU. So where there is none, torch
comes from an index of CPU wheels, and from PyPI if that fails; the rest always comes from PyPI.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from samj_bridge.errors import Cancelled, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.install.builders.base import BuildRequest, Built
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.python import choose_python
from samj_bridge.install.simple_index import IndexedWheel, read_page, wheels_of
from samj_bridge.install.space import check_space
from samj_bridge.install.specification import Specification, current_platform, requirements
from samj_bridge.install.uv_progress import UvProgress
from samj_bridge.install.uv_tool import UvTool
from samj_bridge.settings import Settings

__all__ = ["LOCK_NAME", "UvBuilder", "make_builder", "python_of"]

LOCK_NAME = "samj-environment.lock"
"""File in the prefix: what was installed, in the form of a requirements file with hashes."""


class UvBuilder:
    """Makes environments with uv.

    Parameters
    ----------
    settings : Settings
        Indexes, Python to base on, offline or not.
    executable : Path, optional
        uv to use; the one from PyPI's package by default.
    """

    name = "uv"

    def __init__(self, settings: Settings, executable: Path | None = None) -> None:
        self.settings = settings
        self.uv = UvTool(settings, executable)

    def obstacle(self, specification: Specification) -> str:
        """Say in a clause why uv can't make `specification` here; empty: it can."""
        if current_platform() not in specification.pypi:
            return f"{specification.name} has no PyPI packages for {current_platform()}"
        if not requirements(specification.lock):
            return f"{specification.name} has no lock for PyPI"
        try:
            self.uv.find()
        except InstallError as error:
            return error.message.rstrip(".")
        return ""

    def build(self, request: BuildRequest) -> Built:
        """Make a virtual environment in ``request.prefix`` and install the lock into it."""
        specification = request.specification
        request.tell("resolve", "Looking for a Python to base the environment on.")
        base, notes = choose_python(specification, self.settings, self.uv, request.tell, request.cancel)
        wheels, why = self._cpu_wheels(request)
        notes = [*notes, *why]
        feature = "cuda" if sys.platform == "linux" and specification.cpu_index_package and not wheels else "cpu"
        check_space(specification.disk.get(feature, 0), request.prefix, self.uv.cache_dir(), self.settings.home)
        request.tell("install", f"Making an empty environment with {base}.")
        self.uv.call(
            ["venv", "--quiet", "--no-project", "--python", str(base), str(request.prefix)], cancel=request.cancel
        )
        python = python_of(request.prefix)
        if wheels:
            try:
                self._install_cpu(request, python, wheels)
            except (NoSpaceError, Cancelled):
                raise
            except SamjError as error:
                notes.append(
                    f"torch's CPU index failed ({error.message.rstrip('.')}): took the default index instead"
                )
                request.tell("resolve", notes[-1] + ".")
                feature, wheels = "cuda", []
                check_space(
                    specification.disk.get(feature, 0), request.prefix, self.uv.cache_dir(), self.settings.home
                )
        if not wheels:
            pins = requirements(specification.lock)
            self._install(request, python, pins, self._pypi())
            _write_lock(request.prefix, pins)
        return Built(python, feature, tuple(notes))

    def _pypi(self) -> list[str]:
        return ["--default-index", self.settings.pypi_index] if self.settings.pypi_index else []

    def _cpu_wheels(self, request: BuildRequest) -> tuple[list[IndexedWheel], list[str]]:
        """Return the CPU wheels to choose from (none: take the default index), and why."""
        specification, settings = request.specification, self.settings
        package = specification.cpu_index_package
        # Elsewhere PyPI's own wheels are small already: CPU on Windows, Metal on the Mac.
        if not package or sys.platform != "linux":
            return [], []
        gpu = find_nvidia_gpu() if settings.device in {"auto", "cuda"} else ""
        if gpu:
            return [], [f"{gpu} found: {package} with CUDA"]
        if settings.device == "cuda":
            return [], [f"no NVIDIA GPU found, but CUDA was asked for: {package} with CUDA"]
        if not settings.torch_index or settings.offline:
            reason = "the setting torch_index is empty" if not settings.torch_index else "offline"
            return [], [f"{package}'s CPU index was not asked ({reason}): took the default index"]
        request.tell(
            "resolve", f"No NVIDIA GPU found: asking {settings.torch_index} for the small CPU build of {package}."
        )
        try:
            page = read_page(settings.torch_index, package, cancel=request.cancel)
            wheels = _matching(wheels_of(page, package), _pinned_versions(specification))
            if not wheels:
                versions = " or ".join(sorted(_pinned_versions(specification)))
                message = f"{settings.torch_index} has no hashed CPU wheel of {package} {versions}."
                raise NetworkError(message, reason="it has no wheel of the pinned version with a hash")
        except NetworkError as error:
            reason = error.details["reason"]
            note = f"{package}'s CPU index {settings.torch_index} can't be used ({reason}): took the default index"
            request.tell("resolve", f"{note}. Its build is larger, and works just as well.")
            return [], [note]
        return wheels, [f"no NVIDIA GPU found: the small CPU build of {package} from {settings.torch_index}"]

    def _install_cpu(self, request: BuildRequest, python: Path, wheels: Sequence[IndexedWheel]) -> None:
        specification = request.specification
        package = specification.cpu_index_package
        pins = requirements(specification.lock)
        own = [pin for pin in pins if _name(pin) == package]
        rest = [
            pin
            for pin in pins
            if _name(pin) != package
            and not any(fnmatch(_name(pin), pattern) for pattern in specification.cuda_packages)
        ]
        # The big one first: when its index fails half-way, nothing else has been done in vain.
        chosen = [_with_wheels(pin, wheels) for pin in own]
        index = ["--default-index", self.settings.torch_index]
        self._install(request, python, [pin for pin in chosen if pin], index)
        self._install(request, python, rest, self._pypi())
        self.uv.call(["pip", "check", "--quiet", "--python", str(python)], cancel=request.cancel)
        _write_lock(request.prefix, [*rest, *_installed_pin(request.prefix, package, wheels)])

    def _install(self, request: BuildRequest, python: Path, pins: Sequence[str], index: list[str]) -> None:
        wanted = request.prefix / "samj-requirements.txt"
        wanted.write_text("\n".join(pins) + "\n", encoding="utf-8")
        progress = UvProgress(request.progress)
        self.uv.call(
            [
                *("pip", "install", "--python", str(python), "--requirement", str(wanted)),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
                *index,
            ],
            on_line=progress.line,
            cancel=request.cancel,
        )
        wanted.unlink()


def make_builder(settings: Settings) -> UvBuilder:
    """Return the builder, as `BUILDERS` wants it."""
    return UvBuilder(settings)


def python_of(prefix: Path) -> Path:
    """Return the interpreter of the virtual environment `prefix`."""
    return prefix / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _name(pin: str) -> str:
    return re.split(r"[\s=<>!~;\[@]", pin, maxsplit=1)[0].lower().replace("_", "-")


def _pinned_versions(specification: Specification) -> set[str]:
    package = specification.cpu_index_package
    pins = (pin for pin in requirements(specification.lock) if _name(pin) == package)
    return {match[1] for pin in pins if (match := re.match(r"[^=]+==\s*([^\s;]+)", pin))}


def _matching(wheels: Sequence[IndexedWheel], versions: set[str]) -> list[IndexedWheel]:
    # A wheel without an announced hash could be anything: it is as good as absent.
    return [wheel for wheel in wheels if wheel.sha256 and wheel.version.split("+")[0] in versions]


def _with_wheels(pin: str, wheels: Sequence[IndexedWheel]) -> str:
    """Return `pin` with the hashes, and the local version, of the CPU wheels; empty when there are none for it."""
    match = re.match(r"([^=]+)==\s*([^\s;]+)\s*(;.*?)?\s*(?=--hash|$)", pin)
    fitting = [wheel for wheel in wheels if match and wheel.version.split("+")[0] == match[2]]
    if match is None or not fitting:
        return ""
    # An index may hold "2.9.0+cpu" and, for other machines, a plain "2.9.0": one equals sign accepts both.
    hashes = " ".join(f"--hash=sha256:{sha256}" for sha256 in sorted({wheel.sha256 for wheel in fitting}))
    return f"{match[1].strip()}=={match[2]} {match[3] or ''} {hashes}"


def _installed_pin(prefix: Path, package: str, wheels: Sequence[IndexedWheel]) -> list[str]:
    """Return the pin of the wheel that uv chose among `wheels`, with its own hash alone."""
    for wheel_file in prefix.rglob(f"{package}-*.dist-info/WHEEL"):
        version = wheel_file.parent.name.removesuffix(".dist-info").split("-", 1)[1]
        text = wheel_file.read_text(encoding="utf-8", errors="replace")
        tags = set(re.findall(r"^Tag:\s*(\S+)", text, flags=re.MULTILINE))
        same = [wheel for wheel in wheels if wheel.version == version]
        exact = [wheel for wheel in same if wheel.tags in tags or any(wheel.tags.startswith(tag) for tag in tags)]
        hashes = " ".join(f"--hash=sha256:{wheel.sha256}" for wheel in exact or same)
        return [f"{package}=={version} {hashes}"]
    return []


def _write_lock(prefix: Path, pins: Sequence[str]) -> None:
    (prefix / LOCK_NAME).write_text("\n".join(sorted(pins)) + "\n", encoding="utf-8")
