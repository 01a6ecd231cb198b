"""Web servers and proxies on this machine that behave as those of companies do, or worse."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

from fakes.local_server import address_of, running


@dataclass
class WebServer:
    """Answers every request in the same way; set an attribute to make it misbehave."""

    status: int = 200
    """Status of every answer."""
    clock_off: timedelta = timedelta(0)
    """How far its clock is off."""
    silent: bool = False
    """Take requests, and never answer."""
    url: str = ""
    """Its address."""
    requests: list[str] = field(default_factory=list)
    """What was asked of it."""
    stopped: threading.Event = field(default_factory=threading.Event)


@dataclass
class Proxy(WebServer):
    """Forwards secure connections, if the client is allowed to use it."""

    credentials: str = ""
    """The header ``Proxy-Authorization`` that a client must send; empty: none."""
    refused: bool = False
    """Let nothing through."""


class _Handler(BaseHTTPRequestHandler):
    server_state: WebServer

    def do_GET(self) -> None:
        state = self.server_state
        state.requests.append(f"{self.command} {self.path}")
        if state.silent:
            state.stopped.wait(60)
            self.close_connection = True
            return
        self.send_response(state.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def do_CONNECT(self) -> None:
        proxy = self.server_state
        assert isinstance(proxy, Proxy)
        proxy.requests.append(f"CONNECT {self.path}")
        if proxy.credentials and self.headers.get("Proxy-Authorization") != proxy.credentials:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="the company"')
            self.end_headers()
            return
        if proxy.refused:
            self.send_error(403, "Blocked by policy")
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as upstream:
            self.send_response(200)
            self.end_headers()
            self._forward(upstream)
        self.close_connection = True

    def _forward(self, upstream: socket.socket) -> None:
        ends = [self.connection, upstream]
        while True:
            ready, _, _ = select.select(ends, [], [], 10)
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                (upstream if end is self.connection else self.connection).sendall(data)
            if not ready:
                return

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(datetime.now(timezone.utc) + self.server_state.clock_off, usegmt=True)

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def serve_web(state: WebServer, context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Run `state` on a free port of this machine while the block runs; with `context`, by https."""
    with running(type("Handler", (_Handler,), {"server_state": state}), context) as port:
        state.url = f"{address_of(port, context)}/"
        try:
            yield state
        finally:
            state.stopped.set()
