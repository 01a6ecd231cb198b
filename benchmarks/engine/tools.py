"""What the engine's benchmarks share: times in turns, random weights, a network of them, the published way."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from samj_bridge.worker.families.base import BuildSpec
from samj_bridge.worker.nets import sam_vit, tiny_vit


def best_of(
    rounds: int, *functions: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Call functions in turns after a call each to warm up; returns the best time of each in seconds."""
    best = [float("inf")] * len(functions)
    for index in range(rounds + 1):
        for place, function in enumerate(functions):
            begun = clock()
            function()
            if index:
                best[place] = min(best[place], clock() - begun)
    return best


def peak(kind: torch.dtype) -> float:
    """Matrix multiplications of this machine in GFLOP/s."""
    a, b = torch.randn(2048, 2048).to(kind), torch.randn(2048, 2048).to(kind)
    a[:256] @ b
    begun = time.perf_counter()
    a[:256] @ b
    # Where a type is emulated, a slice tells: the whole would take minutes.
    if time.perf_counter() - begun > 1:
        return 2e-9 * 256 * 2048**2 / (time.perf_counter() - begun)
    return 2e-9 * 2048**3 / best_of(5, lambda: a @ b)[0]


def share_row(what: str, flop: float, seconds: float) -> dict[str, Any]:
    speed = flop / seconds / 1e9
    note = f"{flop / 1e9:.1f} GFLOP at {speed:.0f} GFLOP/s"
    return {"what": f"{what}: share of the fp32 peak", "value": 100 * speed / peak(torch.float32), "unit": "%"} | {
        "note": note
    }


def random_weights(net_shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    weights = {}
    for name, shape in net_shapes.items():
        fan_in = max(1, int(np.prod(shape[1:]))) if len(shape) > 1 else 1
        weights[name] = torch.randn(shape) * (0.02 if len(shape) < 2 else fan_in**-0.5)
        if len(shape) == 1 and name.endswith(("weight", "running_var")):
            weights[name] = 1 + 0.1 * torch.rand(shape)
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros(shape, dtype=torch.int64)
    return weights


def build(module: Any, architecture: str, weights: dict[str, torch.Tensor]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file(weights, path)
        return module.build(BuildSpec(path, architecture))


@contextmanager
def plain() -> Iterator[None]:
    """Compute as published: math attention, perceptrons and convolutions on whole maps."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    before = sam_vit.TOKENS_AT_ONCE, tiny_vit.STRIP_ROWS, tiny_vit.TOKENS
    sam_vit.TOKENS_AT_ONCE, tiny_vit.STRIP_ROWS, tiny_vit.TOKENS = 1 << 30, 1 << 30, 1 << 30
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        sam_vit.TOKENS_AT_ONCE, tiny_vit.STRIP_ROWS, tiny_vit.TOKENS = before
