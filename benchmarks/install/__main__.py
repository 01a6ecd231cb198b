"""What environments cost beside the bare tools: ``python -m benchmarks.install [--json]``.

Each figure stands beside the bare tool's in the same run, as a ratio, the two taking turns. Creation is measured
with uv on samj-bridge's own lock, from uv's filled cache or (``--cold``) from the network: several gigabytes, twice
a round. ``--setup`` measures all of ``samj-bridge setup`` beside ``uv pip install``, cold and warm.
``--lock LIST``, with ``MAMBA_EXE``, measures micromamba instead: any explicit list that has a Python.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import platformdirs

from benchmarks.install.setup import setting_up
from benchmarks.latency import Row
from samj_bridge.install import check_environment, create_environment, ensure_environment
from samj_bridge.install.builders.micromamba.tool import SAFETY_CHECKS
from samj_bridge.install.builders.uv.builder import python_of
from samj_bridge.install.builders.uv.tool import UvTool
from samj_bridge.install.locks.any import read_lock
from samj_bridge.install.locks.pypi import PypiLock
from samj_bridge.install.prefixes.environment import find_environment
from samj_bridge.install.specification import current_platform, load_specification, requirements
from samj_bridge.process.environ import clean_environ
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=3, help="creations by each of the two")
    parser.add_argument("--cold", action="store_true", help="with an empty cache: from the network")
    parser.add_argument("--lock", type=Path, help="measure micromamba, with this explicit list of packages")
    parser.add_argument("--setup", action="store_true", help="measure all of setup beside uv alone, cold and warm")
    parser.add_argument("--against", default="", metavar="COMMIT", help="with --setup: another commit as well")
    parser.add_argument("--python", default="3.12", help="with --setup: the Python that runs samj-bridge")
    parser.add_argument("--rate", type=float, default=0, help="with --setup: MB/s of the line; 0: no limit")
    parser.add_argument("--index", default="https://pypi.org/simple", help="with --setup: the real index")
    parser.add_argument("--folder", type=Path, help="where to build; a temporary folder by default")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if arguments.setup:
            rows = setting_up(
                Path(folder),
                arguments.rounds,
                kept=Path(platformdirs.user_cache_dir("samj-bridge-first-runs", appauthor=False)),
                python=arguments.python,
                against=arguments.against,
                rate=arguments.rate,
                index=arguments.index,
            )
        elif arguments.lock:
            rows = creating_with_micromamba(settings, Path(folder), arguments.rounds, arguments.lock)
        else:
            rows = recognising(settings)
            rows += creating_with_uv(settings, Path(folder), arguments.rounds, cold=arguments.cold)
    if arguments.json:
        print(json.dumps({"rows": [{**asdict(row), "met": row.met} for row in rows]}))
        return
    for row in rows:
        mark = "ok  " if row.met else "MISS"
        print(f"{mark} {row.what:<62} {row.value:8.2f} {row.unit:<3} target {row.target:g}  {row.note}")


def recognising(settings: Settings) -> list[Row]:
    """Measure what every start pays, and ``env check``."""
    environment = ensure_environment(settings)

    def recognise() -> None:
        found = find_environment(settings)
        assert found is not None
        assert found.specification == load_specification().hash_for(found.builder)

    before = time.process_time()
    milliseconds = [1e3 * seconds(recognise) for _ in range(30)]
    busy = 1e3 * (time.process_time() - before) / len(milliseconds)

    def bare() -> None:
        run([environment.python, "-I", "-c", "import torch"])

    def check() -> None:
        run([sys.executable, "-m", "samj_bridge.cli.main", "env", "check", "--home", settings.home])

    for warm_up in (bare, check):
        warm_up()
    pairs = [(seconds(check), seconds(bare)) for _ in range(7)]
    checked, imported = (statistics.median(column) for column in zip(*pairs, strict=True))
    probed = statistics.median(seconds(lambda: check_environment(environment)) for _ in range(5))
    note = f"({checked:.2f} s / {imported:.2f} s; the trial alone {probed:.2f} s)"
    return [
        Row(
            "a healthy environment is recognised, median",
            statistics.median(milliseconds),
            "ms",
            20,
            f"(best {min(milliseconds):.1f} ms, processor {busy:.1f} ms)",
        ),
        Row("env check / import torch, medians", checked / imported, "x", 1.5, note),
    ]


def creating_with_uv(settings: Settings, folder: Path, rounds: int, *, cold: bool) -> list[Row]:
    """Measure creation from the lock, and uv alone with the same packages."""
    uv = UvTool(settings)
    if not cold:
        # Fill the cache, and see what the environment consists of here.
        create_environment(replace(settings, home=folder / "first", builder="uv"))
    made = create_environment(replace(settings, home=folder / "same", builder="uv"))
    lock = read_lock(made.prefix / "samj-environment.lock", current_platform())
    assert isinstance(lock, PypiLock)
    base = Path(os.path.realpath(made.python))
    pairs = []
    for number in range(rounds):
        ours = folder / f"ours-{number}"
        environ = uv.environ()
        if cold:
            os.environ["UV_CACHE_DIR"] = environ["UV_CACHE_DIR"] = str(folder / f"cache-{number}")
        marks: list[tuple[str, float]] = []

        def note(event: ProgressEvent, marks: list[tuple[str, float]] = marks) -> None:
            marks.append((event.stage, time.perf_counter()))

        started = time.perf_counter()
        create_environment(replace(settings, home=ours, builder="uv"), progress=note)
        whole = time.perf_counter() - started
        trial = next(at for stage, at in marks if stage == "probe") - started
        shutil.rmtree(ours)
        if cold:
            environ["UV_CACHE_DIR"] = str(folder / f"bare-cache-{number}")
        pins = folder / "pins.txt"
        pins.write_text("\n".join(requirements(lock.text)) + "\n", encoding="utf-8")
        bare = folder / f"bare-{number}"
        started = time.perf_counter()
        run([uv.find(), "venv", "--quiet", "--python", base, bare], environ)
        install = ["pip", "install", "--quiet", "--python", python_of(bare), "--require-hashes", "--no-deps"]
        run([uv.find(), *install, "-r", pins], environ)
        installed = time.perf_counter() - started
        run([python_of(bare), "-I", "-c", "import numpy, PIL, safetensors, torch"])
        pairs.append((whole, trial, time.perf_counter() - started, installed))
        shutil.rmtree(bare)
    whole_s, built_s, imported_s, installed_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    kind = "from the network" if cold else "from the cache"
    return [
        Row(
            f"create, {kind}, up to the trial / uv alone",
            built_s / installed_s,
            "x",
            1.15,
            f"({built_s:.1f} s / {installed_s:.1f} s)",
        ),
        Row(
            f"create, {kind}, with the trial / uv and a first import",
            whole_s / imported_s,
            "x",
            1.15,
            f"({whole_s:.1f} s / {imported_s:.1f} s)",
        ),
    ]


def creating_with_micromamba(settings: Settings, folder: Path, rounds: int, path: Path) -> list[Row]:
    """Measure creation from an explicit list, and the micromamba of ``MAMBA_EXE`` alone with the same list.

    The latter once with the safety checks that samj-bridge switches on, and once without. Each starts from an empty
    package cache.
    """
    lock = read_lock(path, current_platform())
    executable = os.environ["MAMBA_EXE"]
    # Any list will do: the trial of small packages has no torch to import.
    specification = replace(load_specification(), probe=())

    def ours(home: Path) -> float:
        marks: dict[str, float] = {}

        def note(event: ProgressEvent) -> None:
            marks.setdefault(event.stage, time.perf_counter())

        started = time.perf_counter()
        asked = replace(settings, home=home, micromamba=executable)
        create_environment(asked, specification=specification, lock=lock, progress=note)
        return marks["probe"] - started

    def bare(root: Path, **checks: str) -> float:
        command: list[str | Path] = [executable, "create", "--yes", "--quiet", "--no-rc", "--root-prefix", root]
        command += ["--prefix", root / "p", "--file", path]
        return seconds(lambda: run(command, clean_environ() | checks))

    rows = []
    for number in range(rounds):
        home, checked, unchecked = (folder / f"{name}-{number}" for name in ("ours", "checked", "unchecked"))
        rows.append((ours(home), bare(checked, **SAFETY_CHECKS), bare(unchecked)))
        for used in (home, checked, unchecked):
            shutil.rmtree(used)
    ours_s, checked_s, unchecked_s = (statistics.median(column) for column in zip(*rows, strict=True))
    note = f"({ours_s:.1f} s / {checked_s:.1f} s; without checks {unchecked_s:.1f} s: {ours_s / unchecked_s:.2f} x)"
    what = "create, from a list, up to the trial / micromamba, same checks"
    return [Row(what, ours_s / checked_s, "x", 1.15, note)]


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def run(command: list[str | Path], environ: dict[str, str] | None = None) -> None:
    """Run `command`, and stop the benchmark if it fails."""
    subprocess.run(
        [str(part) for part in command],
        check=True,
        capture_output=True,
        env=environ or clean_environ(),
        timeout=3600,
    )


if __name__ == "__main__":
    main()
