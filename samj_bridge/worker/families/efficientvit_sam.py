"""EfficientViT-SAM L0, L1 and L2: another image encoder at 512 pixels before SAM's prompt encoder and decoder."""

from __future__ import annotations

import torch

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import BuildSpec
from samj_bridge.worker.families.promptable import Abilities, dtype_of
from samj_bridge.worker.families.sam import SamModel
from samj_bridge.worker.nets.efficientvit import EFFICIENTVIT, EPS, EfficientVit
from samj_bridge.worker.nets.sam import Sam
from samj_bridge.worker.transforms import transform

__all__ = ["build", "shapes"]

PRECISIONS = ("float32", "bfloat16")
"""Number formats that the networks compute in. That float16's range is enough is not proven: many convolutions
have no normalisation behind them."""


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a published state dict."""
    return {name: tuple(value.shape) for name, value in _empty(architecture).state_dict().items()}


def build(spec: BuildSpec) -> SamModel:
    """Load the published weights from a safetensors file; every key must fit."""
    net = _empty(spec.architecture)
    weights = load(spec.weights)
    floats = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    net.load_state_dict(floats, strict=True, assign=True)
    net.image_encoder.fold()
    dtype = dtype_of(spec.precision)
    net.image_encoder.to(dtype, memory_format=torch.channels_last)
    net.mask_decoder.to(dtype)
    return SamModel(net, spec, transform(spec.transform or "efficientvit-sam"), Abilities())


def _empty(architecture: str) -> Sam:
    with torch.device("meta"):
        # The authors set one epsilon on every normalisation, the decoder's among them.
        return Sam(EfficientVit(EFFICIENTVIT[architecture]), EPS)
