"""Weights for any published network that make it behave: no checkpoint is needed to test one end to end.

Run by the worker's Python: ``python random_weights.py FOLDER ARCHITECTURE...`` writes ``FOLDER/ARCHITECTURE.pt``.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from pathlib import Path
from typing import Any

CENTRED = {"positional_encoding_gaussian_matrix": 1.0, "attention_biases": 0.5, "rel_pos": 0.2, "pos_embed": 0.3}
"""Spread of what is neither a matrix nor a norm."""


def random_weights(architecture: str, seed: int = 0) -> dict[str, Any]:
    """Return a state dict with every key of the architecture; the same numbers for the same seed."""
    from samj_bridge.worker.families import ARCHITECTURES, FAMILIES

    shapes = importlib.import_module(FAMILIES[ARCHITECTURES[architecture]]).shapes(architecture)
    return {name: _tensor(name, shape, seed) for name, shape in shapes.items()}


def random_decoder(seed: int = 0, *, transposed: bool = False) -> dict[str, Any]:
    """Return weights of micro-sam's decoder, as a converted file has them."""
    from samj_bridge.worker.families import sam

    names = ["decoder.samplers.0.block.weight"] if transposed else []
    shapes = sam.decoder_shapes(names)
    return {f"decoder_state.{name}": _tensor(name, shape, seed) for name, shape in shapes.items()}


def _tensor(name: str, shape: tuple[int, ...], seed: int) -> Any:
    import torch

    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}:{name}".encode()))
    values = torch.empty(shape).uniform_(-1, 1, generator=generator)
    for part, spread in CENTRED.items():
        if part in name:
            return values * spread
    if len(shape) < 2:
        is_scale = name.endswith(("weight", "running_var")) and len(shape) == 1
        return values * 0.1 + 1 if is_scale else values * 0.05
    if "embed" in name or "token" in ".".join(name.split(".")[-2:]):
        return values
    transposed = "upscaling" in name and len(shape) == 4 and shape[-1] == 2
    fan_in = shape[0] if transposed else values[0].numel()
    gain = 1.6 if "hypernetworks" in name or transposed else 1.1
    return values * gain * (3 / fan_in) ** 0.5


def main(folder: str, *architectures: str) -> None:
    """Write weights as their authors save them."""
    import torch

    for architecture in architectures:
        if architecture == "decoder":
            weights = random_decoder()
            names = {name.removeprefix("decoder_state."): value for name, value in weights.items()}
            torch.save(names, Path(folder) / "decoder.pt")
            continue
        weights = random_weights(architecture)
        wrapped = {"model": weights} if architecture.startswith("sam2") else weights
        torch.save(wrapped, Path(folder) / f"{architecture}.pt")


if __name__ == "__main__":
    main(*sys.argv[1:])
