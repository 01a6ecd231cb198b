"""SIGKILL at every named point of an installation: ``pytest -rA -k kill_matrix`` prints them one by one.

Each point replaces the environment of the one before by a newer one, and is killed on the way. Then either the
old one works or the new one does; the next start makes the new one, and leaves nothing else on the disk.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from fakes.beds import Bed, make_bed
from fakes.killed_install import POINTS, start_install

from samj_bridge.install import ensure_environment, environment_variables, find_environment
from samj_bridge.install.prefixes.environment import Environment
from samj_bridge.install.prefixes.turns import BOARD_NAME
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

MATRIX = [(builder, point) for builder, points in POINTS.items() for point in points]


class Round:
    """A bed whose environment is replaced again and again."""

    def __init__(self, bed: Bed, settings: Settings) -> None:
        self.bed, self.settings = bed, settings
        self.specifications = bed.specifications([f"{number}.0" for number in range(1, 30)])
        self.number = 0
        self.renew()

    def next(self) -> Specification:
        return self.specifications[self.number]

    def renew(self) -> Environment:
        made = ensure_environment(self.settings, name="tiny", specification=self.next())
        self.number += 1
        return made


@pytest.fixture(scope="module")
def round_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Round]]:
    folder = tmp_path_factory.mktemp("kill matrix")
    rounds: dict[str, Round] = {}
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("UV_CACHE_DIR", str(folder / "uv cache"))
        patch.setenv("NO_PROXY", "127.0.0.1")

        def round_of(builder: str) -> Round:
            if builder not in rounds:
                bed = stack.enter_context(make_bed(builder, folder))
                rounds[builder] = Round(bed, bed.settings(folder / f"home of {builder} é"))
            return rounds[builder]

        yield round_of


def started_from(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or []):
            found.append(process)
    return found


def version_in(environment: Environment) -> str:
    command = [environment.python, "-c", "import tiny; print(tiny.__version__)"]
    variables = environment_variables(environment)
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.strip()


def kill(round_: Round, point: str) -> None:
    bed, how = round_.bed, POINTS[round_.bed.builder][point]
    bed.stall(stall=how[0] == "stalled")
    if bed.standin is not None:
        bed.standin.set(**({"pause_at": how[1]} if how[0] == "paused" else {}))
    host = start_install(round_.settings, round_.next(), point)
    try:
        if how[0] == "stalled":
            assert bed.wait_stalled()
            if bed.builder == "uv":
                # What lived for less than half a second, nobody knows whose it is: it would stay in uv's cache.
                notes = round_.settings.cache_dir / "uv-unfinished"
                deadline = time.monotonic() + 60
                while not list(notes.glob("*.json")):
                    assert time.monotonic() < deadline, "what is unpacked was not written down"
                    time.sleep(0.02)
            host.kill()
        elif how[0] == "paused":
            assert bed.standin is not None
            bed.standin.wait_paused()
            host.kill()
        output = host.communicate(timeout=120)[0]
    finally:
        host.kill()
        bed.stall(stall=False)
        if bed.standin is not None:
            bed.standin.set()
    assert host.returncode == -signal.SIGKILL, f"it never came to the point: {output}"


@pytest.mark.parametrize(("builder", "point"), MATRIX, ids=[f"{builder}: {point}" for builder, point in MATRIX])
def test_kill_matrix(builder: str, point: str, round_of: Callable[[str], Round]) -> None:
    round_ = round_of(builder)
    old, new = f"{round_.number}.0", f"{round_.number + 1}.0"
    kill(round_, point)

    _, alive = psutil.wait_procs(started_from(round_.settings.home), timeout=120)
    assert alive == [], "what it had started lives on"
    found = find_environment(round_.settings, "tiny")
    assert found is not None, "neither the old environment nor the new one is left"
    assert version_in(found) in {old, new}

    made = round_.renew()
    assert version_in(made) == new
    folder = round_.settings.envs_dir / "tiny"
    prefixes = {path.name for path in folder.iterdir() if path.is_dir()} - {"leases"}
    assert prefixes == {made.prefix.name}
    strays = [path.name for path in folder.iterdir() if path.name.startswith(".") or path.name == BOARD_NAME]
    assert strays == []
    assert round_.bed.halves(round_.settings.home) == []
