"""Eight clients at once, each a process of its own, as programs are: none is starved, every answer is right."""

from __future__ import annotations

import multiprocessing
import random
import re
import statistics
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil

from benchmarks.serve.asking import Client, as_png, view
from benchmarks.serve.rows import Row
from samj_bridge.server.serving import Card

__all__ = ["many_clients"]

_CLIENTS = 8
_TIMING = re.compile(r'queue;dur=([\d.]+);desc="(\d+) others first", work;dur=([\d.]+)')

Asked = tuple[int, tuple[int, int, int, int]]
"""Number of an image, and a box on it."""


@dataclass(frozen=True)
class _Wait:
    """How long an answer took, in seconds: as the client saw it, and as the server did."""

    begun: float
    seen: float
    queue: float
    work: float
    others: int


def many_clients(card: Card, process: psutil.Process, prompts: int) -> list[Row]:
    """Ask on four views from eight processes; every answer is compared, memory is looked at all the time."""
    first = Client(card, "first")
    names = [first.post("/api/images", as_png(view(seed)))["image"] for seed in range(4)]
    rng = random.Random(1)
    corners = [(rng.randrange(600), rng.randrange(600)) for _ in range(60)]
    asked = [(rng.randrange(4), (x, y, x + 60, y + 60)) for x, y in corners]
    areas = [_area(first, names, each) for each in asked]
    memory = [_megabytes(process)]
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.5):
            memory.append(_megabytes(process))

    watching = threading.Thread(target=look)
    watching.start()
    try:
        with ProcessPoolExecutor(_CLIENTS, multiprocessing.get_context("spawn")) as pool:
            # All of them are there before the first one asks.
            begun = max(pool.map(_ready, range(_CLIENTS)))
            share = prompts // _CLIENTS
            futures = [pool.submit(_client, card, n, names, asked, areas, share) for n in range(_CLIENTS)]
            waits = [wait for future in futures for wait in future.result()]
        seconds = time.monotonic() - begun
    finally:
        stop.set()
        watching.join()
    memory.append(_megabytes(process))
    quarter = max(1, len(memory) // 4)
    growth = statistics.median(memory[-quarter:]) - statistics.median(memory[quarter : 2 * quarter] or memory[:1])
    slowest = max(waits, key=lambda wait: wait.seen)
    parts = (
        f"{1000 * slowest.seen:.0f} ms: {1000 * slowest.queue:.0f} in the queue, {1000 * slowest.work:.0f} at work"
    )
    return [
        Row(f"{len(waits)} prompts from 8 clients, a second", len(waits) / seconds, "prompts", note="all right"),
        Row("others that came first in the queue, at most", max(wait.others for wait in waits), "others", 7),
        Row("the longest wait in the queue, against the mean", _ratio([w.queue for w in waits]), "times", 3),
        Row(
            "the slowest as its client sees it, against the mean",
            _ratio([w.seen for w in waits]),
            "times",
            3,
            parts,
        ),
        Row("the slowest against those of the same moments", _at_the_same_time(waits), "times", 3),
        Row("memory of server and worker, last quarter against second", growth, "MB", 30, f"{len(memory)} looks"),
    ]


def _ready(_number: int) -> float:
    time.sleep(1.0)
    return time.monotonic()


def _client(
    card: Card, number: int, names: list[str], asked: list[Asked], areas: list[int], prompts: int
) -> list[_Wait]:
    client, mine, waits = Client(card, f"client {number}"), random.Random(number), []
    for _ in range(prompts):
        which = mine.randrange(len(asked))
        begun = time.perf_counter()
        area = _area(client, names, asked[which])
        seen = time.perf_counter() - begun
        if area != areas[which]:
            raise SystemExit("A wrong answer.")
        said = _TIMING.search(client.timing)
        if said is not None:
            waits.append(_Wait(begun, seen, float(said[1]) / 1000, float(said[3]) / 1000, int(said[2])))
    return waits


def _area(client: Client, names: list[str], asked: Asked) -> int:
    image, box = asked
    answer = client.post(f"/api/images/{names[image]}/segment", {"prompts": [{"box": list(box)}]})
    return int(answer["features"][0]["properties"]["area"])


def _at_the_same_time(waits: list[_Wait]) -> float:
    """Return the most that one waited against the mean of all that waited at the same time.

    A machine that slows down for a while slows down all of them.
    """
    begun = np.sort([wait.begun for wait in waits])
    order = np.argsort([wait.begun + wait.seen for wait in waits])
    ends = np.array([waits[index].begun + waits[index].seen for index in order])
    by_end = np.concatenate([[0.0], np.cumsum([waits[index].seen for index in order])])
    by_begin = np.concatenate(
        [[0.0], np.cumsum([wait.seen for wait in sorted(waits, key=lambda wait: wait.begun)])]
    )
    most = 0.0
    for wait in waits:
        # All that had begun by its end, but for those that had ended before it began.
        there = int(np.searchsorted(begun, wait.begun + wait.seen, "right"))
        gone = int(np.searchsorted(ends, wait.begun, "left"))
        most = max(most, wait.seen * (there - gone) / (by_begin[there] - by_end[gone]))
    return most


def _ratio(seconds: list[float]) -> float:
    return max(seconds) / statistics.mean(seconds)


def _megabytes(process: psutil.Process) -> float:
    return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])) / 1e6
