"""Images that a client names by address: fetched from the servers that the user named, and from nowhere else."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

from samj_bridge.errors import ImageError, SamjError
from samj_bridge.version import __version__

__all__ = ["Fetcher", "origin_of"]

_MOST_BYTES = 128 << 20
_TIMEOUT_S = 30.0
_TOKEN_S = 240.0


class NotFetched(SamjError):
    """An image could not be fetched, or may not be."""

    code = "not-fetched"


class Fetcher:
    """Fetches images; made once for each server.

    Parameters
    ----------
    label_studio : str
        Address of Label Studio; empty: none.
    key : str
        Its access token: the old kind, or the new one (a JWT), which is exchanged for short ones.
    others : sequence of str
        Addresses of other servers that images may come from, such as a store's.
    """

    def __init__(self, label_studio: str = "", key: str = "", others: Sequence[str] = ()) -> None:
        self.label_studio = label_studio.rstrip("/")
        self._key = key
        self._allowed = {origin_of(address) for address in (label_studio, *others) if address}
        self._opener = urllib.request.build_opener(_SameOrigin(self._allowed))
        self._lock = threading.Lock()
        self._short: tuple[float, str] = (0.0, "")

    def absolute(self, address: str) -> str:
        """Return the whole address of an image.

        Raises
        ------
        NotFetched
            It is one of Label Studio's, and nobody said where that is; or it is on a server that was not named.
        """
        if not urlsplit(address).scheme:
            if not self.label_studio:
                message = f"{address!r:.100} is an image in Label Studio, and its address is not known."
                hint = "Start with: samj-bridge serve --label-studio http://localhost:8080"
                raise NotFetched(message, hint=hint)
            address = urljoin(f"{self.label_studio}/", address)
        if origin_of(address) not in self._allowed:
            message = f"Images are not fetched from {origin_of(address) or address!r:.100}."
            hint = "Allow it: samj-bridge serve --images-from ADDRESS"
            raise NotFetched(message, hint=hint)
        return address

    def fetch(self, address: str) -> bytes:
        """Return the bytes of an image.

        Raises
        ------
        NotFetched
            As `absolute`; or the server refused, did not answer, or sent too much.
        """
        address = self.absolute(address)
        headers = {"User-Agent": f"samj-bridge/{__version__}"}
        if self._key and self.label_studio and origin_of(address) == origin_of(self.label_studio):
            headers["Authorization"] = self._authorization()
        try:
            with self._opener.open(urllib.request.Request(address, headers=headers), timeout=_TIMEOUT_S) as reply:
                data: bytes = reply.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            hint = "Give Label Studio's access token: SAMJ_LABEL_STUDIO_KEY." if error.code in {401, 403} else ""
            message = f"The image can't be fetched: {origin_of(address)} answered {error.code}."
            raise NotFetched(message, hint=hint) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            message = f"The image can't be fetched from {origin_of(address)}: {type(error).__name__}."
            raise NotFetched(message, hint="Is that server running?") from error
        if len(data) > _MOST_BYTES:
            message = f"The image is larger than {_MOST_BYTES / 1e6:.0f} MB."
            raise ImageError(message, code="image-too-large", hint="Use a smaller one.")
        return data

    def _authorization(self) -> str:
        if self._key.count(".") != 2:
            return f"Token {self._key}"
        with self._lock:
            until, short = self._short
            if time.monotonic() >= until:
                short = self._exchanged()
                self._short = (time.monotonic() + _TOKEN_S, short)
        return f"Bearer {short}"

    def _exchanged(self) -> str:
        request = urllib.request.Request(
            f"{self.label_studio}/api/token/refresh",
            json.dumps({"refresh": self._key}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as reply:
                return str(json.loads(reply.read(1 << 16))["access"])
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
            message = f"Label Studio does not take the access token ({type(error).__name__})."
            raise NotFetched(message, hint="Make a new one in Label Studio, under Account & Settings.") from error


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to a server that was named; the token never leaves the first one."""

    def __init__(self, allowed: set[str]) -> None:
        self._allowed = allowed

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if origin_of(newurl) not in self._allowed:
            raise urllib.error.HTTPError(req.full_url, code, "redirect elsewhere", headers, fp)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and origin_of(newurl) != origin_of(req.full_url):
            new.remove_header("Authorization")
        return new


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address of http or https; empty: it is none."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""
