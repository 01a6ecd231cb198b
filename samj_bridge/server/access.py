"""Who may ask: Host and Origin checked, a token for what reads files or comes from other machines, no CORS."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from samj_bridge.errors import FileError

__all__ = ["COOKIE", "Access", "Guard", "kept_token"]

COOKIE = "samj_token"
"""Cookie that the page's address sets."""
HEADER = "x-samj-token"
"""Header that programs send."""
_NAME = re.compile(r"[0-9A-Za-z_-]{20,200}")
_OPEN = ("/sam", "/v1", "/predict", "/setup", "/webhook", "/train", "/label-studio", "/health", "/openapi.json")
"""What asks about pixels that it brings along: no token on loopback, since these clients can send none."""


@dataclass(frozen=True)
class Access:
    """The rules of one server."""

    token: str
    """Secret; whoever has it may do everything."""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    """Names by which the server may be called, without port."""
    loopback: bool = True
    """Whether only this machine can reach it."""

    @classmethod
    def of(cls, token: str, host: str) -> Access:
        """Return the rules for the interface that is listened on."""
        if is_loopback(host):
            return cls(token)
        own = (host, socket.gethostname(), socket.getfqdn(), f"{socket.gethostname()}.local")
        return cls(token, (*cls.hosts, *own), loopback=False)

    def knows_host(self, host: str) -> bool:
        """Whether a Host header names this server, not a name that somebody pointed at it (DNS rebinding)."""
        name = re.sub(r":\d{1,5}$", "", host).lower()
        if name in {known.lower() for known in self.hosts}:
            return True
        return not self.loopback and _is_address(name.strip("[]"))

    def is_token(self, text: str) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(text.encode("utf-8", "replace"), self.token.encode())


def is_loopback(host: str) -> bool:
    """Whether an interface is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def kept_token(folder: Path) -> str:
    """Return the token of a home folder, made at the first time: addresses that hold it stay good.

    Raises
    ------
    FileError
        It can't be written down.
    """
    path = folder / "token"
    try:
        found = path.read_text(encoding="ascii").strip()
        if _NAME.fullmatch(found):
            return found
    except (OSError, ValueError):
        pass
    token = secrets.token_urlsafe(24)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"token-{os.getpid()}"
        # Nobody else on this machine may read it, not even for a moment.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(token)
        draft.replace(path)
    except OSError as error:
        message = f"The folder {folder} can't be written: {error.strerror or error}."
        raise FileError(message, hint="Make space, or name another folder with --home.") from error
    return token


class Guard:
    """Lets requests through that keep the rules; everything else gets a line that says which one it broke.

    The token may be in a header, a cookie, ``?token=``, or the first part of the path, for clients that can be told
    an address and nothing else: ``http://host:8000/TOKEN/sam/``.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then answer or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        first, _, rest = scope["path"].removeprefix("/").partition("/")
        allowed = bool(first) and self._access.is_token(first)
        if allowed and scope["path"] == f"/{first}":
            # The page's parts are named as seen from a folder.
            await RedirectResponse(f"/{first}/", 308)(scope, receive, send)
            return
        if allowed:
            scope = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode(), "root_path": ""}
        allowed = allowed or self._has_token(scope, headers)
        if not allowed and not (self._access.loopback and _is_open(scope["path"])):
            asks_in_a_browser = scope["path"] == "/" and "text/html" in headers.get("accept", "")
            refused = _locked() if asks_in_a_browser else _refuse(401, "no-token", _WHERE)
            await refused(scope, receive, send)
            return
        await self._app({**scope, "samj_token": allowed}, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not self._access.knows_host(host):
            return _refuse(421, "foreign-host", f"This server is not called {host!r:.80}.")
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}", f"https://{host}"}:
            return _refuse(403, "foreign-origin", f"Pages of {origin!r:.80} may not ask here.")
        site = headers.get("sec-fetch-site", "none")
        pages = {"/", f"/{self._access.token}/"}
        visits = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] in pages
        if site not in {"none", "same-origin"} and not visits:
            return _refuse(403, "foreign-origin", "Other pages may not ask here.")
        return None

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        given = [headers.get(HEADER, ""), headers.get("token", "")]
        kind, _, value = headers.get("authorization", "").partition(" ")
        given.append(value if kind.lower() == "bearer" else "")
        cookies = headers.get("cookie", "")
        given += [part.partition("=")[2] for part in cookies.split("; ") if part.startswith(f"{COOKIE}=")]
        query = scope["query_string"].decode("latin-1")
        given += [part.partition("=")[2] for part in query.split("&") if part.startswith("token=")]
        return any(self._access.is_token(text) for text in given if text)


_WHERE = (
    "The token of this server is missing or wrong. samj-bridge serve prints an address that has it;"
    " programs send it in the header X-Samj-Token."
)


def _is_open(path: str) -> bool:
    return any(path == start or path.startswith(f"{start}/") for start in _OPEN)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _locked() -> Response:
    """Return what a person sees who opens the address without the token."""
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>samj-bridge</title><h1>samj-bridge</h1>"
        "<p>This address lacks its secret part. Open the one that <code>samj-bridge serve</code> has printed"
        " as &ldquo;The page&rdquo;.</p>",
        401,
    )


def _refuse(status: int, code: str, message: str) -> Response:
    return JSONResponse({"detail": message, "code": code}, status)
