"""A virtual environment from PyPI, pinned and hash-checked, made by uv.

torch's wheels on PyPI for Linux bring CUDA: gigabytes that do nothing without an NVIDIA GPU. So where there is
none, torch comes from an index of CPU wheels, and from PyPI if that fails; the rest always comes from PyPI.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from samj_bridge.download.page import ListedWheel, wheels_on
from samj_bridge.errors import Cancelled, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.install.builders.base import BuildRequest, Built
from samj_bridge.install.builders.uv.index import read_page
from samj_bridge.install.builders.uv.progress import UvProgress
from samj_bridge.install.builders.uv.python import choose_python
from samj_bridge.install.builders.uv.tool import UvTool
from samj_bridge.install.builders.uv.unpacking import Unpacking
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.locks.pypi import PypiLock
from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.install.space import check_space
from samj_bridge.install.specification import Specification, current_platform, pin_name, requirements
from samj_bridge.protocol.folders import is_file, walk
from samj_bridge.settings import Settings

__all__ = ["LOCK_NAME", "UvBuilder", "install_pins", "make_builder", "python_of"]

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
    index_timeout_s : float
        Seconds that torch's CPU index has for its answer.
    """

    name = "uv"

    def __init__(self, settings: Settings, executable: Path | None = None, index_timeout_s: float = 8.0) -> None:
        self.settings = settings
        self.index_timeout_s = index_timeout_s
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

    def addresses(self, specification: Specification) -> tuple[str, ...]:
        """Return the page of a package that the lock names."""
        index = self.settings.pypi_index or "https://pypi.org/simple"
        return tuple(f"{index.rstrip('/')}/{pin_name(pin)}/" for pin in requirements(specification.lock)[:1])

    def build(self, request: BuildRequest) -> Built:
        """Make a virtual environment in ``request.prefix`` and install the lock into it."""
        if request.pypi_lock is not None:
            return self._build_from(request, request.pypi_lock)
        specification = request.specification
        request.tell("resolve", "Looking for a Python to base the environment on.")
        base, notes = choose_python(specification, self.settings, self.uv, request.tell, request.cancel)
        wheels, why = self._cpu_wheels(request)
        notes = [*notes, *why]
        feature = "cuda" if sys.platform == "linux" and specification.cpu_index_package and not wheels else "cpu"
        self._check_space(request, feature)
        python = self._make_empty(request, base)
        if wheels:
            try:
                own = self._install_cpu_package(request, python, wheels)
            except (NoSpaceError, Cancelled):
                raise
            except SamjError as error:
                package, reason = specification.cpu_index_package, error.message.rstrip(".")
                notes.append(f"{package}'s CPU index failed ({reason}): took the default index")
                request.tell("resolve", notes[-1] + ".")
                feature, wheels = "cuda", []
                self._check_space(request, feature)
        pins = requirements(specification.lock)
        if wheels:
            pins = [pin for pin in pins if not _comes_with_cuda(pin, specification)]
        install_pins(self.uv, request, python, pins, self.settings)
        if wheels:
            # What the CPU build needs is known from its own metadata only: ask whether it is all there.
            self._check(python, request)
            pins = [*pins, own]
        write_own_lock(request.prefix, pins)
        return Built(python, feature, tuple(notes))

    def _build_from(self, request: BuildRequest, lock: PypiLock) -> Built:
        """Install the very packages of `lock`."""
        target = current_platform()
        lock.check_platform(target)
        specification = request.specification
        if lock.python:
            # A wheel with one hash is for one version of Python.
            major, _, minor = lock.python.partition(".")
            versions = f">={lock.python},<{major}.{int(minor or 0) + 1}"
            specification = replace(specification, python={target: versions})
        base, notes = choose_python(specification, self.settings, self.uv, request.tell, request.cancel)
        own = [pin for pin in lock.pins if re.match(r"[^=@]+==[^\s;]+\+", pin)]
        cuda = any(_only_for_cuda(pin, specification) for pin in lock.pins)
        feature = "cuda" if sys.platform == "linux" and cuda else "cpu"
        self._check_space(request, feature)
        python = self._make_empty(request, base)
        if own:
            # Versions like 2.9.0+cpu are on torch's own index only.
            install_pins(self.uv, request, python, own, self.settings, index=self.settings.torch_index)
        install_pins(self.uv, request, python, [pin for pin in lock.pins if pin not in own], self.settings)
        write_own_lock(request.prefix, lock.pins)
        return Built(python, feature, (*notes, f"{len(lock.pins)} PyPI packages, from the lock that was given"))

    def _check_space(self, request: BuildRequest, feature: str) -> None:
        needed = request.specification.disk.get(feature, 0)
        check_space(needed, request.prefix, self.uv.cache_dir(), self.settings.home)

    def _make_empty(self, request: BuildRequest, base: Path) -> Path:
        """Make a virtual environment with nothing in it; return its Python."""
        request.tell("install", f"Making an empty environment with {base}.")
        self.uv.call(
            ["venv", "--quiet", "--no-project", "--python", str(base), str(request.prefix)], cancel=request.cancel
        )
        return python_of(request.prefix)

    def _cpu_wheels(self, request: BuildRequest) -> tuple[list[ListedWheel], list[str]]:
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
            page = read_page(
                settings.torch_index,
                package,
                settings=settings,
                timeout_s=self.index_timeout_s,
                cancel=request.cancel,
            )
            wheels = _matching(wheels_on(page, package), _pinned_versions(specification))
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

    def _install_cpu_package(self, request: BuildRequest, python: Path, wheels: Sequence[ListedWheel]) -> str:
        """Install the one package from its CPU index, and return its pin with the hash of its very wheel."""
        package = request.specification.cpu_index_package
        own = [pin for pin in requirements(request.specification.lock) if pin_name(pin) == package]
        pins = [pin for pin in (_with_wheels(pin, wheels) for pin in own) if pin]
        install_pins(self.uv, request, python, pins, self.settings, index=self.settings.torch_index)
        installed = _installed_pin(request.prefix, package, wheels)
        if not installed:
            message = f"{self.settings.torch_index} has no wheel of {package} for this machine and Python."
            raise InstallError(message, code="no-wheel")
        return installed

    def _check(self, python: Path, request: BuildRequest) -> None:
        try:
            self.uv.call(["pip", "check", "--python", str(python)], cancel=request.cancel)
        except InstallError as error:
            package = request.specification.cpu_index_package
            message = (
                f"The CPU build of {package} needs packages that are not pinned ({error.message.rstrip('.')})."
            )
            hint = "Set SAMJ_TORCH_INDEX to nothing, which takes the larger build, and report this."
            raise InstallError(message, code="cpu-build-incomplete", hint=hint, **error.details) from error


def make_builder(settings: Settings) -> UvBuilder:
    """Return the builder, as `BUILDERS` wants it."""
    return UvBuilder(settings)


def install_pins(
    uv: UvTool, request: BuildRequest, python: Path, pins: Sequence[str], settings: Settings, *, index: str = ""
) -> None:
    """Install pinned and hashed requirements for `python`, and nothing that they may ask for themselves.

    Parameters
    ----------
    index : str
        Package index to ask; that of the settings by default.
    """
    index = index or settings.pypi_index
    wanted = request.prefix / "samj-requirements.txt"
    wanted.write_text("\n".join(pins) + "\n", encoding="utf-8")
    unpacking = Unpacking(uv.cache_dir(), settings.cache_dir / "uv-unfinished")
    progress = UvProgress(request.progress, unpacking.look)
    with unpacking.watched(request.cancel):
        uv.call(
            [
                *("pip", "install", "--python", str(python), "--requirement", str(wanted)),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
                *(["--default-index", index] if index else []),
            ],
            on_line=progress.line,
            on_tick=progress.tick,
            on_start=unpacking.started,
            cancel=request.cancel,
        )
    wanted.unlink()


def write_own_lock(prefix: Path, pins: Sequence[str]) -> None:
    """Write down in the environment `prefix` what is installed in it, and for which machine that is."""
    version = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", _configuration(prefix), flags=re.MULTILINE)
    lock = PypiLock(tuple(pins), current_platform(), version[1] if version else "")
    write_text_atomically(prefix / LOCK_NAME, lock.text)


def _configuration(prefix: Path) -> str:
    try:
        return (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return ""


def python_of(prefix: Path) -> Path:
    """Return the interpreter of the virtual environment `prefix`."""
    return prefix / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _only_for_cuda(pin: str, specification: Specification) -> bool:
    return any(fnmatch(pin_name(pin), name) for name in specification.cuda_packages)


def _comes_with_cuda(pin: str, specification: Specification) -> bool:
    """Tell whether a pin is of the package that has a CPU build, or of what only its CUDA build needs."""
    return pin_name(pin) == specification.cpu_index_package or _only_for_cuda(pin, specification)


def _pinned_versions(specification: Specification) -> set[str]:
    package = specification.cpu_index_package
    pins = (pin for pin in requirements(specification.lock) if pin_name(pin) == package)
    return {match[1] for pin in pins if (match := re.match(r"[^=]+==\s*([^\s;]+)", pin))}


def _matching(wheels: Sequence[ListedWheel], versions: set[str]) -> list[ListedWheel]:
    # A wheel without an announced hash could be anything: it is as good as absent.
    return [wheel for wheel in wheels if wheel.sha256 and wheel.version.split("+")[0] in versions]


def _with_wheels(pin: str, wheels: Sequence[ListedWheel]) -> str:
    """Return `pin` with the local version and the hashes of the CPU wheels; empty when there are none for it."""
    match = re.match(r"([^=]+)==\s*([^\s;]+)\s*(;.*?)?\s*(?=--hash|$)", pin)
    if match is None:
        return ""
    # An index may have 2.9.0+cpu for some machines and a plain 2.9.0 for others: uv looks up hashes by the
    # very version.
    machine = platform.machine()
    here = [
        wheel for wheel in wheels if wheel.tags.endswith((f"_{machine}", "-any")) and "macosx" not in wheel.tags
    ]
    for version in (f"{match[2]}+cpu", match[2]):
        fitting = sorted({wheel.sha256 for wheel in here if wheel.version == version})
        if fitting:
            hashes = " ".join(f"--hash=sha256:{sha256}" for sha256 in fitting)
            return f"{match[1].strip()}=={version} {match[3] or ''} {hashes}"
    return ""


def _installed_pin(prefix: Path, package: str, wheels: Sequence[ListedWheel]) -> str:
    """Return the pin of the wheel that uv chose among `wheels`, with its own hash alone; empty: it chose none."""
    told = re.compile(rf"{re.escape(package)}-(.+)\.dist-info")
    for entry in walk(prefix):
        match = told.fullmatch(entry.name) if entry.is_folder else None
        if match is None or not is_file(entry.path / "WHEEL"):
            continue
        version = match[1]
        text = (entry.path / "WHEEL").read_text("utf-8", errors="replace")
        tags = re.findall(r"^Tag:\s*(\S+)", text, flags=re.MULTILINE)
        same = [wheel for wheel in wheels if wheel.version == version]
        # A file may name several tags at once, joined by dots; the metadata inside lists them one by one.
        exact = [wheel for wheel in same if any(tag in tags for tag in wheel.single_tags)]
        hashes = " ".join(f"--hash=sha256:{wheel.sha256}" for wheel in exact or same)
        return f"{package}=={version} {hashes}"
    return ""
