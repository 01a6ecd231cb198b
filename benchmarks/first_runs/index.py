"""A package index on this machine in front of the real one: fetches each file once, and serves it well or badly.

Pages and files are kept in a folder, so that the hundredth set-up costs the real index nothing. What a run meets
is a `Weather`: a slow line, a line that stalls, one that breaks off.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

_JSON = "application/vnd.pypi.simple.v1+json"
_PIECE = 1 << 18


@dataclass
class Weather:
    """What the line is like during one run; every connection shares it."""

    bytes_per_s: float = 0.0
    """How fast all connections together are; 0: as fast as they can."""
    stalls_at: tuple[float, ...] = ()
    """After so many bytes of the run, nothing moves for `stall_s`."""
    stall_s: float = 20.0
    drops_at: tuple[float, ...] = ()
    """After so many bytes of the run, every connection that sends a file breaks off."""
    sent: int = 0
    """Bytes that were sent so far."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _free_at: float = 0.0
    _stalls: int = 0
    _drops: int = 0

    @property
    def is_fine(self) -> bool:
        """Whether nothing is wrong with the line: files can be sent in one go."""
        return not (self.bytes_per_s or self.stalls_at or self.drops_at)

    def epoch(self) -> int:
        """Return how often connections were broken so far: one that began in an earlier epoch has ended."""
        return self._drops

    def pass_through(self, size: int) -> None:
        """Account for `size` bytes, and sleep as long as the line takes for them."""
        with self._lock:
            self.sent += size
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + (size / self.bytes_per_s if self.bytes_per_s else 0.0)
            if self._stalls < len(self.stalls_at) and self.sent >= self.stalls_at[self._stalls]:
                self._stalls += 1
                self._free_at += self.stall_s
            if self._drops < len(self.drops_at) and self.sent >= self.drops_at[self._drops]:
                self._drops += 1
            pause_s = self._free_at - now
        if pause_s > 0:
            time.sleep(pause_s)


class _Fetched:
    """One file, in the folder or on its way into it; readers follow it while it grows."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.size = path.stat().st_size if path.is_file() else -1
        self.have = max(self.size, 0)
        self.failed = ""
        self.fetched = 0
        self.changed = threading.Condition()
        if self.size < 0:
            threading.Thread(target=self._fetch, args=(url,), daemon=True).start()

    @property
    def file(self) -> Path:
        return self.path if self.path.is_file() else self.path.with_name(self.path.name + ".part")

    def wait_for(self, count: int) -> int:
        """Wait until the size is known and `count` bytes, or the end, are here; return how many are."""
        with self.changed:
            while not self.failed and (self.size < 0 or self.have < min(count, self.size)):
                self.changed.wait(1)
            if self.failed:
                raise OSError(self.failed)
            return self.have

    def _fetch(self, url: str) -> None:
        part = self.path.with_name(self.path.name + ".part")
        try:
            with httpx.stream("GET", url, timeout=60, follow_redirects=True) as answer, part.open("wb") as file:
                answer.raise_for_status()
                size = int(answer.headers["Content-Length"])
                for piece in answer.iter_raw(_PIECE):
                    file.write(piece)
                    file.flush()
                    with self.changed:
                        self.size = size
                        self.have += len(piece)
                        self.fetched += len(piece)
                        self.changed.notify_all()
            if self.have != self.size:
                raise httpx.ReadError(url)
            part.replace(self.path)
        except (OSError, KeyError, httpx.HTTPError) as error:
            with self.changed:
                self.failed = str(error) or repr(error)
                self.changed.notify_all()


class Index:
    """The index: serves under ``/simple/`` and ``/files/``.

    Parameters
    ----------
    folder : Path
        Where pages and files are kept.
    upstream : str
        The real index.
    """

    def __init__(self, folder: Path, upstream: str) -> None:
        self.folder = folder
        self.upstream = upstream.rstrip("/")
        self.weather = Weather()
        self.url = ""
        self._lock = threading.Lock()
        self._files: dict[str, _Fetched] = {}
        for name in ("pages", "files"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def fetched(self) -> int:
        """Bytes that came from the real index since this one was started."""
        return sum(item.fetched for item in self._files.values())

    def page(self, package: str) -> dict[str, Any]:
        """Return the page of a package, as the real index has it."""
        path = self.folder / "pages" / f"{re.sub(r'[-_.]+', '-', package).lower()}.json"
        with self._lock:
            if not path.is_file():
                answer = httpx.get(
                    f"{self.upstream}/{path.stem}/", headers={"Accept": _JSON}, timeout=60, follow_redirects=True
                )
                answer.raise_for_status()
                path.write_text(json.dumps(answer.json()), encoding="utf-8")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def served_page(self, package: str) -> dict[str, Any]:
        """Return the page of a package, with our addresses in it."""
        page = self.page(package)
        origin = self.url.removesuffix("/simple")
        for item in page["files"]:
            item["url"] = f"{origin}/files/{page['name']}/{item['filename']}"
            # What stands beside a file is not served here: clients look into the file itself.
            for key in ("core-metadata", "dist-info-metadata", "data-dist-info-metadata", "provenance"):
                item.pop(key, None)
        return page

    def file(self, package: str, name: str) -> _Fetched:
        """Return a file, whose fetching begins now if it was never asked for."""
        urls = {item["filename"]: item["url"] for item in self.page(package)["files"]}
        with self._lock:
            known = self._files.get(name)
            if known is None or known.failed:
                # One from a folder named by its package: no path can be made of what a client asks for.
                known = self._files[name] = _Fetched(self.folder / "files" / Path(name).name, urls[name])
        return known


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: Index

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        try:
            if parts[0] == "simple" and len(parts) == 2:
                self._page(parts[1])
            elif parts[0] == "files" and len(parts) == 3:
                self._file(self.index.file(parts[1], parts[2]))
            else:
                self._say(404)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except (httpx.HTTPStatusError, KeyError):
            self._say(404)
        except (OSError, httpx.HTTPError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815

    def _say(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _page(self, package: str) -> None:
        page = self.index.served_page(package)
        if "json" in self.headers.get("Accept", ""):
            body, kind = json.dumps(page).encode(), _JSON
        else:
            links = [
                f'<a href="{item["url"]}#sha256={item["hashes"]["sha256"]}"'
                f' data-requires-python="{html.escape(item.get("requires-python") or "")}">{item["filename"]}</a>'
                for item in page["files"]
            ]
            body, kind = "<br>\n".join(links).encode(), "text/html"
        self.index.weather.pass_through(len(body))
        self._say(200, body, kind)

    def _file(self, item: _Fetched) -> None:
        item.wait_for(1)
        start, stop, status = 0, item.size, 200
        if match := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            first, last = match[1], match[2]
            start = int(first) if first else max(0, item.size - int(last))
            stop = min(item.size, int(last) + 1) if first and last else item.size
            status = 206
        self.send_response(status)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(stop - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{item.size}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.flush()
            self._send(item, start, stop)

    def _send(self, item: _Fetched, start: int, stop: int) -> None:
        weather = self.index.weather
        epoch = weather.epoch()
        piece = _PIECE * 16 if weather.is_fine else _PIECE
        item.wait_for(start + 1)
        with item.file.open("rb") as file:
            while start < stop:
                have = item.wait_for(min(stop, start + piece))
                weather.pass_through(0 if weather.is_fine else min(piece, stop - start))
                if weather.epoch() != epoch:
                    # So hard that bytes on their way are lost as well.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    self.close_connection = True
                    return
                count = min(stop, have, start + piece) - start
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, count)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_args: object) -> None:
        """Clients that hang up are what the runs are about."""


@contextlib.contextmanager
def serve(index: Index) -> Iterator[Index]:
    """Serve on a free port of this machine while the block runs."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"index": index}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
