"""Time and memory of every architecture with random weights: ``WORKER_PYTHON -m benchmarks.all_models [NAME ...]``.

Needs no download: weights decide what a network says, not how long it takes. Run it with the worker's Python, from
the repository's root. Each architecture has a process of its own with one thread; times are processor time, so that
other programs on the machine change them little. Everything mode's time per point is that of `propose`, masks not
enlarged.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

SIDE = 1024
"""Of the image."""


def main(names: list[str]) -> int:
    """Measure each architecture in a process of its own and print a table."""
    from samj_bridge.worker.families import ARCHITECTURES

    print("| architecture | parameters | encode s | first box ms | box ms | point of everything ms | memory MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in names or ARCHITECTURES:
        command = [sys.executable, "-m", "benchmarks.all_models", "--one", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr, flush=True)
            continue
        row = json.loads(done.stdout.splitlines()[-1])
        cells = (
            f"`{name}`",
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['encode_s']:.2f}",
            f"{row['first_ms']:.0f}",
            f"{row['box_ms']:.0f}",
            f"{row['point_ms']:.0f}",
            f"{row['peak_mb']:.0f}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    return 0


def measure(name: str) -> dict[str, Any]:
    """Return one architecture's figures."""
    import numpy as np
    import torch

    from samj_bridge.worker.families import ARCHITECTURES, FAMILIES
    from samj_bridge.worker.families.base import BuildSpec, PromptArrays
    from samj_bridge.worker.machine import peak_bytes

    torch.set_num_threads(1)
    module = import_module(FAMILIES[ARCHITECTURES[name]])
    with tempfile.TemporaryDirectory() as folder:
        weights = _weights(name, module, Path(folder))
        model = module.build(BuildSpec(weights, name))
        rng = np.random.default_rng(0)
        none = np.zeros((0, 2), np.float32)

        def box(x: int) -> Any:
            return model.decode(encoding, PromptArrays((x, 300.0, x + 60.0, 360.0), none, none, None, (0, 0)), 1)

        images = [rng.random((SIDE, SIDE, 1), np.float32) for _ in range(2)]
        encodes = []
        for image in images:
            seconds, encoding = _timed(lambda image=image: model.encode(image, _quiet))  # type: ignore[misc]
            encodes.append(seconds)
        first, _ = _timed(lambda: box(200))
        boxes = [_timed(lambda x=x: box(x))[0] for x in range(300, 380, 10)]  # type: ignore[misc]
        points = rng.random((4, 2)) * SIDE
        spent = _timed(lambda: model.propose(encoding, points, _quiet))[0] if hasattr(model, "propose") else 0.0
    return {
        "parameters": model.parameters,
        "encode_s": min(encodes),
        "first_ms": 1e3 * first,
        "box_ms": 1e3 * statistics.median(boxes),
        "point_ms": 1e3 * spent / len(points),
        "peak_mb": (peak_bytes() or 0) / 1e6,
    }


def _weights(name: str, module: Any, folder: Path) -> Path:
    """Write random weights, small enough that nothing overflows; the starter has its own."""
    import torch
    from safetensors.torch import save_file

    if name == "starter-1":
        return Path(__file__).resolve().parents[1] / "samj_bridge" / "models" / "weights" / "starter.safetensors"
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for key, shape in module.shapes(name).items():
        value = 0.02 * torch.randn(shape, generator=generator)
        if key.endswith(("running_var", "norm1.weight", "norm2.weight", "norm.weight")):
            value = value.abs() + 1
        tensors[key] = torch.zeros(shape, dtype=torch.long) if key.endswith("num_batches_tracked") else value
    save_file(tensors, folder / "weights.safetensors")
    return folder / "weights.safetensors"


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def _quiet(_fraction: float) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
