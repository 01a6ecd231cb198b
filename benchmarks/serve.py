"""What the server costs on top of a session: ``python -m benchmarks.serve [--prompts 10000] [--kills 20]``.

One run holds both sides: the same prompts through `Session` and over HTTP, one after the other, so that a noisy
machine troubles both. Of times the least of all repeats is shown: what is above it is the machine's. Nothing is
measured beside it: samapi, QuPath's usual server, comes from GitHub alone, as its networks do: not installed here.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.page import PAINTED, painted
from samj_bridge import Prompt, Session, Settings
from samj_bridge.install import ensure_environment
from samj_bridge.server.serving import Card, cards

_SHAPE = (733, 715)
"""(Y, X) of a view as QuPath sends it."""


@dataclass(frozen=True)
class Row:
    """One figure, with its target where it has one."""

    what: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its target."""
        return self.target is None or self.value <= self.target


class Client:
    """A program that asks: one connection, kept."""

    def __init__(self, card: Card, name: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", card.port, timeout=600)
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
        if response.status >= 300:
            message = f"{path}: {response.status} {text[:200]!r}"
            raise SystemExit(message)
        return json.loads(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--views", type=int, default=10)
    parser.add_argument("--model", default="starter", help="whose processor time is measured")
    parser.add_argument("--prompts", type=int, default=10_000, help="from eight clients")
    parser.add_argument("--kills", type=int, default=20, help="of the worker, while four clients work")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    ensure_environment(settings)
    with served(settings) as (card, process), Session("starter", settings=settings) as session:
        rows = []
        for row in figures(card, process, session, arguments):
            rows.append({**asdict(row), "met": row.met})
            if not arguments.json:
                show(row)
    if arguments.json:
        print(json.dumps({"rows": rows}))


def figures(card: Card, process: psutil.Process, session: Session, asked: argparse.Namespace) -> Iterator[Row]:
    yield from one_prompt(card, session, asked.repeats)
    yield from new_views(card, session, asked.views)
    yield from (Row(PAINTED, value, "ms", 60) for value in painted(card, as_png(view(0)), asked.repeats))
    yield from processor_time(card, process, asked.views, asked.model)
    yield from many_clients(card, process, asked.prompts)
    yield from killed(card, process, asked.kills)


def show(row: Row) -> None:
    """Print a figure as soon as it is there: the run takes minutes."""
    target = "" if row.target is None else f"at most {row.target:g}"
    mark = "ok  " if row.met else "MISS"
    print(f"{mark} {row.what:<62} {row.value:10.2f} {row.unit:<8} {target:<12} {row.note}", flush=True)


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


def one_prompt(card: Card, session: Session, repeats: int) -> list[Row]:
    """Ask the same prompt on an encoded view, through the session and over HTTP, in turns."""
    pixels, box = view(0), (300, 300, 360, 360)
    body = as_qupath_asks(pixels)
    client = Client(card, "one prompt")
    client.post("/sam/", body)
    own = client.post("/api/images", as_png(pixels))["image"]
    prompt = {"prompts": [{"box": list(box)}], "candidates": 3}
    alone, qupath, api = [], [], []
    with session.encode(pixels) as scene:
        for _ in range(repeats):
            alone.append(timed(lambda: scene.segment(Prompt(box=box), candidates=3)))
            qupath.append(timed(lambda: client.post("/sam/", body)))
            api.append(timed(lambda: client.post(f"/api/images/{own}/segment", prompt)))
    base = min(alone)
    return [
        Row("a prompt on an encoded view, through Session", base, "ms"),
        Row("the same over HTTP as QuPath asks, more", min(qupath) - base, "ms", 8),
        Row("the same over HTTP by our own API, more", min(api) - base, "ms", 8),
    ]


def new_views(card: Card, session: Session, views: int) -> list[Row]:
    """Ask about views that nobody has seen, against encoding and asking by the session."""
    client = Client(card, "new views")
    alone, over = [], []
    box = (300, 300, 360, 360)
    for seed in range(1, views + 1):
        # Another view for each side: encodings are kept on disk by their content, and both sides share the disk.
        mine, theirs = view(1000 + seed), view(2000 + seed)

        def through(pixels: np.ndarray[Any, Any] = mine) -> None:
            with session.encode(pixels) as scene:
                scene.segment(Prompt(box=box), candidates=3)

        body = as_qupath_asks(theirs)
        alone.append(timed(through))
        over.append(timed(lambda body=body: client.post("/sam/", body)))  # type: ignore[misc]
    base = min(alone)
    return [
        Row("a new view of 715 x 733 and a prompt, through Session", base, "ms"),
        Row("the same over HTTP as QuPath asks, more", min(over) - base, "ms", 25),
    ]


def processor_time(card: Card, process: psutil.Process, views: int, model: str) -> list[Row]:
    """Processor time of server and worker for a new view, and for the next prompt on it."""
    client = Client(card, "processor time")
    rows = []
    bodies = [as_qupath_asks(view(3000 + n), model) for n in range(views)]
    # The model is loaded before.
    client.post("/sam/", as_qupath_asks(view(2999), model))
    for words in ("a new view and its first prompt", "the next prompt on it"):
        before = _seconds(process)
        for body in bodies:
            client.post("/sam/", body)
        rows.append(Row(f"processor time, {model}, {words}", (_seconds(process) - before) / views, "s"))
    return rows


def _megabytes(process: psutil.Process) -> float:
    return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])) / 1e6


def _seconds(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in [process, *process.children(recursive=True)])


def many_clients(card: Card, process: psutil.Process, prompts: int) -> list[Row]:
    """Eight clients ask on four views; every answer is compared, memory is looked at before and after."""
    images = [view(seed) for seed in range(4)]
    first = Client(card, "first")
    names = [first.post("/api/images", as_png(pixels))["image"] for pixels in images]
    rng = random.Random(1)
    asked = [
        (rng.randrange(4), [x, y, x + 60, y + 60])
        for x, y in ((rng.randrange(600), rng.randrange(600)) for _ in range(60))
    ]
    expected = {}
    for name, box in asked:
        answer = first.post(f"/api/images/{names[name]}/segment", {"prompts": [{"box": box}]})
        expected[name, tuple(box)] = answer["features"][0]["properties"]["area"]

    def work(number: int) -> list[tuple[float, float]]:
        client = Client(card, f"client {number}")
        mine = random.Random(number)
        times = []
        for _ in range(prompts // 8):
            name, box = mine.choice(asked)
            body = {"prompts": [{"box": box}]}
            begun = time.perf_counter()
            answer = client.post(f"/api/images/{names[name]}/segment", body)
            times.append((begun, time.perf_counter()))
            if answer["features"][0]["properties"]["area"] != expected[name, tuple(box)]:
                raise SystemExit("A wrong answer.")
        return times

    memory: list[float] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.5):
            memory.append(_megabytes(process))

    watching = threading.Thread(target=look)
    watching.start()
    begun = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        times = [pair for each in pool.map(work, range(8)) for pair in each]
    seconds = time.perf_counter() - begun
    stop.set()
    watching.join()
    quarter = max(1, len(memory) // 4)
    growth = statistics.median(memory[-quarter:]) - statistics.median(memory[quarter : 2 * quarter] or memory)
    waits = [end - start for start, end in times]
    # Of other clients, between a question and its answer: what the queue does, whatever else the machine does.
    ends = np.sort([end for _, end in times])
    turns = [int(np.searchsorted(ends, end) - np.searchsorted(ends, start)) for start, end in times]
    most = max(turns) / statistics.mean(turns)
    return [
        Row(f"{len(waits)} prompts from 8 clients, a second", len(waits) / seconds, "prompts", note="all right"),
        Row("others answered while one waits, the most against the mean", most, "times", 3),
        Row("the slowest in seconds, against the mean", max(waits) / statistics.mean(waits), "times", 3),
        Row("memory of server and worker, last quarter against second", growth, "MB", 30),
    ]


def killed(card: Card, process: psutil.Process, kills: int) -> list[Row]:
    """Kill the worker again and again while four clients work."""
    if not kills:
        return []
    pixels = view(0)
    name = Client(card, "first").post("/api/images", as_png(pixels))["image"]
    body = {"prompts": [{"box": [300, 300, 360, 360]}]}
    area = Client(card, "first").post(f"/api/images/{name}/segment", body)["features"][0]["properties"]["area"]
    stop = threading.Event()

    counts = [0] * 4

    def work(number: int) -> None:
        client = Client(card, f"client {number}")
        while not stop.is_set():
            answer = client.post(f"/api/images/{name}/segment", body)
            if "features" not in answer or answer["features"][0]["properties"]["area"] != area:
                message = f"A wrong answer: {answer}"
                raise SystemExit(message)
            counts[number] += 1

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work, number) for number in range(4)]
        gone: set[int] = set()
        begun = time.perf_counter()
        try:
            while len(gone) < kills and not any(future.done() for future in futures):
                for child in process.children():
                    # One that has just ended can't be asked.
                    with suppress(psutil.Error):
                        if "samj-worker-" in " ".join(child.cmdline()) and child.pid not in gone:
                            # One in four while it starts, the others when they have answered something.
                            before, end = sum(counts), time.monotonic() + 60
                            while len(gone) % 4 and sum(counts) == before and time.monotonic() < end:
                                time.sleep(0.01)
                            time.sleep(random.uniform(0, 1))
                            child.kill()
                            gone.add(child.pid)
                time.sleep(0.02)
        finally:
            stop.set()
        seconds = time.perf_counter() - begun
        for future in futures:
            future.result()
    what = f"answers while the worker was killed {kills} times in {seconds:.0f} s"
    return [Row(what, sum(counts), "answers", note="all right")]


if __name__ == "__main__":
    main()
