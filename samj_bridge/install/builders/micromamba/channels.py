"""Conda channels: which are asked, and where packages of conda-forge are fetched from.

What is written down (locks, notes) names conda-forge's own addresses, whatever mirror they came through: a lock
made behind one company's mirror works everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit, urlunsplit

from samj_bridge.errors import InputError
from samj_bridge.install.locks.explicit import LockedPackage
from samj_bridge.install.manifest import channel_problem
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings

__all__ = ["CONDA_FORGE", "as_published", "channel_of", "channel_urls", "from_mirror", "without_secrets"]

CONDA_FORGE = "https://conda.anaconda.org/conda-forge"
_SERVER = "https://conda.anaconda.org"


def channel_urls(specification: Specification, settings: Settings) -> list[str]:
    """Return the addresses of the channels to ask, the preferred one first.

    Raises
    ------
    InputError
        One is neither a name nor an address, or lies where micromamba can't read it.
    """
    names = settings.channels or specification.channels
    mirror = settings.conda_mirror
    problems = [problem for name in (*names, *([mirror] if mirror else ())) if (problem := channel_problem(name))]
    urls = [name.rstrip("/") if "://" in name else f"{_SERVER}/{name}" for name in names]
    urls = [mirror.rstrip("/") if mirror and url == CONDA_FORGE else url for url in urls]
    # micromamba says "Bad path" or finds no solution, encoded or not; an explicit lock has no such trouble.
    problems += [
        f"channel {url!r} lies in a folder whose path has a space or letters beyond ASCII"
        for url in urls
        if url.startswith("file:") and re.search(r"[^!-~]", unquote(url))
    ]
    if problems:
        message = f"The conda channels can't be used: {'; '.join(problems)}. Nothing was installed."
        hint = "Correct SAMJ_CHANNELS or SAMJ_CONDA_MIRROR (or the file of settings)."
        raise InputError(message, code="bad-channel", hint=hint, problems=problems)
    return urls


def from_mirror(package: LockedPackage, settings: Settings) -> LockedPackage:
    """Return `package` with the address to fetch it from: for conda-forge the mirror's, if there is one."""
    if not settings.conda_mirror or package.channel != CONDA_FORGE:
        return package
    return replace(package, url=settings.conda_mirror.rstrip("/") + package.url.removeprefix(CONDA_FORGE))


def as_published(package: LockedPackage, settings: Settings) -> LockedPackage:
    """Return `package` with conda-forge's own address, if it came from the mirror."""
    mirror = settings.conda_mirror.rstrip("/")
    if not mirror or package.channel != mirror:
        return package
    return replace(package, url=CONDA_FORGE + package.url.removeprefix(mirror))


def channel_of(url: str, channels: Sequence[str]) -> str:
    """Return which of `channels` the address `url`, as micromamba prints it, lies in; empty: none.

    It hides passwords and tokens in all that it prints.
    """
    shown = without_secrets(url)
    return next((item for item in channels if shown.startswith(without_secrets(item).rstrip("/") + "/")), "")


def without_secrets(url: str) -> str:
    """Return `url` without user, password and token, for comparing and for showing.

    Examples
    --------
    >>> without_secrets("https://me:secret@example.org/t/tk-123/channel")
    'https://example.org/t/*****/channel'
    """
    address = urlsplit(url)
    host = address.netloc.rsplit("@", 1)[-1]
    path = re.sub(r"/t/[^/]+", "/t/*****", address.path)
    return urlunsplit(address._replace(netloc=host, path=path))
