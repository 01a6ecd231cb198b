"""Take what we know out of a `pixi.toml`, and note everything that is wrong with it, all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from samj_bridge.install.secrets import hide

__all__ = ["FEATURES", "PLATFORMS", "ManifestReader", "channel_problem"]

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
FEATURES = ("cpu", "cuda")
"""What an environment can be built for: the names of the conda features, and of the sizes."""

_TOOL = "samj-bridge"
_PYPI = "pypi"
# A name stands for a channel on conda's own server; anything else must be a whole address.
_CHANNEL_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_CHANNEL_URL = re.compile(r"(https?://[^/\s]+|file:///)\S*")
_PACKAGE = re.compile(r"[a-z0-9_][a-z0-9_.-]*")


def channel_problem(channel: str) -> str:
    """Say in a clause what is wrong with `channel`; empty: it is a channel's name or address.

    Examples
    --------
    >>> channel_problem("conda-forge"), channel_problem("https://example.org/channel")
    ('', '')
    >>> channel_problem("example.org/channel")
    "channel 'example.org/channel' is neither a name nor a URL (https://..., http://..., file:///...)"
    """
    if _CHANNEL_NAME.fullmatch(channel) or _CHANNEL_URL.fullmatch(channel):
        return ""
    return f"channel {hide(channel)!r} is neither a name nor a URL (https://..., http://..., file:///...)"


class ManifestReader:
    """Reads one manifest.

    Parameters
    ----------
    values : dict
        The manifest's content.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.problems: list[str] = []
        """What is wrong, one clause each."""

    def fields(self) -> dict[str, Any]:
        """Return the fields of a `Specification`; worthless when there are `problems`."""
        known = {"workspace", "dependencies", "pypi-dependencies", "target", "feature", "environments", "tool"}
        self.known("", self.values, known)
        workspace = self.table("workspace")
        self.known("workspace", workspace, {"name", "channels", "platforms"})
        name = self.text("workspace", "name")
        channels = self.texts("workspace", "channels")
        self.problems += [problem for channel in channels if (problem := channel_problem(channel))]
        platforms = self.texts("workspace", "platforms")
        self.problems += [f"platform {item!r} is unknown" for item in platforms if item not in PLATFORMS]
        self.known("feature", self.table("feature"), {_PYPI, *FEATURES})
        python, pypi = self.pypi_feature(platforms)
        conda = self.packages("dependencies")
        if "python" not in conda:
            self.problems.append("dependencies.python is missing")
        features = [feature for feature in FEATURES if feature in self.table("feature")]
        builds = self.conda_features(features, platforms, conda)
        self.environments(features)
        self.known("tool", self.table("tool"), {_TOOL})
        tool = self.table("tool", _TOOL)
        allowed = {"lock", "probe", "cpu-index-package", "cuda-packages", "disk"}
        self.known(f"tool.{_TOOL}", tool, allowed)
        return {
            "name": name,
            "channels": tuple(channels),
            "python": python,
            "conda": conda,
            "conda_builds": builds,
            "cuda": self.cuda(),
            "conda_pypi": self.versions("pypi-dependencies", optional=True),
            "pypi": pypi,
            "probe": tuple(self.texts("tool", _TOOL, "probe")),
            "cpu_index_package": self.text("tool", _TOOL, "cpu-index-package", optional=True),
            "cuda_packages": tuple(self.texts("tool", _TOOL, "cuda-packages", optional=True)),
            "disk": self.sizes(),
        }

    def pypi_feature(self, platforms: list[str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Return the versions of Python, and the packages from PyPI, by platform."""
        self.known(
            f"feature.{_PYPI}", self.table("feature", _PYPI), {"dependencies", "pypi-dependencies", "target"}
        )
        python = self.versions("feature", _PYPI, "dependencies")
        self.known(f"feature.{_PYPI}.dependencies", python, {"python"})
        if "python" not in python:
            self.problems.append(f"feature.{_PYPI}.dependencies.python is missing")
        pypi = self.versions("feature", _PYPI, "pypi-dependencies")
        pythons = dict.fromkeys(platforms, python.get("python", ""))
        packages = {item: dict(pypi) for item in platforms}
        targets = self.table("feature", _PYPI, "target", optional=True)
        self.known(f"feature.{_PYPI}.target", targets, set(platforms))
        for target in targets:
            where = ("feature", _PYPI, "target", target)
            self.known(".".join(where), self.table(*where), {"dependencies", "pypi-dependencies"})
            own = self.versions(*where, "dependencies", optional=True)
            self.known(".".join((*where, "dependencies")), own, {"python"})
            if target in packages:
                pythons[target] = ",".join(filter(None, (pythons[target], own.get("python", ""))))
                packages[target].update(self.versions(*where, "pypi-dependencies", optional=True))
        return pythons, packages

    def conda_features(
        self, features: list[str], platforms: list[str], default: dict[str, str]
    ) -> dict[str, dict[str, dict[str, str]]]:
        """Return the packages from conda's channels by feature and platform.

        As pixi has it: within one table a platform's own word replaces the general one; what the default and a
        feature say of one package must both hold.
        """
        base = self.by_platform((), platforms, default)
        if not features:
            return {"cpu": base}
        builds = {}
        for feature in features:
            where = ("feature", feature)
            known = {"dependencies", "target", "platforms", "system-requirements"}
            self.known(".".join(where), self.table(*where), known)
            on = self.texts(*where, "platforms", optional=True) or platforms
            self.problems += [f"feature.{feature}.platforms has {item!r}" for item in on if item not in platforms]
            general = self.packages(*where, "dependencies", optional=True)
            own = self.by_platform(where, [item for item in on if item in platforms], general)
            builds[feature] = {item: self.both(base[item], own[item], feature) for item in own}
        return builds

    def cuda(self) -> str:
        """Return the oldest CUDA that a driver must offer for the feature ``cuda``."""
        wanted = self.table("feature", "cuda", "system-requirements", optional=True)
        self.known("feature.cuda.system-requirements", wanted, {"cuda"})
        others = self.table("feature", "cpu", "system-requirements", optional=True)
        self.known("feature.cpu.system-requirements", others, set())
        return self.text("feature", "cuda", "system-requirements", "cuda", optional=True)

    def by_platform(
        self, where: tuple[str, ...], platforms: list[str], general: dict[str, str]
    ) -> dict[str, dict[str, str]]:
        """Return the packages of a table for each platform."""
        targets = self.table(*where, "target", optional=True)
        self.known(".".join((*where, "target")), targets, set(platforms))
        for target in targets:
            self.known(".".join((*where, "target", target)), self.table(*where, "target", target), {"dependencies"})
        return {
            item: general | self.packages(*where, "target", item, "dependencies", optional=True)
            for item in platforms
        }

    def both(self, base: dict[str, str], own: dict[str, str], feature: str) -> dict[str, str]:
        """Return the packages of which `base` and `own` hold at once."""
        merged = base | own
        for name in base.keys() & own.keys():
            (versions, build), (more, own_build) = (_split(table[name]) for table in (base, own))
            if build and own_build and build != own_build:
                self.problems.append(f"{name} has the build {build!r} and, in feature.{feature}, {own_build!r}")
            joined = ",".join(part for part in dict.fromkeys((versions, more)) if part != "*") or "*"
            merged[name] = f"{joined} {own_build or build}".strip()
        return merged

    def environments(self, features: list[str]) -> None:
        """Check that pixi makes the environments that the builders make."""
        table = self.table("environments")
        self.known("environments", table, {*features, _PYPI})
        for name in (*features, _PYPI):
            more = {"no-default-feature": True} if name == _PYPI else {}
            if table.get(name) != {"features": [name], **more}:
                words = ", no-default-feature = true" if more else ""
                self.problems.append(f'environments.{name} must be {{ features = ["{name}"]{words} }}')

    def sizes(self) -> dict[str, int]:
        """Return the bytes that an installation writes, by feature."""
        sizes = self.table("tool", _TOOL, "disk", optional=True)
        self.known(f"tool.{_TOOL}.disk", sizes, set(FEATURES))
        for key, value in sizes.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                self.problems.append(f"tool.{_TOOL}.disk.{key} is not a number of bytes")
        return {key: value for key, value in sizes.items() if isinstance(value, int)}

    def known(self, where: str, table: Mapping[str, Any], names: set[str]) -> None:
        """Note every entry of `table` that is none of `names`."""
        prefix = f"{where}." if where else ""
        self.problems += [f"{prefix}{key} is unknown" for key in table if key not in names]

    def find(self, keys: tuple[str, ...]) -> Any:
        """Return what stands at `keys`, or None."""
        value: Any = self.values
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def table(self, *keys: str, optional: bool = False) -> dict[str, Any]:
        """Return the table at `keys`."""
        value = self.find(keys)
        if isinstance(value, dict):
            return value
        self.complain(keys, value, "a table", optional=optional)
        return {}

    def text(self, *keys: str, optional: bool = False) -> str:
        """Return the text at `keys`."""
        value = self.find(keys)
        if isinstance(value, str) and value:
            return value
        self.complain(keys, value, "a text", optional=optional)
        return ""

    def texts(self, *keys: str, optional: bool = False) -> list[str]:
        """Return the list of texts at `keys`."""
        value = self.find(keys)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return value
        self.complain(keys, value, "a list of texts", optional=optional)
        return []

    def versions(self, *keys: str, optional: bool = False) -> dict[str, str]:
        """Return the table of package versions at `keys`."""
        table = self.table(*keys, optional=optional)
        for key, value in table.items():
            if not isinstance(value, str):
                self.problems.append(f"{'.'.join((*keys, key))} is not a text of versions")
        return {key: value for key, value in table.items() if isinstance(value, str)}

    def packages(self, *keys: str, optional: bool = False) -> dict[str, str]:
        """Return the table of conda packages at `keys`: name to versions, and after a space the build, if any."""
        found = {}
        for name, value in self.table(*keys, optional=optional).items():
            where = ".".join((*keys, name))
            if not _PACKAGE.fullmatch(name):
                self.problems.append(f"{where}: that is no name of a conda package")
            if isinstance(value, dict):
                self.known(where, value, {"version", "build"})
                parts = [value.get("version", "*"), value.get("build", "")]
            else:
                parts = [value, ""]
            if not all(isinstance(part, str) for part in parts):
                self.problems.append(f"{where} is not a text of versions")
            elif any(" " in part for part in parts):
                self.problems.append(f"{where} has a space: write {{ version = ..., build = ... }}")
            else:
                found[name] = " ".join(part for part in parts if part)
        return found

    def complain(self, keys: tuple[str, ...], value: Any, kind: str, *, optional: bool) -> None:
        """Note that what stands at `keys` is missing or not of its `kind`."""
        where = ".".join(keys)
        if value is None and not optional:
            problem = f"{where} is missing"
        elif value is not None:
            problem = f"{where} is not {kind}"
        else:
            return
        if problem not in self.problems:
            self.problems.append(problem)


def _split(wanted: str) -> tuple[str, str]:
    versions, _, build = wanted.partition(" ")
    return versions, build
