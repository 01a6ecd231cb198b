"""What an environment is to hold: `envs/<name>/pixi.toml` and its lock, read strictly.

The same file is a pixi workspace. Only the part that samj-bridge uses may stand in it: an entry that we would
overlook is an error, so that nobody writes down a wish that one builder grants and another ignores.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samj_bridge.errors import InstallError
from samj_bridge.install.manifest import FEATURES, PLATFORMS, ManifestReader

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Specification",
    "conda_lock_path",
    "current_platform",
    "fits",
    "load_specification",
    "normal_name",
    "pin_name",
    "read_specification",
    "requirements",
    "specification_path",
]

_CONDA_BUILDERS = {"micromamba"}


@dataclass(frozen=True)
class Specification:
    """One environment, as it is to be; nothing of any machine."""

    name: str
    """Name of the environment and of its folder."""
    python: Mapping[str, str]
    """Versions of Python that fit, such as ``>=3.10,<3.15``, by platform."""
    conda: Mapping[str, str]
    """Packages from conda's channels that every feature has: name to versions."""
    pypi: Mapping[str, Mapping[str, str]]
    """Packages from PyPI: platform to name to versions."""
    lock: str
    """Text of the PyPI lock: pinned and hashed requirements of every platform; empty while there is none."""
    probe: tuple[str, ...]
    """Modules that must be importable."""
    cpu_index_package: str = ""
    """The package that has small wheels without CUDA on an index of its own."""
    cuda_packages: tuple[str, ...] = ()
    """Patterns of the packages that only the CUDA wheels need."""
    disk: Mapping[str, int] = field(default_factory=dict)
    """Bytes that an installation writes, by feature."""
    channels: tuple[str, ...] = ()
    """Conda channels, names or addresses, the preferred one first."""
    conda_builds: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    """Packages from conda's channels, complete: feature (``cpu``, ``cuda``) to platform to name to versions,
    with the build after a space where one is asked for."""
    cuda: str = ""
    """The oldest CUDA that a driver must offer for the feature ``cuda``, such as ``12.0``."""
    conda_pypi: Mapping[str, str] = field(default_factory=dict)
    """Packages from PyPI that are put on top of the conda packages; each is pinned in `lock`."""
    conda_locks: Mapping[str, str] = field(default_factory=dict)
    """Explicit lists of conda packages, ``<feature>-<platform>`` to text; where there is none, conda solves."""
    path: Path | None = None
    """The file it was read from."""

    def conda_features(self, target: str) -> tuple[str, ...]:
        """Return the features that conda packages can be had for on platform `target`."""
        return tuple(feature for feature, platforms in self.conda_builds.items() if target in platforms)

    def conda_specs(self, target: str, feature: str) -> list[str]:
        """Return what to ask of conda on platform `target`: ``name versions`` or ``name versions build``."""
        return [f"{name} {wanted}" for name, wanted in sorted(self.conda_builds[feature][target].items())]

    def conda_lock(self, target: str, feature: str) -> str:
        """Return the explicit list of conda packages that comes with the specification; empty: there is none."""
        return self.conda_locks.get(f"{feature}-{target}", "")

    @property
    def conda_pypi_pins(self) -> list[str]:
        """Lines of `lock` for the packages of `conda_pypi`: to be installed without their dependencies."""
        names = {normal_name(name) for name in self.conda_pypi}
        return [pin for pin in requirements(self.lock) if pin_name(pin) in names]

    def hash_for(self, builder: str) -> str:
        """Return the hash of all that an environment by `builder` depends on: when it changes, a new one is made.

        What conda is asked for is nothing to an environment that was made from PyPI's lock.
        """
        if builder not in _CONDA_BUILDERS:
            return self.hash
        meaning = {
            "format": 1,
            "pypi": self.hash,
            "channels": self.channels,
            "builds": self.conda_builds,
            "cuda": self.cuda,
            "on-top": self.conda_pypi,
            "locks": {key: requirements(text) for key, text in self.conda_locks.items()},
        }
        return _digest(meaning)

    @property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, over the meaning: comments, order and place don't count."""
        meaning = {
            "format": 1,
            "name": self.name,
            "python": self.python,
            "conda": self.conda,
            "pypi": self.pypi,
            "lock": sorted(requirements(self.lock)),
            "probe": sorted(self.probe),
            "cpu-index-package": self.cpu_index_package,
            "cuda-packages": sorted(self.cuda_packages),
        }
        return _digest(meaning)


def requirements(lock: str) -> list[str]:
    r"""Split a requirements file with continuation lines into one line for each package.

    Examples
    --------
    >>> requirements("# made by uv\nnumpy==2.0 \\\n    --hash=sha256:ab\n")
    ['numpy==2.0 --hash=sha256:ab']
    """
    lines = (line for line in lock.splitlines() if not line.lstrip().startswith("#"))
    joined = "\n".join(lines).replace("\\\n", " ")
    return [" ".join(line.split()) for line in joined.splitlines() if line.strip()]


def pin_name(pin: str) -> str:
    """Return the normal name of the package of one line of a requirements file.

    Examples
    --------
    >>> pin_name("Typing_Extensions==4.1 --hash=sha256:ab")
    'typing-extensions'
    """
    return normal_name(re.split(r"[\s=<>!~;\[@]", pin, maxsplit=1)[0])


def normal_name(name: str) -> str:
    """Return a PyPI package's name as all of its spellings are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fits(version: tuple[int, ...], wanted: str) -> bool:
    """Tell whether `version` is within `wanted`, such as ``>=3.10,<3.15``.

    Examples
    --------
    >>> fits((3, 12, 1), ">=3.10,<3.13"), fits((3, 13, 0), ">=3.10,<3.13")
    (True, False)
    """
    for part in filter(None, re.split(r"\s*,\s*", wanted)):
        match = re.fullmatch(r"(>=|<)\s*(\d+(?:\.\d+)*)", part)
        if match is None:
            message = f"Versions of Python are written like '>=3.10,<3.15', not {wanted!r}."
            raise InstallError(message, code="bad-specification", hint="Install samj-bridge again.")
        bound = tuple(int(number) for number in match[2].split("."))
        if (version >= bound) != (match[1] == ">="):
            return False
    return True


def current_platform() -> str:
    """Return this machine's platform in conda's words, such as ``linux-64``."""
    system = {"linux": "linux", "darwin": "osx", "win32": "win"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    if machine in {"x86_64", "amd64"}:
        return f"{system}-64"
    return f"{system}-{'arm64' if system in {'osx', 'win'} else machine}"


def specification_path(name: str = "samj") -> Path:
    """Return where `pixi.toml` of environment `name` lies: in the installed package, or in a source checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "envs" / name / "pixi.toml"
    return installed if installed.is_file() else package.parent / "envs" / name / "pixi.toml"


def load_specification(name: str = "samj") -> Specification:
    """Read the specification that belongs to samj-bridge itself.

    Raises
    ------
    InstallError
        There is none of this name, or it can't be used.
    """
    path = specification_path(name)
    if not path.is_file():
        message = f"There is no specification of an environment {name!r} ({path})."
        raise InstallError(message, code="no-specification", hint="The only name samj-bridge brings is 'samj'.")
    return read_specification(path)


def read_specification(path: Path) -> Specification:
    """Read `path` and the lock beside it.

    Raises
    ------
    InstallError
        With code ``bad-specification``: it can't be read, is not TOML, or has entries that are missing, unknown
        or of the wrong kind; ``details["problems"]`` lists all of them.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _bad(path, [f"it can't be read: {error.strerror or error}"]) from error
    except ValueError as error:
        raise _bad(path, [f"it is not TOML: {error}"]) from error
    reader = ManifestReader(values)
    fields = reader.fields()
    lock_name = reader.text("tool", "samj-bridge", "lock")
    lock = ""
    if lock_name:
        try:
            lock = path.with_name(lock_name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reader.problems.append(f"its lock {lock_name} can't be read: {error}")
    pinned = {pin_name(pin) for pin in requirements(lock)}
    if lock:
        loose = [name for name in fields["conda_pypi"] if normal_name(name) not in pinned]
        reader.problems += [f"pypi-dependencies.{name} is not pinned in {lock_name}" for name in loose]
    locks = _conda_locks(path, reader.problems)
    if reader.problems:
        raise _bad(path, reader.problems)
    return Specification(lock=lock, conda_locks=locks, path=path, **fields)


def conda_lock_path(specification_path: Path, feature: str, target: str) -> Path:
    """Return where the explicit list of conda packages of one feature and platform lies."""
    return specification_path.with_name(f"conda-{feature}-{target}.lock")


def _conda_locks(path: Path, problems: list[str]) -> dict[str, str]:
    locks = {}
    for feature in FEATURES:
        for target in PLATFORMS:
            file = conda_lock_path(path, feature, target)
            try:
                locks[f"{feature}-{target}"] = file.read_text(encoding="utf-8")
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                problems.append(f"its lock {file.name} can't be read: {error}")
    return locks


def _digest(meaning: dict[str, object]) -> str:
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


def _bad(path: Path, problems: list[str]) -> InstallError:
    message = f"The specification {path} can't be used: " + "; ".join(problems) + "."
    return InstallError(
        message, code="bad-specification", hint="Install samj-bridge again, or mend the file.", problems=problems
    )
