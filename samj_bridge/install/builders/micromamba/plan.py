"""What conda's solver decided, taken out of micromamba's report, as a lock that can be checked and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samj_bridge.errors import InstallError
from samj_bridge.install.builders.micromamba.channels import below, channel_of, shown_place
from samj_bridge.install.locks.explicit import ExplicitLock, LockedPackage, parse_package
from samj_bridge.install.secrets import without_secrets

__all__ = ["Plan", "read_plan", "read_report", "sort_packages"]


@dataclass(frozen=True)
class Plan:
    """All packages of a solve."""

    lock: ExplicitLock
    """The packages, each after what it needs, with the addresses they are to be fetched from."""
    sizes: Mapping[str, int]
    """File name to bytes, as far as the channel says."""


def read_report(lines: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object in what micromamba printed; empty when there is none.

    What a plug-in or pip prints may come before it.
    """
    text = "\n".join(lines)
    start = text.find("{")
    try:
        report = json.loads(text[start:]) if start >= 0 else {}
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def read_plan(report: Mapping[str, Any], platform: str, channels: Sequence[str]) -> Plan:
    """Read the report of a solve.

    Parameters
    ----------
    report : mapping
        As `read_report` returns it.
    platform : str
        For which the solve was.
    channels : sequence of str
        Addresses that were asked: a report shows them without passwords.

    Raises
    ------
    InstallError
        With code ``bad-plan``: it is not such a report, or a package has no hash.
    """
    actions = report.get("actions")
    entries = actions.get("LINK") if isinstance(actions, dict) else None
    if report.get("success") is not True or not isinstance(entries, list) or not entries:
        raise _bad("it lists no packages")
    packages: list[LockedPackage] = []
    needs: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for entry in entries:
        try:
            package = _package(entry, channels)
            needs[package.name] = [str(item).split()[0] for item in entry.get("depends") or () if str(item).split()]
            sizes[package.filename] = int(entry.get("size") or 0)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _bad(str(error) or type(error).__name__) from error
        packages.append(package)
    return Plan(ExplicitLock(platform, tuple(sort_packages(packages, needs))), sizes)


def sort_packages(packages: Sequence[LockedPackage], needs: Mapping[str, Sequence[str]]) -> list[LockedPackage]:
    """Return `packages` with each after what it needs; the given order decides where that leaves a choice.

    Parameters
    ----------
    packages : sequence of LockedPackage
        All of them.
    needs : mapping
        Name of a package to the names of those it needs; names that are not among `packages` don't matter. Circles
        (pip and Python) are cut where they are met.
    """
    by_name = {package.name: package for package in packages}
    done: dict[str, LockedPackage] = {}
    for package in packages:
        # Without recursion: chains of conda-forge are long.
        stack = [(package.name, iter(needs.get(package.name, ())))]
        open_names = {package.name}
        while stack:
            name, rest = stack[-1]
            below = next((item for item in rest if item in by_name and item not in done), None)
            if below is None:
                stack.pop()
                done.setdefault(name, by_name[name])
            elif below not in open_names:
                open_names.add(below)
                stack.append((below, iter(needs.get(below, ()))))
    return list(done.values())


def _package(entry: Mapping[str, Any], channels: Sequence[str]) -> LockedPackage:
    shown = str(entry["url"])
    channel = channel_of(shown, channels)
    url = shown
    if channel:
        rest = without_secrets(shown).partition("?")[0].removeprefix(shown_place(channel))
        url = below(channel, rest.lstrip("/"))
    value = entry.get("sha256") or entry.get("md5") or ""
    return parse_package(f"{url}#{value}")


def _bad(reason: str) -> InstallError:
    message = f"micromamba's plan can't be read ({reason}). Nothing was installed."
    hint = "Try another micromamba (SAMJ_MICROMAMBA), or another builder: SAMJ_BUILDER=uv"
    return InstallError(message, code="bad-plan", hint=hint)
