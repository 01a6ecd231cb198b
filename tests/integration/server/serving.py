"""A server that runs, asked as programs ask: a connection for each request, as QuPath's client does it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Body = bytes | dict[str, Any] | None


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[bytes]
    port: int
    token: str
    home: Path
    root: Path
    log: Path

    def ask(
        self,
        method: str,
        path: str,
        body: Body = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, path, data, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: bytes | dict[str, Any], **headers: str) -> Answer:
        return self.ask("POST", path, body, {"Content-Type": "application/json; charset=utf-8", **headers})

    def own(self, method: str, path: str, body: Body = None, **headers: str) -> Answer:
        return self.ask(method, f"/api/{path}", body, {"X-Samj-Token": self.token, **headers})

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.own("GET", "state").json
        return found


def served_by(process: subprocess.Popen[bytes], home: Path, root: Path, log: Path) -> Served:
    """Wait until a process says where it serves."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        for path in (home / "serve").glob("*.json"):
            card = json.loads(path.read_text())
            served = Served(process, card["port"], card["token"], home, root, log)
            try:
                if card["pid"] == process.pid and served.ask("GET", "/health").status == 200:
                    return served
            except OSError:
                pass
        time.sleep(0.05)
    raise AssertionError(log.read_text())


class Recorded:
    """Requests that were recorded from QuPath's extension, sent as they were sent."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.folder, self.served = folder, served
        self.index = {item["name"]: item for item in json.loads((folder / "index.json").read_text())}

    def body(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{name}.request.json").read_text())
        return found

    def send(self, name: str, /, **changes: Any) -> Answer:
        item = self.index[name]
        path = next((p for p in self.folder.glob(f"{name}.request.*")), None)
        data = b"" if path is None else path.read_bytes()
        if changes:
            data = json.dumps({**json.loads(data), **changes}).encode()
        headers = {key: value for key, value in item["request_headers"].items() if key != "Content-Length"}
        return self.served.ask(item["method"], item["path"], data or None, headers)

    def pixels(self, name: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(self.body(name)["b64img"]))).convert("RGB"))
