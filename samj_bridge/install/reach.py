"""Which servers can be reached: asked in parallel, with little patience, and once per process.

An answer says more than yes or no: a wrong clock, a proxy that wants a password and a company that opens TLS
look alike to the programs that fetch packages, and each is mended in its own way.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import url2pathname

from samj_bridge.install.certificate import issuer_of
from samj_bridge.process.environ import clean_environ
from samj_bridge.settings import Settings

__all__ = ["Answer", "ask", "ask_all", "forget_answers"]

TIMEOUT_S = 2.5
"""Seconds after which a server counts as out of reach; all are asked at once."""

_CREDENTIALS = "the proxy wants a user name and a password (status 407)"

_answers: dict[tuple[str, str, str], Answer] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """What came of asking one address."""

    url: str
    """The address."""
    kind: str
    """``answered``, or why not: ``name`` (no such host), ``connection``, ``time`` (too slow), ``tls``, ``proxy``,
    ``proxy-credentials``, ``status`` (an error instead of what was asked for), ``address`` (not one)."""
    reason: str = ""
    """The same in words: a clause."""
    seconds: float = 0.0
    """How long it took."""
    clock_ahead_s: float | None = None
    """How far this machine's clock is ahead of the server's; None where the server did not say."""
    issuer: str = ""
    """Who issued the certificate that was refused."""

    @property
    def ok(self) -> bool:
        """Whether the server can be used."""
        return self.kind == "answered"

    @property
    def host(self) -> str:
        """The server's name, or the folder."""
        return urlsplit(self.url).hostname or self.url


def ask_all(urls: Iterable[str], settings: Settings, *, timeout_s: float = TIMEOUT_S) -> dict[str, Answer]:
    """Ask every address at once and return the answers; those of an earlier call in this process are taken again.

    Returns after `timeout_s` seconds at the latest, however many there are and however they behave.
    """
    wanted = dict.fromkeys(urls)
    keys = {url: (url, settings.proxy, settings.ca_bundle) for url in wanted}
    with _lock:
        found = {url: _answers[key] for url, key in keys.items() if key in _answers}
    threads = {}
    for url in wanted:
        if url not in found:
            threads[url] = threading.Thread(target=_ask_and_keep, args=(url, settings, timeout_s), daemon=True)
            threads[url].start()
    deadline = time.monotonic() + timeout_s
    for url, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        late = Answer(url, "time", f"no answer within {timeout_s:g} s", timeout_s)
        with _lock:
            # Kept as well: a server that is too slow now is not asked again by the next call.
            found[url] = _answers.setdefault(keys[url], late)
    return {url: found[url] for url in wanted}


def forget_answers() -> None:
    """Ask anew from now on: the network may have changed."""
    with _lock:
        _answers.clear()


def ask(url: str, settings: Settings, *, timeout_s: float = TIMEOUT_S) -> Answer:
    """Ask for the head of `url`, through the proxy and with the certificates that are set up.

    Name look-up has no time limit of its own: `ask_all` has one for everything.
    """
    started = time.monotonic()
    kind, reason, ahead, issuer = _ask(url, settings, timeout_s)
    return Answer(url, kind, reason, time.monotonic() - started, ahead, issuer)


def _ask_and_keep(url: str, settings: Settings, timeout_s: float) -> None:
    answer = ask(url, settings, timeout_s=timeout_s)
    with _lock:
        _answers.setdefault((url, settings.proxy, settings.ca_bundle), answer)


def _ask(url: str, settings: Settings, timeout_s: float) -> tuple[str, str, float | None, str]:
    address = urlsplit(url)
    if address.scheme == "file":
        there = Path(url2pathname(address.path)).exists()
        return ("answered", "", None, "") if there else ("connection", "there is no such folder", None, "")
    if address.scheme not in {"http", "https"} or not address.hostname:
        return "address", "that is not a web address", None, ""
    try:
        status, date = _head(address, settings, timeout_s)
    except (OSError, ValueError, http.client.HTTPException) as error:
        kind, reason = _why(error)
        proxy = _proxy(address, settings)
        if proxy is not None and kind in {"connection", "name", "time"}:
            reason = f"{reason} (by way of the proxy {proxy.hostname}:{proxy.port or 80})"
        issuer = _issuer(address, settings, timeout_s) if kind == "tls" else ""
        return kind, reason, None, issuer
    ahead = _clock_ahead(date)
    if status == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "proxy-credentials", _CREDENTIALS, ahead, ""
    # A server that does not know the question is there all the same.
    if status < http.HTTPStatus.BAD_REQUEST or status in {405, 501}:
        return "answered", "", ahead, ""
    return "status", f"status {status}", ahead, ""


def _head(address: SplitResult, settings: Settings, timeout_s: float) -> tuple[int, str | None]:
    connection, path, headers = _connection(address, settings, timeout_s, _context(settings))
    try:
        connection.request("HEAD", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.getheader("Date")
    finally:
        connection.close()


def _connection(
    address: SplitResult, settings: Settings, timeout_s: float, context: ssl.SSLContext
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    host, secure = address.hostname or "", address.scheme == "https"
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    headers = {"User-Agent": "samj-bridge", "Accept": "*/*"}
    if address.username and "@" in address.netloc:
        headers["Authorization"] = _basic(address)
    proxy = _proxy(address, settings)
    if proxy is None:
        if secure:
            return (
                http.client.HTTPSConnection(host, address.port, timeout=timeout_s, context=context),
                path,
                headers,
            )
        return http.client.HTTPConnection(host, address.port, timeout=timeout_s), path, headers
    credentials = {"Proxy-Authorization": _basic(proxy)} if proxy.username else {}
    place, port = proxy.hostname or "", proxy.port or 80
    if secure:
        tunnel = http.client.HTTPSConnection(place, port, timeout=timeout_s, context=context)
        tunnel.set_tunnel(host, address.port or 443, credentials)
        return tunnel, path, headers
    plain = http.client.HTTPConnection(place, port, timeout=timeout_s)
    return plain, address._replace(fragment="").geturl(), headers | credentials


def _proxy(address: SplitResult, settings: Settings) -> SplitResult | None:
    host = address.hostname or ""
    if urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    chosen = settings.proxy or proxies.get(address.scheme) or proxies.get("all") or ""
    if not chosen:
        return None
    return urlsplit(chosen if "://" in chosen else f"http://{chosen}")


def _basic(address: SplitResult) -> str:
    pair = f"{unquote(address.username or '')}:{unquote(address.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _context(settings: Settings) -> ssl.SSLContext:
    bundle = settings.ca_bundle or clean_environ().get("SSL_CERT_FILE")
    return ssl.create_default_context(cafile=bundle or None)


def _why(error: Exception) -> tuple[str, str]:
    """Return the kind of a failure, and the clause about it."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    tunnel = str(error).partition("Tunnel connection failed: ")[2]
    kinds: list[tuple[bool, str, str]] = [
        (
            isinstance(error, ssl.SSLCertVerificationError),
            "tls",
            f"its certificate is refused ({getattr(error, 'verify_message', '')})",
        ),
        (isinstance(error, ssl.SSLError), "tls", f"no secure connection ({getattr(error, 'reason', '') or text})"),
        (isinstance(error, FileNotFoundError), "tls", "the file of certificates that is set does not exist"),
        (isinstance(error, socket.gaierror), "name", "its name can't be looked up"),
        (isinstance(error, TimeoutError), "time", "no answer in time"),
        (tunnel.startswith("407"), "proxy-credentials", _CREDENTIALS),
        (bool(tunnel), "proxy", f"the proxy does not let through ({tunnel})"),
    ]
    return next(((kind, words) for fits, kind, words in kinds if fits), ("connection", text))


def _clock_ahead(date: str | None) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(date).timestamp() if date else None
    except (TypeError, ValueError):
        return None


def _issuer(address: SplitResult, settings: Settings, timeout_s: float) -> str:
    """Look at the certificate that was refused; nothing is sent to whoever shows it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection, *_ = _connection(address, settings, timeout_s, context)
    try:
        connection.connect()
        der = connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
        return issuer_of(der) if der else ""
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
