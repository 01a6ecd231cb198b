"""What an environment is to hold: `envs/<name>/pixi.toml` and its lock, read strictly.

The same file is a pixi workspace. Only the part that samj-bridge uses may stand in it: an entry that we would
overlook is an error, so that nobody writes down a wish that one builder grants and another ignores.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samj_bridge.errors import InstallError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Specification", "current_platform", "load_specification", "read_specification", "specification_path"]

_PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
_TOOL = "samj-bridge"
_FEATURE = "pypi"


@dataclass(frozen=True)
class Specification:
    """One environment, as it is to be; nothing of any machine."""

    name: str
    """Name of the environment and of its folder."""
    python: Mapping[str, str]
    """Versions of Python that fit, such as ``>=3.10,<3.15``, by platform."""
    conda: Mapping[str, str]
    """Packages from conda-forge: name to versions."""
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
    path: Path | None = None
    """The file it was read from."""

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
        text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), default=dict)
        return hashlib.sha256(text.encode()).hexdigest()


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
    reader = _Reader(values)
    fields = reader.fields()
    lock_name = reader.text("tool", _TOOL, "lock")
    lock = ""
    if lock_name:
        try:
            lock = path.with_name(lock_name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reader.problems.append(f"its lock {lock_name} can't be read: {error}")
    if reader.problems:
        raise _bad(path, reader.problems)
    return Specification(lock=lock, path=path, **fields)


def _bad(path: Path, problems: list[str]) -> InstallError:
    message = f"The specification {path} can't be used: " + "; ".join(problems) + "."
    return InstallError(
        message, code="bad-specification", hint="Install samj-bridge again, or mend the file.", problems=problems
    )


class _Reader:
    """Takes the values that we know out of a manifest and notes everything that is wrong."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.problems: list[str] = []

    def fields(self) -> dict[str, Any]:
        self.known("", self.values, {"workspace", "dependencies", "feature", "environments", "tool"})
        workspace = self.table("workspace")
        self.known("workspace", workspace, {"name", "channels", "platforms"})
        name = self.text("workspace", "name")
        self.texts("workspace", "channels")
        platforms = self.texts("workspace", "platforms")
        self.problems += [f"platform {item!r} is unknown" for item in platforms if item not in _PLATFORMS]
        python, pypi = self.feature(platforms)
        conda = self.versions("dependencies")
        if "python" not in conda:
            self.problems.append("dependencies.python is missing")
        self.environments()
        self.known("tool", self.table("tool"), {_TOOL})
        tool = self.table("tool", _TOOL)
        allowed = {"lock", "probe", "cpu-index-package", "cuda-packages", "disk"}
        self.known(f"tool.{_TOOL}", tool, allowed)
        return {
            "name": name,
            "python": python,
            "conda": conda,
            "pypi": pypi,
            "probe": tuple(self.texts("tool", _TOOL, "probe")),
            "cpu_index_package": self.text("tool", _TOOL, "cpu-index-package", optional=True),
            "cuda_packages": tuple(self.texts("tool", _TOOL, "cuda-packages", optional=True)),
            "disk": self.sizes(),
        }

    def feature(self, platforms: list[str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        self.known("feature", self.table("feature"), {_FEATURE})
        self.known(
            f"feature.{_FEATURE}", self.table("feature", _FEATURE), {"dependencies", "pypi-dependencies", "target"}
        )
        python = self.versions("feature", _FEATURE, "dependencies")
        self.known(f"feature.{_FEATURE}.dependencies", python, {"python"})
        if "python" not in python:
            self.problems.append(f"feature.{_FEATURE}.dependencies.python is missing")
        pypi = self.versions("feature", _FEATURE, "pypi-dependencies")
        pythons = dict.fromkeys(platforms, python.get("python", ""))
        packages = {item: dict(pypi) for item in platforms}
        targets = self.table("feature", _FEATURE, "target", optional=True)
        self.known(f"feature.{_FEATURE}.target", targets, set(platforms))
        for target in targets:
            where = ("feature", _FEATURE, "target", target)
            self.known(".".join(where), self.table(*where), {"dependencies", "pypi-dependencies"})
            own = self.versions(*where, "dependencies", optional=True)
            self.known(".".join((*where, "dependencies")), own, {"python"})
            if target in packages:
                pythons[target] = ",".join(filter(None, (pythons[target], own.get("python", ""))))
                packages[target].update(self.versions(*where, "pypi-dependencies", optional=True))
        return pythons, packages

    def environments(self) -> None:
        self.known("environments", self.table("environments"), {_FEATURE})
        if self.table("environments").get(_FEATURE) != {"features": [_FEATURE], "no-default-feature": True}:
            expected = '{ features = ["pypi"], no-default-feature = true }'
            self.problems.append(f"environments.{_FEATURE} must be {expected}")

    def sizes(self) -> dict[str, int]:
        sizes = self.table("tool", _TOOL, "disk", optional=True)
        self.known(f"tool.{_TOOL}.disk", sizes, {"cpu", "cuda"})
        for key, value in sizes.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                self.problems.append(f"tool.{_TOOL}.disk.{key} is not a number of bytes")
        return {key: value for key, value in sizes.items() if isinstance(value, int)}

    def known(self, where: str, table: Mapping[str, Any], names: set[str]) -> None:
        prefix = f"{where}." if where else ""
        self.problems += [f"{prefix}{key} is unknown" for key in table if key not in names]

    def find(self, keys: tuple[str, ...]) -> Any:
        value: Any = self.values
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def table(self, *keys: str, optional: bool = False) -> dict[str, Any]:
        value = self.find(keys)
        if isinstance(value, dict):
            return value
        self.complain(keys, value, "a table", optional=optional)
        return {}

    def text(self, *keys: str, optional: bool = False) -> str:
        value = self.find(keys)
        if isinstance(value, str) and value:
            return value
        self.complain(keys, value, "a text", optional=optional)
        return ""

    def texts(self, *keys: str, optional: bool = False) -> list[str]:
        value = self.find(keys)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return value
        self.complain(keys, value, "a list of texts", optional=optional)
        return []

    def versions(self, *keys: str, optional: bool = False) -> dict[str, str]:
        table = self.table(*keys, optional=optional)
        for key, value in table.items():
            if not isinstance(value, str):
                self.problems.append(f"{'.'.join((*keys, key))} is not a text of versions")
        return {key: value for key, value in table.items() if isinstance(value, str)}

    def complain(self, keys: tuple[str, ...], value: Any, kind: str, *, optional: bool) -> None:
        where = ".".join(keys)
        if value is None and not optional:
            problem = f"{where} is missing"
        elif value is not None:
            problem = f"{where} is not {kind}"
        else:
            return
        if problem not in self.problems:
            self.problems.append(problem)
