"""What ``samj-bridge setup`` costs beside a bare ``uv pip install`` of the same lock: part of `benchmarks.install`.

All take turns, each with a home, an environment and a cache of its own, new and empty, or (warm) as the one before
has filled it. Packages come from an index on this machine, so that the network's mood is nobody's advantage.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.first_runs.index import Index, Weather, serve
from benchmarks.first_runs.pythons import build_commit, build_here, find_pythons, make_venv, newcomer
from benchmarks.latency import Row
from samj_bridge.install.builders.uv.builder import python_of
from samj_bridge.install.specification import load_specification, requirements

_TRIAL = "Trying the new environment out"


@dataclass(frozen=True)
class Cost:
    """What one set-up took."""

    whole_s: float
    """To its end."""
    built_s: float
    """Until all was installed, and only the trial and the worker's start were to come; of bare uv: all."""
    processor_s: float
    """Of both cores, children included; the index not."""


def setting_up(
    folder: Path, rounds: int, *, kept: Path, python: str, against: str, rate: float, index: str
) -> list[Row]:
    """Measure set-ups from nothing and with a warm cache, by bare uv, by this working tree and by another commit.

    Parameters
    ----------
    folder : Path
        Where to work: some 12 GB while it lasts.
    rounds : int
        How often each.
    kept : Path
        Where the index on this machine keeps its packages: that of ``make first-runs``.
    python : str
        Version or path.
    against : str
        Another commit; empty: none.
    rate : float
        MB/s of the line; 0: no limit.
    index : str
        The real index.
    """
    kept.mkdir(parents=True, exist_ok=True)
    pythons, missing = find_pythons([python], kept)
    if missing:
        sys.exit(f"No Python {python}: {missing[python]}.")
    (base,) = pythons.values()
    builds = [build_here(kept), *([build_commit(kept, against)] if against else [])]
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    failed: dict[str, int] = defaultdict(int)
    with serve(Index(kept / "index", index)) as served:
        commands = {}
        for build in builds:
            environ = newcomer(folder) | {"TMPDIR": str(folder)}
            commands[build.label] = make_venv(folder / build.label, base, build, served.url, environ)
        served.weather = Weather(bytes_per_s=1e6 * rate)
        ways: dict[str, Callable[[Path], Cost]] = {"uv": lambda home: bare(base, home, served.url)}
        for label, command in commands.items():
            ways[label] = lambda home, command=command: ours(command, home, served.url)  # type: ignore[misc]
        # Once for nobody: the disk's cache holds the packages then, as it does for all that follow.
        _once(ways["uv"], folder / "first")
        for number in range(rounds):
            for name in sorted(ways, key=lambda name, number=number: (list(ways).index(name) + number) % len(ways)):
                home = folder / f"{name}-{number}"
                home.mkdir()
                try:
                    for kind in ("cold", "warm"):
                        cost = ways[name](home)
                        costs[name, kind].append(cost)
                        print(
                            f"{name:<10} {kind} {cost.whole_s:6.1f} s, {cost.processor_s:6.1f} s of processor",
                            flush=True,
                        )
                        for made in ("samj-bridge", "bare"):
                            shutil.rmtree(home / made, ignore_errors=True)
                except subprocess.CalledProcessError as error:
                    # It is what the other commit is known for; see `make first-runs`.
                    failed[name] += 1
                    print(f"{name:<10} failed: {str(error.output or error.stderr)[-300:]}", flush=True)
                finally:
                    shutil.rmtree(home, ignore_errors=True)
    load = f"load {os.getloadavg()[2]:.1f}"
    return [
        row
        for label in commands
        for kind, target in (("cold", 1.10), ("warm", 1.30))
        for row in _rows(label, kind, target, costs, f"{load}; {failed[label]} failed" if failed[label] else load)
    ]


def bare(base: Path, home: Path, index: str) -> Cost:
    """Install the lock with uv alone."""
    uv = shutil.which("uv", path=os.fspath(_scripts())) or "uv"
    pins = home / "pins.txt"
    pins.write_text("\n".join(requirements(load_specification().lock)) + "\n", encoding="utf-8")
    environ = newcomer(home)
    prefix = home / "bare"
    started, before = time.perf_counter(), _processor()
    _run([uv, "venv", "--quiet", "--python", base, prefix], environ)
    install = [uv, "pip", "install", "--quiet", "--python", python_of(prefix), "--require-hashes", "--no-deps"]
    _run([*install, "--default-index", index, "-r", pins], environ)
    whole = time.perf_counter() - started
    return Cost(whole, whole, _processor() - before)


def ours(command: Path, home: Path, index: str) -> Cost:
    """Set up with samj-bridge, the worker's first start included."""
    environ = newcomer(home) | {"SAMJ_PYPI_INDEX": index, "SAMJ_TORCH_INDEX": "", "SAMJ_BUILDER": "uv"}
    started, before, built = time.perf_counter(), _processor(), 0.0
    with subprocess.Popen(
        [command, "setup", "--verbose"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if _TRIAL in line:
                built = time.perf_counter() - started
        status = process.wait(3600)
    if status:
        raise subprocess.CalledProcessError(status, [str(command)], "".join(said[-3:]))
    return Cost(time.perf_counter() - started, built, _processor() - before)


def _run(command: list[str | Path], environ: dict[str, str]) -> None:
    subprocess.run(command, check=True, env=environ, capture_output=True, text=True, timeout=3600)


def _once(way: Callable[[Path], Cost], home: Path) -> None:
    home.mkdir()
    way(home)
    shutil.rmtree(home)


def _rows(label: str, kind: str, target: float, costs: dict[tuple[str, str], list[Cost]], note: str) -> list[Row]:
    own, bares = costs[label, kind], costs["uv", kind]
    if not own or not bares:
        return []
    what = "from nothing" if kind == "cold" else "with a warm cache"

    def median(which: list[Cost], value: str) -> float:
        return statistics.median(getattr(cost, value) for cost in which)

    def row(name: str, value: str, goal: float) -> Row:
        one, other = median(own, value), median(bares, value)
        return Row(
            f"{name} {what}, {label} / uv alone", one / other, "x", goal, f"({one:.1f} s / {other:.1f} s; {note})"
        )

    return [
        row("environment", "built_s", target),
        row("all of setup", "whole_s", target),
        row("processor, all of setup", "processor_s", target),
    ]


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _scripts() -> Path:
    from uv import find_uv_bin

    return Path(find_uv_bin()).parent
