"""What to download and what it must be; and how patient to be."""

from __future__ import annotations

import random
from dataclasses import dataclass
from urllib.parse import urlsplit

from samj_bridge.download.digest import ALGORITHMS, parse_hash
from samj_bridge.errors import InputError

__all__ = ["Policy", "Source"]


@dataclass(frozen=True)
class Source:
    """One file: where it can be had, and what it must be.

    Raises
    ------
    InputError
        A hash has an unknown form, or an address is neither https nor, with `allow_http`, http.

    Examples
    --------
    >>> Source(("https://example.org/a",), "a", size=3, hashes=("md5:900150983cd24fb0d6963f7d28e17f72",)).size
    3
    """

    urls: tuple[str, ...]
    """Addresses of the same file: the first that gives the right one is used."""
    name: str
    """What the file is called in messages."""
    size: int | None = None
    """Bytes; None while nobody knows."""
    hashes: tuple[str, ...] = ()
    """``algorithm:hex``; all of them must be right. Algorithms: `samj_bridge.download.digest.ALGORITHMS`."""
    allow_http: bool = False
    """Whether an address of `urls` may be plain http: for a mirror or a catalog of the user's own only. A redirect
    from https to http is refused all the same."""

    def __post_init__(self) -> None:
        """Refuse what could never be fetched or never be verified."""
        for text in self.hashes:
            parse_hash(text)
        for url in self.urls:
            scheme = urlsplit(url).scheme.lower()
            if scheme != "https" and not (scheme == "http" and self.allow_http):
                message = f"{self.name} can't be fetched from {url}: the address does not start with https://."
                hint = "Use an https address. Plain http is taken from a mirror or catalog of your own only."
                raise InputError(message, code="bad-address", hint=hint, url=url)

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of hash to compute: those that are named; every kind where none is, for what is named later."""
        return frozenset(parse_hash(text)[0] for text in self.hashes) or frozenset(ALGORITHMS)


@dataclass(frozen=True)
class Policy:
    """How long to wait and how often to try again."""

    attempts: int = 5
    """Tries per address without getting any further; one that brought a mebibyte more starts the count again."""
    backoff_s: float = 1.0
    """Seconds before the second try; each further one waits twice as long."""
    longest_backoff_s: float = 30.0
    """Longest wait between two tries."""
    longest_retry_after_s: float = 120.0
    """Longest wait that a server may ask for (``Retry-After``); with more, the next address is tried."""
    connect_s: float = 15.0
    """Seconds to wait for a connection."""
    stall_s: float = 30.0
    """Seconds to wait for the next bytes."""
    slowest_bytes_per_s: float = 500.0
    """A server that stays slower for `stall_s` seconds counts as stalled."""

    def wait_s(self, failures: int) -> float:
        """Return the seconds to wait after so many failures: exponential, with jitter down to half."""
        longest = min(self.longest_backoff_s, self.backoff_s * 2.0 ** max(0, failures - 1))
        return longest * random.uniform(0.5, 1.0)
