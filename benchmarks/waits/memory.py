"""Resident memory of a worker with the starter: when it has greeted and loaded, and after an image."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.waits.asking import asking
from benchmarks.waits.given import Build, Given
from benchmarks.waits.rows import Row

__all__ = ["rows"]

_ROUNDS = 3
"""It hardly differs from one worker to the next."""


def rows(given: Given) -> Iterator[Row]:
    """Measure both builds in turns."""
    found: dict[str, list[list[dict[str, float]]]] = {given.ours.name: [], given.theirs.name: []}
    for _ in range(_ROUNDS):
        for build in (given.ours, given.theirs):
            found[build.name].append(_figures(build, given))
    for number, what in enumerate(("after hello, the starter loaded", "after encoding 1024 x 1024 and a click")):
        ours, theirs = (
            {
                name: statistics.median(figures[number][name] for figures in found[build.name])
                for name in ("mb", "own_mb")
            }
            for build in (given.ours, given.theirs)
        )
        note = f"of it no file's pages: {ours['own_mb']:.0f} and {theirs['own_mb']:.0f} MB"
        yield Row(f"memory of the worker {what}", ours["mb"], theirs["mb"], "MB", 0.75, note)


def _figures(build: Build, given: Given) -> list[dict[str, float]]:
    with asking(build, given.python) as asked:
        loaded = asked.tell("open")
        asked.tell("encode", seed=1)
        asked.tell("points", count=1, seed=1)
        return [loaded, asked.tell("memory")]
