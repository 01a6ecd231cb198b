"""Memory that converting a checkpoint takes beyond torch's own: ``python -m benchmarks.conversion_memory``.

A checkpoint with the shapes of a published network and random numbers is converted by the worker's code, in a
process that is watched through ``/proc`` (Linux). Pages of the mapped checkpoint count as the process's too, but
the system takes them back when others need the memory: what must be there is the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

from samj_bridge.install import ensure_environment
from samj_bridge.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import json, sys, threading, time
from pathlib import Path

import torch

from samj_bridge.protocol.conversion import ConvertRequest
from samj_bridge.worker.checkpoints.converting import convert
from samj_bridge.worker.families import ARCHITECTURES, FAMILIES

source, target, architecture, halves = sys.argv[1:]
if halves == "1":
    weights = torch.load(source, mmap=True, weights_only=True)
    weights = weights.get("model", weights)
    halved = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    torch.save(halved, source + "16")
    source += "16"
    del weights, halved
peak, done = {}, threading.Event()

def look():
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Rss"))
    return {name: int(number) * 1024 for name, number, _ in lines}

def watch():
    while not done.wait(0.02):
        for name, number in look().items():
            peak[name] = max(peak.get(name, 0), number)

before = look()
watcher = threading.Thread(target=watch)
watcher.start()
begun = time.perf_counter()
convert(ConvertRequest(source, target, architecture), ARCHITECTURES, FAMILIES, lambda _: None)
done.set()
watcher.join()
print(json.dumps({
    "checkpoint_mb": Path(source).stat().st_size / 1e6,
    "before_mb": before["RssAnon:"] / 1e6,
    "own_mb": (peak["RssAnon:"] - before["RssAnon:"]) / 1e6,
    "mapped_mb": (peak["RssFile:"] - before["RssFile:"]) / 1e6,
    "seconds": time.perf_counter() - begun,
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", default="sam-vit-h")
    parser.add_argument("--half", action="store_true", help="a checkpoint of float16 numbers")
    parser.add_argument("--python", type=Path, help="an interpreter with torch; by default the environment's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    python = arguments.python or ensure_environment(Settings.from_environment()).python
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        maker = [python, ROOT / "tests" / "random_weights.py", folder, arguments.architecture]
        subprocess.run(maker, check=True, env=environ)
        source, target = Path(folder) / f"{arguments.architecture}.pt", Path(folder) / "converted.safetensors"
        command = [python, "-c", PROGRAM, source, target, arguments.architecture, str(int(arguments.half))]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environ)
    figures = json.loads(done.stdout)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(
        f"{arguments.architecture}: a checkpoint of {figures['checkpoint_mb']:,.0f} MB took"
        f" {figures['own_mb']:,.0f} MB of memory beyond torch's {figures['before_mb']:,.0f}, and"
        f" {figures['seconds']:.0f} s; {figures['mapped_mb']:,.0f} MB of files were mapped"
    )


if __name__ == "__main__":
    main()
