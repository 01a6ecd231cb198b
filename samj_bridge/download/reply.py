"""What servers say before the first byte, and why a request gave no file."""

from __future__ import annotations

import contextlib
import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

__all__ = ["REDIRECTS", "Reply", "Trouble", "next_address", "read_reply", "shown"]

REDIRECTS = {301, 302, 303, 307, 308}
"""Statuses that lead on to another address."""

_BUSY = {408, 425, 429, 500, 502, 503, 504}
_WORDS = {
    401: "it wants a name and a password",
    403: "it refuses to give the file",
    404: "it does not have the file",
    407: "the proxy wants a name and a password",
    410: "it does not have the file any more",
    429: "it is asked too often",
    451: "it may not give the file",
    500: "something is wrong there",
    503: "it is busy",
}


class Trouble(Exception):
    """Why one request gave no file. Never leaves this package.

    Parameters
    ----------
    reason : str
        In words, to follow the address and a colon.
    kind : str
        Code of the error that it becomes: ``unreachable``, ``tls``, ``refused``, ``proxy``, ``redirect``, ``cut``,
        ``stalled``, ``busy``, ``range``, ``wrong-size``, ``wrong-hash``.
    again : bool
        Whether the same address may do better next time.
    after_s : float, optional
        Seconds that the server asked to wait.
    status : int
        What the server answered; 0: nothing.
    """

    def __init__(
        self, reason: str, kind: str, *, again: bool = False, after_s: float | None = None, status: int = 0
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.again = again
        self.after_s = after_s
        self.status = status


@dataclass(frozen=True)
class Reply:
    """What a server said before the first byte."""

    status: int
    """200: the whole file follows; 206: the rest of it."""
    start: int
    """Position in the file of the first byte that follows."""
    total: int | None
    """Bytes of the whole file; None where the server does not say."""
    validator: str
    """What ``If-Range`` takes: the strong ETag, or else when the file was changed, or empty."""
    ends_itself: bool
    """Whether a body that was cut can be told from one that ended."""
    content_type: str
    """What kind of file the server thinks it is."""


def read_reply(status: int, headers: Mapping[str, str]) -> Reply:
    """Make sense of a status and of headers (names in lower case or looked up without regard to it).

    Raises
    ------
    Trouble
        The file does not follow.
    """
    if status == 416:
        raise Trouble("it has no bytes after those that came before", "range", again=True)
    if status not in {200, 206}:
        busy = status in _BUSY
        reason = f"the answer was {status} ({_WORDS[status]})" if status in _WORDS else f"the answer was {status}"
        kind = "proxy" if status == 407 else "busy" if busy else "refused"
        after_s = _seconds(headers.get("retry-after", "")) if busy else None
        raise Trouble(reason, kind, again=busy, after_s=after_s, status=status)
    packed = headers.get("content-encoding", "").lower()
    if packed not in {"", "identity"}:
        reason = f"it sends the file packed as {packed}, though that was not asked for"
        raise Trouble(reason, "refused")
    length = headers.get("content-length", "")
    start, total = 0, int(length) if length.isdecimal() else None
    if status == 206:
        start, total = _read_range(headers.get("content-range", ""))
    etag = headers.get("etag", "")
    # A weak ETag does not promise the same bytes (RFC 9110, 8.8.1).
    strong = "" if etag.startswith("W/") else etag
    return Reply(
        status,
        start,
        total,
        strong or headers.get("last-modified", ""),
        bool(length) or "chunked" in headers.get("transfer-encoding", "").lower(),
        headers.get("content-type", "").partition(";")[0].strip().lower(),
    )


def next_address(url: str, location: str) -> str:
    """Return where a redirect of `url` leads.

    Raises
    ------
    Trouble
        Nowhere, or from an encrypted address to one that is not.
    """
    try:
        found = urljoin(url, location)
        scheme = urlsplit(found).scheme.lower()
    except ValueError:
        scheme = ""
    if not location or scheme not in {"http", "https"}:
        reason = f"it redirects to no address ({location[:100]!r})"
        raise Trouble(reason, "redirect")
    if scheme == "http" and urlsplit(url).scheme.lower() == "https":
        reason = f"it redirects to {shown(found)}, which is not encrypted"
        raise Trouble(reason, "redirect")
    return found


def shown(url: str) -> str:
    """Return an address as it may be shown: without user name, password and query, which may be secret.

    Examples
    --------
    >>> shown("https://me:secret@host:8443/a.bin?token=1")
    'https://host:8443/a.bin'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _read_range(text: str) -> tuple[int, int | None]:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", text.strip())
    if found is None:
        reason = f"it sends a part of the file, but not which ({text[:100]!r})"
        raise Trouble(reason, "range", again=True)
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _seconds(text: str) -> float | None:
    if text.strip().isdecimal():
        return float(text)
    with contextlib.suppress(TypeError, ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None
