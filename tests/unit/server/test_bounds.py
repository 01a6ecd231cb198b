"""What a request may cost before it is understood, tried on a real socket with an application of three lines."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from samj_bridge.server import bounds
from samj_bridge.server.serving import _Server


async def size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(bounds, "HEADER_S", 0.4)
    monkeypatch.setattr(bounds, "PIECE_S", 0.4)
    monkeypatch.setattr(bounds, "MOST_CONNECTIONS", 20)
    middleware = [Middleware(bounds.Bodies, most=1 << 20, most_together=3 << 19)]
    app = Starlette(routes=[Route("/", size, methods=["GET", "POST"])], middleware=middleware)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=bounds.BoundedProtocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=15
    )
    server = _Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


def post(port: int, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/", body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def answered(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    connection.settimeout(30)
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            found += piece
    return found


def test_a_body_within_bounds_is_taken(port: int) -> None:
    assert post(port, b"x" * (1 << 20)) == (200, b"1048576")
    assert post(port, b"") == (200, b"0")


def test_a_body_that_says_that_it_is_too_large_is_refused_before_it_comes(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000000\r\n\r\n")
        assert answered(connection).startswith(b"HTTP/1.1 413")
    assert post(port, b"x")[0] == 200


def test_a_body_that_does_not_say_how_large_it_is_is_counted(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert b" 413 " in answered(connection)[:20]


def test_bodies_together_are_bounded_and_freed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "PIECE_S", 60)
    with socket.create_connection(("127.0.0.1", port)) as first:
        first.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 900_000)
        time.sleep(0.1)
        assert post(port, b"x" * 900_000)[0] == 503
        first.sendall(b"x" * 100_000)
        assert first.recv(12).endswith(b"200")
    assert post(port, b"x" * 900_000)[0] == 200


def test_a_sender_that_stops_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        assert answered(connection).startswith(b"HTTP/1.1 408")


def test_a_sender_that_sends_a_byte_now_and_then_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "PIECE_S", 60)
    monkeypatch.setattr(bounds, "SLOW_AFTER_S", 0.3)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        connection.setblocking(False)
        said = b""
        for _ in range(600):
            with contextlib.suppress(BlockingIOError, ConnectionError):
                connection.send(b"x")
                said += connection.recv(1 << 16)
            if said:
                break
            time.sleep(0.05)
        said += answered(connection)
    assert said.startswith(b"HTTP/1.1 408")
    assert b"bytes a second" in said


@pytest.mark.parametrize("begin", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
def test_a_head_that_never_ends_is_not_waited_for(port: int, begin: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(begin)
        assert answered(connection) == b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.settimeout(30)
        came = b""
        while not came.endswith(b"\r\n\r\n0"):
            came += connection.recv(1 << 16)
        connection.sendall(b"GET / HT")
        assert answered(connection) == b""


def test_idle_connections_make_room_for_those_that_ask(port: int) -> None:
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    try:
        for _ in range(5):
            assert post(port, b"abc") == (200, b"3")
        closed = 0
        for connection in idle:
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                closed += connection.recv(1) == b""
        assert closed >= 270
    finally:
        for connection in idle:
            connection.close()


def test_what_is_no_http_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert answered(connection).startswith(b"HTTP/1.1 400")
