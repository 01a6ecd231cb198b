"""Conda channels: which are asked, and where packages of conda-forge are fetched from.

What is written down (locks, notes) names conda-forge's own addresses, whatever mirror they came through: a lock
made behind one company's mirror works everywhere. Nor are names, passwords and tokens written down: they are put
back from the settings when packages are fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from samj_bridge.errors import InputError
from samj_bridge.install.locks.explicit import LockedPackage
from samj_bridge.install.manifest import channel_problem
from samj_bridge.install.secrets import bare_url, has_secrets, hide, without_secrets
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings

__all__ = [
    "CONDA_FORGE",
    "as_published",
    "below",
    "channel_of",
    "channel_urls",
    "from_mirror",
    "with_secrets",
]

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
    urls = [_tidy(name) if "://" in name else f"{_SERVER}/{name}" for name in names]
    urls = [_tidy(mirror) if mirror and url == CONDA_FORGE else url for url in urls]
    # micromamba says "Bad path" or finds no solution, encoded or not; an explicit lock has no such trouble.
    problems += [
        f"channel {hide(url)!r} lies in a folder whose path has a space or letters beyond ASCII"
        for url in urls
        if url.startswith("file:") and re.search(r"[^!-~]", unquote(url))
    ]
    if problems:
        message = f"The conda channels can't be used: {'; '.join(problems)}. Nothing was installed."
        hint = "Correct SAMJ_CHANNELS or SAMJ_CONDA_MIRROR (or the file of settings)."
        raise InputError(message, code="bad-channel", hint=hint, problems=problems)
    return urls


def below(channel: str, rest: str) -> str:
    """Return the address of what lies in `channel`: a query, such as a token, stays at the end.

    Examples
    --------
    >>> below("https://example.org/channel?token=abc", "noarch/repodata.json")
    'https://example.org/channel/noarch/repodata.json?token=abc'
    """
    place, mark, query = channel.partition("?")
    return f"{place.rstrip('/')}/{rest}{mark}{query}"


def from_mirror(package: LockedPackage, settings: Settings) -> LockedPackage:
    """Return `package` with the address to fetch it from: for conda-forge the mirror's, if there is one."""
    if not settings.conda_mirror or package.channel != CONDA_FORGE:
        return package
    return replace(package, url=below(settings.conda_mirror, package.url.removeprefix(f"{CONDA_FORGE}/")))


def with_secrets(package: LockedPackage, channels: Sequence[str]) -> LockedPackage:
    """Return `package` with the name, password or token that the address of its channel in `channels` has."""
    if has_secrets(package.url):
        return package
    for channel in filter(has_secrets, channels):
        place = bare_url(channel).rstrip("/") + "/"
        if package.url.startswith(place):
            return replace(package, url=below(channel, package.url.removeprefix(place)))
    return package


def as_published(package: LockedPackage, settings: Settings) -> LockedPackage:
    """Return `package` with an address for everybody: conda-forge's own, if it came from the mirror; no secrets."""
    mirror = bare_url(settings.conda_mirror).rstrip("/")
    url = bare_url(package.url)
    if mirror and url.startswith(mirror + "/") and bare_url(package.channel) == mirror:
        url = CONDA_FORGE + url.removeprefix(mirror)
    return replace(package, url=url)


def channel_of(url: str, channels: Sequence[str]) -> str:
    """Return which of `channels` the address `url`, as micromamba prints it, lies in; empty: none.

    It hides passwords and tokens in all that it prints.
    """
    shown = without_secrets(url)
    return next((item for item in channels if shown.startswith(shown_place(item) + "/")), "")


def shown_place(channel: str) -> str:
    """Return what the addresses in `channel` begin with, as micromamba prints them."""
    return without_secrets(channel).partition("?")[0].rstrip("/")


def _tidy(url: str) -> str:
    return url if "?" in url else url.rstrip("/")
