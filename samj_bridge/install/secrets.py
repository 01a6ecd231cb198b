"""Names, passwords and tokens in addresses: told apart, hidden where they are shown, left out of what is handed on.

Channels and mirrors carry them in three places: ``user:password@host``, ``/t/TOKEN/`` in the path (as conda's own
server has it), and the query (``?token=...``, signed links). They belong into the settings, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

__all__ = ["bare_url", "has_secrets", "hide", "secret_texts", "strip", "without_secrets"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\]\"'<>|]+")
_TOKEN = re.compile(r"/t/[^/]+")
# A folder may well be called "t".
_LOCAL = {"file", ""}


def without_secrets(url: str) -> str:
    """Return `url` with stars in the place of what is secret, for comparing and for showing.

    Examples
    --------
    >>> without_secrets("https://me:secret@example.org/t/tk-123/channel?sig=abc")
    'https://example.org/t/*****/channel?*****'
    """
    address = _split(url)
    if address is None:
        return _TOKEN.sub("/t/*****", re.sub(r"//[^/@]*@", "//", url)).partition("?")[0]
    path = _TOKEN.sub("/t/*****", address.path)
    query = "*****" if address.query else ""
    return urlunsplit(address._replace(netloc=_host(address), path=path, query=query))


def bare_url(url: str) -> str:
    """Return `url` as it is for somebody who has no name, password or token.

    Examples
    --------
    >>> bare_url("https://me:secret@example.org/t/tk-123/channel?sig=abc")
    'https://example.org/channel'
    """
    address = _split(url)
    if address is None or address.scheme in _LOCAL:
        return url
    return urlunsplit(address._replace(netloc=_host(address), path=_TOKEN.sub("", address.path), query=""))


def has_secrets(url: str) -> bool:
    """Tell whether `url` has a name, a password, a token or a query."""
    return bare_url(url) != url


def hide(text: str) -> str:
    """Return `text` with every address in it as `without_secrets` has it."""
    return _ADDRESS.sub(lambda match: without_secrets(match[0]), text)


def strip(text: str) -> str:
    """Return `text` with every address in it as `bare_url` has it; what follows ``#`` (a hash) stays."""
    return _ADDRESS.sub(lambda match: bare_url(match[0]), text)


def secret_texts(urls: Iterable[str]) -> dict[str, str]:
    """Return what of `urls` must not be left in a file, the longest first, and what to put in its place."""
    found: dict[str, str] = {}
    for url in filter(has_secrets, urls):
        address = _split(url)
        assert address is not None
        found[url] = bare_url(url)
        for user in {address.netloc.rpartition("@")[0], unquote(address.netloc.rpartition("@")[0])} - {""}:
            found[f"{user}@"] = ""
        for token in _TOKEN.findall(address.path):
            found[token] = ""
        if address.query:
            found[f"?{address.query}"] = ""
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        # Square brackets that are no address of IPv6, say.
        return None


def _host(address: SplitResult) -> str:
    return address.netloc.rpartition("@")[2]
