"""A server that runs, and programs that ask it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
from PIL import Image

from samj_bridge import Settings
from samj_bridge.server.serving import Card, cards

__all__ = ["Client", "as_png", "as_qupath_asks", "served", "timed", "view"]

_SHAPE = (733, 715)
"""(Y, X) of a view as QuPath sends it."""


class Client:
    """A program that asks: one connection, kept."""

    def __init__(self, card: Card, name: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", card.port, timeout=600)
        self.timing = ""
        """What the server said last of queue and work."""
        self._headers = {"X-Samj-Token": card.token, "X-Samj-Client": name, "Content-Type": "application/json"}

    def post(self, path: str, body: dict[str, Any] | bytes) -> Any:
        """Return the answer's JSON."""
        headers = dict(self._headers)
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        if isinstance(body, bytes):
            del headers["Content-Type"]
        self._connection.request("POST", path, data, headers)
        response = self._connection.getresponse()
        text = response.read()
        self.timing = response.getheader("Server-Timing", "")
        if response.status >= 300:
            message = f"{path}: {response.status} {text[:200]!r}"
            raise SystemExit(message)
        return json.loads(text)


@contextmanager
def served(settings: Settings) -> Iterator[tuple[Card, psutil.Process]]:
    """Run ``samj-bridge serve`` on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "samj_bridge.cli.main", "serve", "--port", "0", "--no-browser"],
        env={**os.environ, "SAMJ_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (found := [card for card in cards(settings.home / "serve") if card.pid == process.pid]):
            if process.poll() is not None:
                raise SystemExit("The server did not start.")
            time.sleep(0.1)
        time.sleep(1)
        yield found[0], psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def view(seed: int) -> np.ndarray[Any, Any]:
    """Return a view as QuPath sends it: discs on a smooth ground, another one for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]]
    image = 40 + 20 * np.sin(x / 90 + seed) + 20 * np.cos(y / 70)
    for _ in range(40):
        cx, cy, r = rng.uniform(0, _SHAPE[1]), rng.uniform(0, _SHAPE[0]), rng.uniform(10, 25)
        image = np.where((x - cx) ** 2 + (y - cy) ** 2 < r * r, 180 + rng.uniform(-30, 30), image)
    return np.repeat(image.astype(np.uint8)[..., None], 3, axis=2)


def as_png(pixels: np.ndarray[Any, Any]) -> bytes:
    """Return the bytes of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def as_qupath_asks(pixels: np.ndarray[Any, Any], model: str = "starter") -> dict[str, Any]:
    """Return the body of a request for the object in a box."""
    return {
        "type": "vit_t",
        "checkpoint_url": f"samj:{model}",
        "bbox": [300, 300, 360, 360],
        "b64img": base64.b64encode(as_png(pixels)).decode(),
        "multimask_output": True,
    }


def timed(work: Callable[[], Any]) -> float:
    """Return milliseconds."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)
