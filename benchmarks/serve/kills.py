"""A worker that is killed again and again while four clients work."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil

from benchmarks.serve.asking import Client, as_png, view
from benchmarks.serve.rows import Row
from samj_bridge.server.serving import Card

__all__ = ["killed"]


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
