"""Speed of the networks against stock code, in one run: ``python -m benchmarks.engine [--json] [--only WORD]``.

Stock is PyPI's ``segment-anything`` with scikit-image's ``find_contours``, and for EfficientSAM and MobileSAM the
same network in its plain form: PyTorch's math attention, whole maps, nothing folded. They are installed with uv
into a folder of their own (``--stock``; by default in the cache, some 250 MB) that only this benchmark sees.
Weights are random: speed does not depend on them, and what depends on the shape of a mask gets a disc.

Both sides of a line take turns, and the ratio is of their best times. ``--grid 8`` makes everything mode quick.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.engine.rows import line, text_of
from samj_bridge import Settings
from samj_bridge.install import ensure_environment

ROOT = Path(__file__).resolve().parents[2]
STOCK = ["segment-anything", "torchvision", "scikit-image", "scipy", "lazy-loader", "imageio", "networkx"]
STOCK += ["tifffile", "packaging"]
PARTS = [
    "peak",
    "sam-vit-b",
    "efficient-sam-ti",
    "efficient-sam-s",
    "mobile-sam",
    "sam2.1-tiny",
    "efficientvit-sam-l0",
    "prompts",
    "everything",
    "memory",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", action="append", choices=PARTS, help="some of the parts")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each encoder")
    parser.add_argument("--grid", type=int, default=32, help="points along a side in everything mode")
    parser.add_argument("--threads", type=int, default=0, help="0: one per physical core")
    parser.add_argument("--stock", type=Path, help="folder with the stock packages")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    python = ensure_environment(settings).python
    stock = arguments.stock or settings.cache_dir / "benchmark-stock"
    if not (stock / "segment_anything").is_dir():
        # Without what they need: torch and numpy are the environment's.
        command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--target", str(stock), *STOCK]
        subprocess.run([*command, "--python", str(python)], check=True)
    rows: list[dict[str, Any]] = []
    for part in arguments.only or PARTS:
        found = run_part(python, stock, part, arguments)
        rows += found
        if not arguments.json:
            for row in found:
                print(text_of(row), flush=True)
    if arguments.json:
        print(json.dumps({"rows": rows}))


def run_part(python: Path, stock: Path, part: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure a part in a process of its own, by the environment's Python."""
    options = [
        "--rounds",
        str(arguments.rounds),
        "--grid",
        str(arguments.grid),
        "--threads",
        str(arguments.threads),
    ]
    sides = ["memory-ours", "memory-stock"] if part == "memory" else [part]
    # Both sides wait as the worker's threads do: spinning, they would take the cores from one another.
    environ = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(stock)])}
    found: list[dict[str, Any]] = []
    for side in sides:
        command = [str(python), "-m", "benchmarks.engine.inside", side, *options]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{side}: {done.stderr}")
        found += json.loads(done.stdout.splitlines()[-1])
    if part == "memory":
        ours, stock_bytes = found[0]["value"], found[1]["value"]
        return [line("peak memory of a ViT-B encode", "GB", ours, stock_bytes, 2.0)]
    return found


if __name__ == "__main__":
    main()
