"""A server of files on this machine, plain or encrypted, that misbehaves on demand in the ways real ones do.

`FileServer.faults` holds what the next requests meet, one each; after them it is well-behaved, or keeps to
`FileServer.always`. Every body is made as it is sent, so that a file of gigabytes costs no memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from fakes.local_server import address_of, running

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Content:
    """Random bytes, the same for the same seed, made piece by piece."""

    size: int
    seed: int = 0

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        base = random.Random(self.seed).randbytes(_BLOCK)
        position = start
        while position < self.size:
            number, offset = divmod(position, _BLOCK)
            # Each block begins with its number: blocks that change places change the hashes.
            block = (number.to_bytes(8, "little") + base[8:])[offset : offset + self.size - position]
            yield block
            position += len(block)

    def bytes(self) -> bytes:
        return b"".join(self.blocks())

    def hash(self, algorithm: str = "sha256") -> str:
        digest = hashlib.new(algorithm)
        for block in self.blocks():
            digest.update(block)
        return f"{algorithm}:{digest.hexdigest()}"


@dataclass(frozen=True)
class Fault:
    """What one request meets. `kind` is one of the methods ``_Handler.do_<kind>``."""

    kind: str
    after: int = 0
    """Bytes of the body that are right, before it goes wrong."""
    status: int = 200
    text: str = ""
    """An address, or the value of a header."""

    def __str__(self) -> str:
        return self.kind


FINE = Fault("fine")


@dataclass
class Request:
    """What a client asked."""

    path: str
    range: str
    if_range: str
    agent: str
    host: str


@dataclass
class FileServer:
    """Serves `files` by path."""

    files: dict[str, Content] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """Met by the next requests, one each."""
    always: Fault = FINE
    """Met by every request after those."""
    ranges: bool = True
    """Whether a part of a file can be had."""
    etag: str = '"{seed}-{size}"'
    """How a version of a file is named; empty: not at all."""
    last_modified: str = ""
    lengths: bool = True
    """Whether it says how long a file is."""
    bytes_per_s: float = 0.0
    """How fast it sends; 0: as fast as it can."""
    requests: list[Request] = field(default_factory=list)
    sent: int = 0
    """Bytes of bodies that were sent in all."""
    stalled: threading.Event = field(default_factory=threading.Event)
    """Set when a request is left hanging."""
    url: str = ""
    _closing: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def slow(self, bytes_per_s: float) -> Iterator[None]:
        """Send no faster than this while the block runs, and as fast as before when it ends, however it ends."""
        before, self.bytes_per_s = self.bytes_per_s, bytes_per_s
        try:
            yield
        finally:
            self.bytes_per_s = before

    def next_fault(self) -> Fault:
        return self.faults.pop(0) if self.faults else self.always


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: FileServer

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        head = self.headers
        self.files.requests.append(
            Request(
                self.path,
                head.get("Range", ""),
                head.get("If-Range", ""),
                head.get("User-Agent", ""),
                head.get("Host", ""),
            )
        )
        self.close_connection = True
        fault = self.files.next_fault()
        with contextlib.suppress(OSError):
            act: Callable[[Fault], None] = getattr(self, f"do_{fault.kind}")
            act(fault)

    # What a request can meet

    def do_fine(self, fault: Fault, limit: int | None = None, content: Content | None = None) -> None:
        content = content or self.files.files.get(self.path)
        if content is None:
            self._answer(404)
            return
        start, etag = self._start(content)
        self.send_response(206 if start else 200)
        if etag:
            self.send_header("ETag", etag)
        if self.files.last_modified:
            self.send_header("Last-Modified", self.files.last_modified)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
        length = content.size - start + (int(fault.text) if fault.kind == "wrong_length" else 0)
        if self.files.lengths:
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self._send(content, start, limit)

    def do_cut(self, fault: Fault) -> None:
        self.do_fine(fault, limit=fault.after)

    def do_reset(self, fault: Fault) -> None:
        """Break off so hard that bytes on their way are lost as well."""
        self.do_fine(fault, limit=fault.after)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def do_stall(self, fault: Fault) -> None:
        self.do_fine(fault, limit=fault.after)
        self._hang()

    def do_mute(self, _fault: Fault) -> None:
        self._hang()

    def do_status(self, fault: Fault) -> None:
        self._answer(fault.status, fault.text)

    def do_wrong_length(self, fault: Fault) -> None:
        self.do_fine(fault)

    def do_wrong_content(self, fault: Fault) -> None:
        content = self.files.files[self.path]
        self.do_fine(fault, content=Content(content.size, content.seed + 1000))

    def do_changed(self, fault: Fault) -> None:
        """From now on the file is another version of the same size."""
        content = self.files.files[self.path]
        self.files.files[self.path] = Content(content.size, content.seed + 1000)
        self.do_fine(fault)

    def do_whole(self, fault: Fault) -> None:
        """Send the whole file, whatever part was asked for."""
        ranges, self.files.ranges = self.files.ranges, False
        try:
            self.do_fine(fault)
        finally:
            self.files.ranges = ranges

    def do_wrong_part(self, fault: Fault) -> None:
        """Send another part than was asked for."""
        content = self.files.files[self.path]
        start, _ = self._start(content)
        start = max(0, start - 1000)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
        self.send_header("Content-Length", str(content.size - start))
        self.end_headers()
        self._send(content, start, None)

    def do_redirect(self, fault: Fault) -> None:
        self.send_response(302)
        self.send_header("Location", fault.text or self.path)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def do_page(self, _fault: Fault) -> None:
        """Answer with a page, as networks do that want a guest to sign in."""
        page = b"<!DOCTYPE html><title>Please sign in</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def do_packed(self, _fault: Fault) -> None:
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", "20")
        self.end_headers()
        self.wfile.write(bytes(20))

    def do_drip(self, _fault: Fault) -> None:
        """Send ten bytes a second."""
        content = self.files.files[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(content.size))
        self.end_headers()
        self.files.stalled.set()
        for block in content.blocks():
            for at in range(0, len(block), 1):
                self.wfile.write(block[at : at + 1])
                if self.files._closing.wait(0.1):
                    return

    def do_garbage(self, _fault: Fault) -> None:
        self.wfile.write(b"220 this is no web server\r\n\r\n")

    # How

    def _start(self, content: Content) -> tuple[int, str]:
        etag = self.files.etag.format(seed=content.seed, size=content.size)
        asked = self.headers.get("Range", "")
        if not (self.files.ranges and asked.startswith("bytes=") and asked.endswith("-")):
            return 0, etag
        unchanged = self.headers.get("If-Range", "")
        if unchanged and unchanged not in {etag, self.files.last_modified}:
            return 0, etag
        start = int(asked[len("bytes=") : -1])
        if start >= content.size:
            self._answer(416)
            raise ConnectionAbortedError
        return start, etag

    def _send(self, content: Content, start: int, limit: int | None) -> None:
        left = content.size if limit is None else limit
        for block in content.blocks(start):
            for piece in self._paced(block[:left]):
                self.wfile.write(piece)
                self.files.sent += len(piece)
                left -= len(piece)
            if left <= 0:
                break
        self.wfile.flush()

    def _paced(self, block: bytes) -> Iterator[bytes]:
        while block and self.files.bytes_per_s:
            # Small pieces where it is slow, so that a change of the speed counts at once.
            size = max(1, min(1 << 16, int(self.files.bytes_per_s / 10)))
            yield block[:size]
            time.sleep(min(len(block), size) / (self.files.bytes_per_s or 1e9))
            block = block[size:]
        if block:
            yield block

    def _answer(self, status: int, retry_after: str = "") -> None:
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _hang(self) -> None:
        self.files.stalled.set()
        self.files._closing.wait(60)


class _AskingProxy(BaseHTTPRequestHandler):
    """A proxy that lets nobody through without a name and a password."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        pass

    def _refuse(self) -> None:
        self.send_response(407, "Proxy Authentication Required")
        self.send_header("Proxy-Authenticate", 'Basic realm="laboratory"')
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    do_GET = _refuse
    do_CONNECT = _refuse


@contextlib.contextmanager
def serve(server: FileServer, context: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Serve while the block runs; `FileServer.url` names the address, without a slash at its end."""
    handler = type("Handler", (_Handler,), {"files": server})
    with running(handler, context) as port:
        server.url = address_of(port, context)
        server._closing.clear()
        try:
            yield server
        finally:
            server._closing.set()


@contextlib.contextmanager
def serve_asking_proxy() -> Iterator[str]:
    """Run a proxy that answers 407; yields its address."""
    with running(_AskingProxy) as port:
        yield f"http://127.0.0.1:{port}"
