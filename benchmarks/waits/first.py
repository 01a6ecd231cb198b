"""From nothing to the first outline: ``samj-bridge segment`` in a new process; a session in one that runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import tifffile

from benchmarks.waits.asking import SPOTS, Asked, asking, discs
from benchmarks.waits.given import Build, Cost, Given, in_turns, run_in
from benchmarks.waits.rows import Row

__all__ = ["rows"]

_numbers = count()


def rows(given: Given) -> Iterator[Row]:
    """Measure both."""
    image = given.folder / "first.tif"
    tifffile.imwrite(image, discs(0))
    ours, theirs = in_turns(
        given.rounds,
        *(partial(_segment, build, image, given.folder) for build in (given.ours, given.theirs)),
        warm=2,
    )
    note = f"processor time {ours.cpu / theirs.cpu:.2f} x: {ours.cpu:.2f} and {theirs.cpu:.2f} s"
    yield Row("from nothing to the first outline, segment IMAGE --box", ours.wall, theirs.wall, "s", 0.6, note)
    with asking(given.ours, given.python) as mine, asking(given.theirs, given.python) as other:
        ours, theirs = in_turns(given.rounds, partial(_cold, mine), partial(_cold, other))
    note = f"processor time {ours.cpu / theirs.cpu:.2f} x; what a first click in an open Fiji waits for"
    yield Row("no worker yet: session, image and one click", ours.wall, theirs.wall, "s", 0.6, note)


def _segment(build: Build, image: Path, folder: Path) -> Cost:
    x, y = SPOTS[0]
    box = f"{x - 20},{y - 20},{x + 20},{y + 20}"
    out = folder / f"out-{next(_numbers)}"
    command = [sys.executable, "-m", "samj_bridge.cli.main", "segment", str(image), "--box", box, "-o", str(out)]
    cost = run_in(build, command)
    if not list(out.glob("*.png")):
        message = f"{build.name} wrote no overlay into {out}"
        raise RuntimeError(message)
    return cost


def _cold(asked: Asked) -> Cost:
    asked.tell("close")
    return asked.cost("cold", seed=next(_numbers))
