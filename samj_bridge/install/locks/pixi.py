"""Read a `pixi.lock`, formats 6 and 7: one environment on one platform, as an explicit lock.

Format 7 (pixi 0.68 and newer) gives platforms names of their own: ``linux-64-system`` may stand for ``linux-64``.
What can't be made elsewhere, packages built from sources or lying in a folder, is refused.

References
----------
pixi's documentation, "The pixi.lock lock file": https://pixi.sh/latest/workspace/lockfile/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from samj_bridge.errors import InstallError
from samj_bridge.install.builders.micromamba.plan import sort_packages
from samj_bridge.install.locks.explicit import ExplicitLock, LockedPackage, parse_explicit, parse_package
from samj_bridge.install.specification import normal_name

__all__ = ["is_pixi_lock", "parse_pixi_lock"]

FORMATS = (6, 7)


def is_pixi_lock(text: str) -> bool:
    """Tell whether a text looks like a `pixi.lock` of any format."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return lines[:1] != [] and lines[0].startswith("version:") and any(line == "environments:" for line in lines)


def parse_pixi_lock(
    text: str, platform: str, environments: Sequence[str] = ("default",), *, source: str = "The pixi.lock"
) -> ExplicitLock:
    """Take one environment on one platform out of a `pixi.lock`.

    Parameters
    ----------
    text : str
        What the file holds.
    platform : str
        Such as ``linux-64``.
    environments : sequence of str
        Names of environments; the first that is there is taken.
    source : str
        Where the text comes from, for messages.

    Raises
    ------
    InstallError
        ``bad-lock``: it is not one, a package has no hash, or can't be had elsewhere; ``lock-version``: its format
        is unknown; ``no-such-environment``; ``wrong-platform``: it has nothing for `platform`.
    """
    content = _load(text, source)
    version = content.get("version")
    if version not in FORMATS:
        message = (
            f"{source} has format {version!r}; {FORMATS[0]} and {FORMATS[1]} are known. Nothing was installed."
        )
        hint = "Turn it into an explicit lock by pixi itself: pixi workspace export conda-explicit-spec"
        raise InstallError(message, code="lock-version", hint=hint, version=version)
    found = content.get("environments")
    if not isinstance(found, dict) or not isinstance(content.get("packages"), list):
        raise _bad(source, ["it has no environments or no packages"])
    name = next((item for item in environments if item in found), None)
    if name is None:
        message = f"{source} has no environment {' or '.join(environments)}. Nothing was installed."
        hint = f"Choose one with --environment: {', '.join(map(str, found)) or 'there is none'}"
        raise InstallError(message, code="no-such-environment", hint=hint, environments=list(found))
    packages = found[name].get("packages") if isinstance(found[name], dict) else None
    if not isinstance(packages, dict):
        raise _bad(source, [f"the environment {name} has no packages"])
    key = _key(content, packages, platform, f"{source}, environment {name},")
    return _explicit(content["packages"], packages[key] or [], platform, source)


def _load(text: str, source: str) -> dict[str, Any]:
    # Imported here: nobody else needs it.
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader either way
    except yaml.YAMLError as error:
        raise _bad(source, [f"it is not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(content, dict):
        raise _bad(source, ["it is no table"])
    return content


def _key(content: Mapping[str, Any], packages: Mapping[str, Any], platform: str, where: str) -> str:
    """Return under which name the packages for `platform` stand."""
    if platform in packages:
        return platform
    listed = [item for item in content.get("platforms") or () if isinstance(item, dict)]
    subdirs = {str(item.get("name")): str(item.get("subdir") or item.get("name")) for item in listed}
    names = [str(name) for name in packages if subdirs.get(str(name)) == platform]
    if len(names) == 1:
        return names[0]
    has = ", ".join(map(str, packages)) or "no platform"
    if names:
        message = f"{where} has several sets of packages for {platform}: {', '.join(names)}. Nothing was installed."
        raise InstallError(message, code="wrong-platform", hint="Choose one with --platform.", platforms=names)
    message = f"{where} has packages for {has}, and not for {platform}. Nothing was installed."
    hint = f"Add {platform} to the platforms of the workspace, and lock it again: pixi lock"
    raise InstallError(message, code="wrong-platform", hint=hint, platforms=list(packages))


def _explicit(table: Sequence[Any], wanted: Sequence[Any], platform: str, source: str) -> ExplicitLock:
    known = {
        str(entry[kind]): entry
        for entry in table
        if isinstance(entry, dict)
        for kind in ("conda", "pypi")
        if kind in entry
    }
    problems: list[str] = []
    packages: list[LockedPackage] = []
    needs: dict[str, list[str]] = {}
    pins: list[str] = []
    for item in wanted:
        kind = next((kind for kind in ("conda", "pypi") if isinstance(item, dict) and kind in item), "")
        place = str(item[kind]) if kind else str(item)
        entry = known.get(place)
        if not kind or "://" not in place or place.startswith("git+"):
            problems.append(f"{place} is built from sources or lies in a folder")
        elif entry is None:
            problems.append(f"{place} is not described")
        elif kind == "conda":
            try:
                package = parse_package(f"{place}#{entry.get('sha256') or entry.get('md5') or ''}")
            except ValueError as error:
                problems.append(str(error))
                continue
            packages.append(package)
            needs[package.name] = [str(need).split()[0] for need in entry.get("depends") or () if str(need).split()]
        elif entry.get("sha256") and entry.get("name"):
            pins.append(f"{normal_name(str(entry['name']))} @ {place} --hash=sha256:{entry['sha256']}")
        else:
            problems.append(f"{place} has no sha256")
    if problems:
        raise _bad(source, problems)
    lock = ExplicitLock(_subdir(platform, packages), tuple(sort_packages(packages, needs)), tuple(pins))
    # The rules of an explicit lock hold for what comes out of another format as well.
    return parse_explicit(lock.text, source=source)


def _subdir(platform: str, packages: Sequence[LockedPackage]) -> str:
    """Return conda's name of the platform, of which pixi's may be an alias."""
    return next((package.subdir for package in packages if package.subdir != "noarch"), platform)


def _bad(source: str, problems: list[str]) -> InstallError:
    shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
    message = f"{source} can't be used as a lock: {shown}. Nothing was installed."
    return InstallError(message, code="bad-lock", hint="Lock the workspace again: pixi lock", problems=problems)
