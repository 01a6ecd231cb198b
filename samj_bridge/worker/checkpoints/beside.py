"""What a checkpoint holds beside the network that prompts need: micro-sam's decoder for automatic segmentation."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

__all__ = ["DECODER", "decoder_of"]

DECODER = "decoder_state."
"""What the names of a decoder's weights begin with in a converted file."""

_TABLE = "decoder_state"


def decoder_of(content: Any, module: str) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights of the decoder in a checkpoint, by the names that they get, and what is to be told of it.

    A decoder that can't be used costs nothing but itself: the network beside it answers prompts without.

    Parameters
    ----------
    content : Any
        What the checkpoint holds.
    module : str
        Module of the family of the network beside it; where that takes a decoder, it has ``decoder_shapes``.
    """
    table = content.get(_TABLE) if isinstance(content, Mapping) else None
    if table is None:
        return {}, []
    shapes = getattr(importlib.import_module(module), "decoder_shapes", None)
    weights = _weights(table)
    trouble = "networks of this family have none" if shapes is None else _trouble(weights, shapes(weights))
    if trouble:
        return {}, [f"the decoder of automatic segmentation in the file ({_TABLE}) was left out: {trouble}"]
    found = {DECODER + name: value for name, value in weights.items()}
    return found, [f"the decoder of automatic segmentation in the file ({_TABLE}) was taken too"]


def _weights(table: Any) -> dict[str, Tensor]:
    if not isinstance(table, Mapping):
        return {}
    tensors = {str(name): value for name, value in table.items() if isinstance(value, Tensor)}
    # Trainers keep the encoder in it once more.
    return {name: value for name, value in tensors.items() if not name.startswith("encoder.")}


def _trouble(weights: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> str:
    """Return what is wrong with the weights of a decoder; empty: nothing."""
    missing = [name for name in wanted if name not in weights]
    if missing:
        return f"{len(missing)} of its {len(wanted)} weights are missing ({missing[0]})"
    for name, value in weights.items():
        if name not in wanted:
            return f"{name} is not one of its weights"
        if tuple(value.shape) != wanted[name]:
            return f"{name} has the shape {tuple(value.shape)} instead of {wanted[name]}"
    return ""
