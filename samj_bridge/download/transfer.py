"""One request for one file. The only module that speaks to servers (httpx).

The request runs on a thread of its own: whoever waits for it can turn away at any moment, also while the thread is
blocked in a name look-up, a connection or a read.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from samj_bridge.download.certificates import trusted
from samj_bridge.download.reply import REDIRECTS, Reply, Trouble, next_address, read_reply, shown
from samj_bridge.download.source import Policy
from samj_bridge.errors import InputError
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings
from samj_bridge.version import __version__

if TYPE_CHECKING:
    import httpx

__all__ = ["Network", "Transfer"]

_log = logging.getLogger(__name__)

_BLOCK = 1 << 20
_RECORD = 1 << 14
_MOST_WAITING = 2
_MOST_REDIRECTS = 10
_LOOK_S = 0.02


@dataclass(frozen=True)
class Network:
    """How to reach servers, the same for every request of a download."""

    bundle: str
    """File or folder of the certificates to believe; empty: the system's."""
    proxy: str
    """Proxy for every address that ``NO_PROXY`` does not name; empty: as the usual variables say."""

    @classmethod
    def of(cls, settings: Settings) -> Network:
        """Take the certificates and the proxy that `settings` name.

        Raises
        ------
        InputError
            The proxy has no address.
        """
        if settings.proxy and urlsplit(settings.proxy).scheme not in {"http", "https"}:
            message = f"The proxy {settings.proxy!r} can't be used: it does not start with http:// or https://."
            raise InputError(message, code="bad-proxy", hint="Correct the setting `proxy` (SAMJ_PROXY).")
        return cls(settings.ca_bundle, settings.proxy)

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        return trusted(self.bundle)

    def certificates(self, url: str) -> ssl.SSLContext:
        """Return which servers to believe on the way to `url`; they are always checked.

        Raises
        ------
        InputError
            The certificates can't be read.
        """
        if urlsplit(url).scheme == "http" and not (self.proxy or getproxies()):
            # To read them takes 30 ms, for nothing. One without any: whoever encrypts after all is not believed.
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return self._certificates

    def client(self, url: str, policy: Policy) -> httpx.Client:
        """Return a client for requests to the host of `url`."""
        import httpx

        return httpx.Client(
            verify=self.certificates(url),
            timeout=httpx.Timeout(policy.stall_s, connect=policy.connect_s),
            trust_env=not self.proxy,
            proxy=self.proxy if self.proxy and not proxy_bypass(urlsplit(url).hostname or "") else None,
            headers={"Accept-Encoding": "identity", "User-Agent": f"samj-bridge/{__version__}"},
        )


class Transfer:
    """A request on its way. Used in a ``with`` statement; leaving it gives the request up.

    Parameters
    ----------
    url : str
        Address; redirects are followed, but never from https to http.
    network : Network
        How to reach it.
    policy : Policy
        How long to wait.
    start : int
        First byte wanted.
    unchanged : str
        Validator for ``If-Range``: the server sends the whole file when it has another version. Empty: none.
    cancel : CancelToken, optional
        Looked at all the time.

    Raises
    ------
    InputError
        The certificates can't be read.
    """

    def __init__(
        self,
        url: str,
        *,
        network: Network,
        policy: Policy,
        start: int = 0,
        unchanged: str = "",
        cancel: CancelToken | None = None,
    ) -> None:
        # Here, where the one who called hears of it.
        network.certificates(url)
        self._url = url
        self.address = url
        """Where the answer came from: what `url` redirects to, once `reply` has returned."""
        self._network = network
        self._policy = policy
        self._headers = {"Range": f"bytes={start}-"} if start else {}
        if start and unchanged:
            self._headers["If-Range"] = unchanged
        self._cancel = cancel
        # The reply, then blocks, then an empty block or what went wrong. Few wait: the server is held up instead.
        self._came: queue.Queue[Any] = queue.Queue(_MOST_WAITING)
        self._given_up = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._work, name="samj-download", daemon=True)

    def __enter__(self) -> Transfer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._given_up.set()
        if self._socket is not None:
            # The base class's: an SSL socket's own would take its state away under the thread that reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def reply(self) -> Reply:
        """Wait for the server's answer.

        Raises
        ------
        Trouble
            There is none, or none that brings the file.
        Cancelled
            The token was set.
        """
        while True:
            found = self._take()
            if isinstance(found, Reply):
                return found
            if found is not None:
                raise found

    def blocks(self) -> Iterator[bytes]:
        """Yield the body as it comes, a mebibyte at a time at most; ``b""`` when it is quiet for a moment.

        Raises
        ------
        Trouble
            It broke off, stalled, or crept. What was yielded before is good as far as it goes.
        Cancelled
            The token was set.
        """
        since, count = time.monotonic(), 0
        while True:
            found = self._take()
            if found == b"":
                return
            if isinstance(found, bytes):
                count += len(found)
                yield found
            elif found is not None:
                raise found
            else:
                yield b""
            seconds = time.monotonic() - since
            if seconds > self._policy.stall_s:
                if count < self._policy.slowest_bytes_per_s * seconds:
                    reason = f"only {count} bytes came in {seconds:.0f} s"
                    raise Trouble(reason, "stalled", again=True)
                since, count = time.monotonic(), 0

    def _take(self) -> Any:
        """Return what came next; None: nothing for a moment."""
        if self._cancel is not None:
            self._cancel.check()
        try:
            return self._came.get(timeout=_LOOK_S)
        except queue.Empty:
            return None

    def _put(self, item: object) -> bool:
        while not self._given_up.is_set():
            with contextlib.suppress(queue.Full):
                self._came.put(item, timeout=_LOOK_S)
                return True
        return False

    def _work(self) -> None:
        import httpx

        try:
            self._request()
        except (Trouble, InputError) as error:
            self._put(error)
        except httpx.HTTPError as error:
            self._put(_explain(error))
        except Exception as error:  # noqa: BLE001  nobody sees a thread end: the one who waits must hear of it
            _log.debug("A request to %s ended in an unusual way.", shown(self._url), exc_info=True)
            self._put(Trouble(f"the request failed ({type(error).__name__}: {error})", "unreachable"))

    def _request(self) -> None:
        url = self._url
        for _ in range(_MOST_REDIRECTS + 1):
            with (
                self._network.client(url, self._policy) as client,
                client.stream("GET", url, headers=self._headers) as response,
            ):
                # Inside a proxy's encryption there is something else, which can't be shut down from here.
                self._socket = _socket_of(response.extensions.get("network_stream"))
                self.address = url
                if response.status_code not in REDIRECTS:
                    self._deliver(response)
                    return
                url = next_address(url, response.headers.get("location", ""))
        raise Trouble("it redirects in a circle", "redirect")

    def _deliver(self, response: httpx.Response) -> None:
        if not self._put(read_reply(response.status_code, response.headers)):
            return
        for block in _blocks(response, self._policy.stall_s):
            if not self._put(block):
                return
        self._put(b"")


def _blocks(response: httpx.Response, stall_s: float) -> Iterator[bytes]:
    """Yield a body in large blocks while it comes fast, else as soon as the line is quiet."""
    found = _socket_of(response.extensions.get("network_stream"))
    # Kept until the end: it closes the connection when it is forgotten.
    body = response.iter_raw()
    length = response.headers.get("content-length", "")
    if found is None or not length.isdecimal() or "transfer-encoding" in response.headers:
        # Chunks have lengths and ends of their own, and inside a proxy's encryption there is no socket to read.
        yield from filter(None, body)
        return
    # h11 takes every piece apart and copies it three times, which costs more than to decrypt it. Once the first
    # piece has come it holds nothing back, and what follows on the connection is the body and nothing else.
    first = next(body, b"")
    pieces, size, left = [first], len(first), int(length) - len(first)
    found.settimeout(stall_s)
    is_readable = _look_at(found)
    most = _RECORD if isinstance(found, ssl.SSLSocket) else _BLOCK
    trouble = None
    while left > 0 and trouble is None:
        # An encrypted piece has 16 KB: to hand over each of them takes longer than to decrypt it.
        if size >= _BLOCK or (size and not is_readable()):
            yield b"".join(pieces)
            pieces, size = [], 0
        try:
            piece = found.recv(min(left, most))
        except TimeoutError:
            trouble = Trouble("nothing came any more", "stalled", again=True)
        except OSError as error:
            trouble = Trouble(f"the connection broke off ({error})", "cut", again=True)
        else:
            pieces.append(piece)
            size += len(piece)
            left -= len(piece)
            if not piece:
                trouble = Trouble(f"the connection broke off with {left} bytes to come", "cut", again=True)
    if size:
        yield b"".join(pieces)
    if trouble is not None:
        raise trouble


def _socket_of(stream: Any) -> socket.socket | None:
    found = stream.get_extra_info("socket") if stream is not None else None
    return found if isinstance(found, socket.socket) else None


def _look_at(found: socket.socket) -> Callable[[], bool]:
    """Return a function that says whether more has come on a socket already."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([found], [], [], 0)[0])
    poll = select.poll()
    poll.register(found, select.POLLIN)
    return lambda: bool(poll.poll(0))


def _explain(error: httpx.HTTPError) -> Trouble:
    import httpx

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Trouble(f"its certificate can't be trusted ({cause.verify_message.rstrip('.')})", "tls")
        if isinstance(cause, ssl.SSLError) and isinstance(error, httpx.ConnectError):
            return Trouble(f"no encrypted connection came about ({cause.reason or cause})", "tls")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError) and "407" in str(error):
        return Trouble("the proxy wants a name and a password", "proxy")
    kinds: list[tuple[type[httpx.HTTPError], str, str]] = [
        (httpx.ProxyError, "proxy", "the proxy failed"),
        (httpx.ConnectTimeout, "unreachable", "it did not answer in time"),
        (httpx.TimeoutException, "stalled", "nothing came any more"),
        (httpx.ConnectError, "unreachable", "it can't be reached"),
    ]
    kind, words = next(
        ((kind, words) for cls, kind, words in kinds if isinstance(error, cls)), ("cut", "the connection broke off")
    )
    text = str(error).strip()
    return Trouble(f"{words} ({text})" if text else words, kind, again=True)
