"""What converting and loading a checkpoint costs: ``python -m benchmarks.models_load [--megabytes 360] [--json]``.

Runs in the environment's own Python (``--python`` names another one that has torch). Loading is measured beside
``safetensors.torch.load_file`` of the same file, in turns, each followed by a look at every number: a lazy load is
no fast one. Converting is measured beside a plain copy of the file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from samj_bridge import Settings
from samj_bridge.install import ensure_environment

ROOT = Path(__file__).parents[1]

PROGRAM = r"""
import json, os, resource, shutil, statistics, sys, time
from pathlib import Path
import torch
from safetensors.torch import load_file
from samj_bridge.worker.checkpoints.converting import _numbers
from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.checkpoints.reading import read_checkpoint
from samj_bridge.worker.checkpoints.writing import write_safetensors

folder, megabytes, repeats = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
count = megabytes * 1_000_000 // (4 * 768 * 768)
source, target = folder / "w.pth", folder / "w.safetensors"
torch.save({f"blocks.{i}.weight": torch.randn(768, 768) for i in range(count)}, source)

def timed(function):
    begun = time.perf_counter()
    result = function()
    return time.perf_counter() - begun, result

def convert():
    target.unlink(missing_ok=True)
    weights = read_checkpoint(source).content
    return write_safetensors(target, _numbers(weights, [], lambda _: None), {"format": "pt"}, lambda _: None)

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
conversions = [timed(convert)[0] for _ in range(3)]

def copy():
    with (folder / "copy").open("wb") as file, source.open("rb") as taken:
        shutil.copyfileobj(taken, file, 8 << 20)
        os.fsync(file.fileno())

copies = [timed(copy)[0] for _ in range(3)]
times = {"ours": [], "ours_touched": [], "stock": [], "stock_touched": []}
for _ in range(repeats):
    for name, function in (("ours", load), ("stock", load_file)):
        seconds, weights = timed(lambda: function(target))
        times[name].append(seconds)
        more, _ = timed(lambda: sum(float(value.sum()) for value in weights.values()))
        times[name + "_touched"].append(seconds + more)
        del weights
print(json.dumps({
    "megabytes": target.stat().st_size / 1e6,
    "convert_s": statistics.median(conversions),
    "copy_s": statistics.median(copies),
    **{name: statistics.median(values) for name, values in times.items()},
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=360)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--python", type=Path, help="an interpreter with torch; by default the environment's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    python = arguments.python or ensure_environment(Settings.from_environment()).python
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-c", PROGRAM, folder, str(arguments.megabytes), str(arguments.repeats)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    figures["load_ratio"] = figures["ours"] / figures["stock"]
    figures["load_and_look_ratio"] = figures["ours_touched"] / figures["stock_touched"]
    if arguments.json:
        print(json.dumps(figures))
        return
    mark = "ok  " if figures["load_ratio"] <= 1.3 else "MISS"
    print(f"{figures['megabytes']:.0f} MB")
    print(
        f"{mark} load / safetensors.torch.load_file: {figures['load_ratio']:.2f} (target 1.3),"
        f" {1e3 * figures['ours']:.1f} ms / {1e3 * figures['stock']:.1f} ms"
    )
    print(
        f"     the same with a look at every number: {figures['load_and_look_ratio']:.2f},"
        f" {1e3 * figures['ours_touched']:.0f} ms / {1e3 * figures['stock_touched']:.0f} ms"
    )
    print(f"     convert / copy of the file: {figures['convert_s']:.2f} s / {figures['copy_s']:.2f} s")


if __name__ == "__main__":
    main()
