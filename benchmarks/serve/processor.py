"""How much processor time a view and a prompt take."""

from __future__ import annotations

import psutil

from benchmarks.serve.asking import Client, as_qupath_asks, view
from benchmarks.serve.rows import Row
from samj_bridge.server.serving import Card

__all__ = ["processor_time"]


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


def _seconds(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in [process, *process.children(recursive=True)])
