"""What the servers of the tests share: a free port here, https where wanted, answers that stop half-way."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class Served:
    """What a server has and remembers; a kind of server says in `reply` what it answers."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        """The paths that were asked for."""
        self.stalled = threading.Event()
        """Set when a request has been left hanging."""
        self.stopped = threading.Event()
        """Set when the server ends: who hangs goes then."""

    def reply(self, request: Answering, path: str) -> None:
        """Answer a request for `path`."""
        raise NotImplementedError


class Answering(BaseHTTPRequestHandler):
    """A request to a `Served`, with what it may answer: bytes whole, in half, or not at all."""

    served: Served

    def do_GET(self) -> None:
        path = unquote(self.path.split("?")[0])
        self.served.requests.append(path)
        self.served.reply(self, path)

    do_HEAD = do_GET

    def answer(
        self,
        data: bytes,
        kind: str = "application/octet-stream",
        status: int = 200,
        *,
        stall: bool = False,
        cut: bool = False,
    ) -> None:
        """Send `data`; `stall`: half of it, and then nothing; `cut`: half of it, and hang up."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if not stall and not cut:
            self.wfile.write(data)
            return
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if stall:
            self.stall()
        self.close_connection = True

    def stall(self) -> None:
        """Leave the request hanging."""
        self.served.stalled.set()
        self.served.stopped.wait(120)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._context = context

    def finish_request(self, request: Any, address: Any) -> None:
        # The handshake is done on the request's thread: a client that doesn't believe us must not stop the others.
        if self._context is None:
            super().finish_request(request, address)
            return
        with self._context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, address)

    def handle_error(self, *args: object) -> None:
        """Clients that hang up are what the tests are about."""


def address_of(port: int, context: ssl.SSLContext | None) -> str:
    """Return where a port is served; the certificates of the tests are made out to ``localhost``."""
    return f"https://localhost:{port}" if context is not None else f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def running(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a free port while the block runs, with `context` by https; yields the port."""
    server = _Server(handler, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextlib.contextmanager
def serving(served: Served, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer for `served` as `running` does; when the block ends, requests that hang are let go."""
    with running(type("Handler", (Answering,), {"served": served}), context) as port:
        try:
            yield port
        finally:
            served.stopped.set()
