"""One click and one box with the starter, to a `Region`, on an image that is open; and opening one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count

from benchmarks.waits.asking import Asked, asking
from benchmarks.waits.given import Cost, Given, in_turns
from benchmarks.waits.rows import Row

__all__ = ["rows"]

_EACH = 40
"""Prompts of a turn."""
_numbers = count(100)


def rows(given: Given) -> Iterator[Row]:
    """Measure them on sessions that stay open side by side; the one that waits does nothing."""
    with asking(given.ours, given.python) as mine, asking(given.theirs, given.python) as other:
        for asked in (mine, other):
            asked.tell("open")
            asked.tell("encode", seed=1)
        rounds = 2 * given.rounds
        for what, name, target in (("points", "one click", 0.6), ("boxes", "one box", 0.8)):
            ours, theirs = in_turns(rounds, partial(_turn, mine, what), partial(_turn, other, what))
            yield Row(
                f"{name} with the starter",
                1e3 * ours.wall,
                1e3 * theirs.wall,
                "ms",
                target,
                _processor(ours, theirs),
            )
        ours, theirs = in_turns(given.rounds, partial(_opened, mine), partial(_opened, other))
        yield Row("the starter encodes 1024 x 1024", ours.wall, theirs.wall, "s", 1.05, _processor(ours, theirs))


def _turn(asked: Asked, what: str) -> Cost:
    return asked.cost(what, count=_EACH, seed=next(_numbers))


def _opened(asked: Asked) -> Cost:
    return asked.cost("encode", seed=next(_numbers))


def _processor(ours: Cost, theirs: Cost) -> str:
    return f"processor time {ours.cpu / theirs.cpu:.2f} x: {1e3 * ours.cpu:.1f} and {1e3 * theirs.cpu:.1f} ms"
