"""What every group of lines is given: both builds, one environment for both, a folder, and how often to measure."""

from __future__ import annotations

import os
import statistics
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import NamedTuple

__all__ = ["ROOT", "Build", "Cost", "Given", "given_for", "in_turns", "run_in"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Build:
    """One samj-bridge: ours or the earlier one."""

    name: str
    checkout: Path
    """Its sources."""
    home: Path
    """A ``SAMJ_HOME`` of its own, in which the environment of both is linked."""

    def environ(self) -> dict[str, str]:
        """Return the variables with which Python runs this build; encodings are kept nowhere."""
        settings = {"SAMJ_HOME": str(self.home), "SAMJ_ENCODINGS_DISK_BYTES": "0", "SAMJ_AHEAD": "0"}
        mine = {name: value for name, value in os.environ.items() if not name.startswith("SAMJ_")}
        return {**mine, **settings, "PYTHONPATH": str(self.checkout)}


@dataclass(frozen=True)
class Given:
    """What a group measures with."""

    ours: Build
    theirs: Build
    python: Path
    """The Python with torch that workers of both builds are started with."""
    folder: Path
    """Empty, and gone afterwards."""
    rounds: int


class Cost(NamedTuple):
    """What something took, in seconds."""

    wall: float
    cpu: float
    """Of all its processes."""


@contextmanager
def given_for(commit: str, folder: Path, envs: Path, python: Path, rounds: int) -> Iterator[Given]:
    """Unpack another commit into `folder`.

    Both builds are run from sources by this very Python, so that nothing but they differ: not what else is
    installed, not how Python finds it.
    """
    theirs = folder / "theirs"
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(theirs, filter="data")
    builds = []
    for name, checkout in (("now", ROOT), (commit, theirs)):
        home = folder / f"home-{name}"
        home.mkdir()
        (home / "envs").symlink_to(envs)
        builds.append(Build(name, checkout, home))
    yield Given(builds[0], builds[1], python, folder, rounds)


def in_turns(rounds: int, *ways: Callable[[], Cost], warm: int = 1) -> list[Cost]:
    """Return the median cost of each way; they take turns, and the first ones are for nobody."""
    costs: list[list[Cost]] = [[] for _ in ways]
    for number in range(-warm, rounds):
        # The one that comes first changes: whatever else wakes up at times disturbs both.
        for place in range(len(ways))[:: 1 if number % 2 else -1]:
            cost = ways[place]()
            if number >= 0:
                costs[place].append(cost)
    return [Cost(*(statistics.median(column) for column in zip(*each, strict=True))) for each in costs]


def run_in(build: Build, command: Sequence[str | Path]) -> Cost:
    """Run a command of a build to its end."""
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=build.environ(), capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    if done.returncode:
        message = f"{build.name}: {done.stdout}{done.stderr}"
        raise RuntimeError(message)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
