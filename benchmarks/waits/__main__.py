"""What a person waits for, beside an earlier build on the same machine.

::

    python -m benchmarks.waits --against 60bb5a1
    python -m benchmarks.waits --only click --rounds 9

Each line: target met or missed, ratio and target, what was measured, both figures. Both sides take turns, and the
median counts. The environment with torch is the one of ``SAMJ_HOME``, made if it is not there; it is used by both
builds. A group that fails is said at the end, and the others are measured all the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.waits.given import Given, given_for
from samj_bridge import Settings
from samj_bridge.install import ensure_environment

GROUPS = ["first", "click", "memory", "download"]
"""Modules beside this one; each has ``rows(given)``, which yields its lines."""
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="60bb5a1", help="an earlier commit")
    parser.add_argument("--only", action="append", choices=GROUPS, help="some of the groups; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    environment = ensure_environment(settings)
    print(_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="samj-waits-") as place:
        folder = Path(place)
        with given_for(arguments.against, folder, settings.envs_dir, environment.python, arguments.rounds) as given:
            failed = [name for name in arguments.only or GROUPS if not _measured(name, given)]
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}.")


def _measured(name: str, given: Given) -> bool:
    """Print the lines of a group; returns whether all of them could be measured."""
    began = time.perf_counter()
    try:
        for row in import_module(f"benchmarks.waits.{name}").rows(given):
            print(row, flush=True)
    except Exception as error:  # noqa: BLE001 - what comes after it is measured all the same
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return False
    took, load = time.perf_counter() - began, os.getloadavg()[0]
    print(f"       {name}: {took:.0f} s, load {load:.1f} at its end", flush=True)
    return True


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{os.cpu_count()} processors"
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = said.get("flags", "").split()
    known = ", ".join(f"{'' if flag in flags else 'no '}{flag}" for flag in FLAGS)
    return f"{os.cpu_count()} processors, {said.get('model name', '?')}: {known}; load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
