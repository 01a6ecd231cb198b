"""How many images of a folder are segmented in a second, beside an earlier version on the same folder.

::

    python -m benchmarks.folder                          # 100 images of 512 x 512, 20 boxes each, beside 60bb5a1
    python -m benchmarks.folder --images 30 --rounds 2

Both versions are run as commands, in turns, with encodings kept nowhere. What starting takes is measured with one
image, and taken off. Wall time is disturbed by whatever else runs; processor time, of all processes, much less.
They differ where the worker had to wait.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import tifffile

ROOT = Path(__file__).resolve().parents[2]
SIDE, BOXES = 512, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", default="60bb5a1", help="an earlier commit")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        versions = {"now": ROOT, given.against: _checkout(given.against, folder / "before")}
        _make(folder / "many", given.images, folder / "many.json")
        _make(folder / "one", 1, folder / "one.json")
        seconds: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for number in range(given.rounds):
            # In turns, so that what else runs disturbs both.
            for version in list(versions)[:: 1 if number % 2 else -1]:
                for part in ("one", "many"):
                    out = folder / f"{version}-{part}-{number}"
                    spent = _run(versions[version], folder / part, folder / f"{part}.json", out)
                    seconds.setdefault((version, part), []).append(spent)
        figures = {
            name: [_each(seconds[name, "many"], seconds[name, "one"], given.images, kind) for kind in (0, 1)]
            for name in versions
        }
        for version, (wall, cpu) in figures.items():
            print(f"{version:>8}: {1e3 * wall:6.0f} ms an image, {1e3 * cpu:6.0f} ms of processors")
        now, before = figures["now"], figures[given.against]
        by_wall, by_cpu = before[0] / now[0], before[1] / now[1]
        print(f"throughput by wall time: {by_wall:.2f} x (target 2.5); by processor time {by_cpu:.2f} x")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def _each(many: list[tuple[float, float]], one: list[tuple[float, float]], images: int, kind: int) -> float:
    """Return the seconds of an image, without what starting takes."""
    whole, start = (statistics.median(spent[kind] for spent in runs) for runs in (many, one))
    return (whole - start) / max(images - 1, 1)


def _run(checkout: Path, images: Path, prompts: Path, out: Path) -> tuple[float, float]:
    environ = {**os.environ, "PYTHONPATH": str(checkout), "SAMJ_ENCODINGS_DISK_BYTES": "0"}
    command = [sys.executable, "-m", "samj_bridge.cli.main", "segment", str(images), "--prompts", str(prompts)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*command, "-o", str(out), "--json"], check=False, env=environ, cwd=checkout, capture_output=True, text=True
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    count = len(list(out.glob("*_labels.tif")))
    if count != len(list(images.iterdir())):
        sys.exit(f"{count} label images in {out}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _make(folder: Path, count: int, prompts: Path) -> None:
    """Write images with discs on a grid, and a box for each disc."""
    folder.mkdir()
    rng = np.random.default_rng(20)
    y, x = np.mgrid[:SIDE, :SIDE]
    boxes: dict[str, list[dict[str, list[int]]]] = {}
    for number in range(count):
        pixels = rng.normal(200, 30, (SIDE, SIDE))
        asked = []
        for spot in range(BOXES):
            at_y, at_x = 60 + 100 * (spot // 4), 80 + 115 * (spot % 4)
            cy, cx, r = at_y + rng.integers(-15, 15), at_x + rng.integers(-15, 15), rng.integers(12, 30)
            pixels += 900 * ((y - cy) ** 2 + (x - cx) ** 2 < r * r)
            asked.append({"box": [int(cx - r), int(cy - r), int(cx + r), int(cy + r)]})
        tifffile.imwrite(folder / f"{number:03}.tif", np.clip(pixels, 0, 65_535).astype(np.uint16))
        boxes[f"{number:03}.tif"] = asked
    prompts.write_text(json.dumps({"images": boxes}), encoding="utf-8")


def _checkout(commit: str, folder: Path) -> Path:
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


if __name__ == "__main__":
    main()
