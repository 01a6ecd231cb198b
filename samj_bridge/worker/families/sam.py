"""SAM ViT-B, L and H and MobileSAM, and what was trained from them: MedSAM, micro-sam, CellSAM.

They have one network and one prompt encoder and decoder; what differs is the transform, and that MedSAM and CellSAM
were trained with boxes only: a point inside the object is refused there, negative points cut the answer, and for a
region to be refined its bounding box is used.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import BuildSpec
from samj_bridge.worker.families.promptable import (
    Abilities,
    Encoding,
    PointableModel,
    PromptableModel,
    dtype_of,
)
from samj_bridge.worker.nets.sam import ENCODERS, Sam
from samj_bridge.worker.nets.sam_decoder import ImageSide
from samj_bridge.worker.nets.tiny_vit import TinyVit
from samj_bridge.worker.transforms import transform

__all__ = ["BoxedSamModel", "SamModel", "build", "shapes"]

SINGLE, SEVERAL = slice(0, 1), slice(1, None)

PRECISIONS = ("float32", "bfloat16", "float16")
"""Number formats that the networks compute in."""


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a published state dict."""
    with torch.device("meta"):
        net = Sam(ENCODERS[architecture]())
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


def build(spec: BuildSpec) -> PromptableModel:
    """Load the published weights from a safetensors file; every key must fit."""
    with torch.device("meta"):
        net = Sam(ENCODERS[spec.architecture]())
    weights = load(spec.weights)
    floats = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    net.load_state_dict(floats, strict=True, assign=True)
    net.eval()
    if isinstance(net.image_encoder, TinyVit):
        net.image_encoder.fold()
    dtype = dtype_of(spec.precision)
    # Prompts are embedded in float32 whatever the rest computes in: their places need it, and they are few.
    net.image_encoder.to(dtype)
    net.mask_decoder.to(dtype)
    how = transform(spec.transform or "sam")
    if how.BOXES_ONLY:
        return BoxedSamModel(net, spec, how, Abilities(points=False, negative=False, mask=False, several=False))
    return SamModel(net, spec, how, Abilities())


class _OfSam(PromptableModel):
    """How a network of SAM's kind is used."""

    net: Sam

    def embed(self, pixels: Tensor, check: Callable[[float], None]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `PromptableModel`."""
        return self.net.image_encoder(pixels, check), ()

    def prepare(self, encoding: Encoding, mask: Tensor | None = None) -> ImageSide:
        """See `PromptableModel`."""
        return self.net.image_side(encoding.embedding, mask)

    def answer(self, points_xy: Tensor, labels: Tensor, side: ImageSide, several: bool) -> tuple[Tensor, Tensor]:
        """See `PromptableModel`."""
        tokens = self.net.prompt_encoder.tokens(points_xy, labels)
        return self.net.mask_decoder(tokens, side, SEVERAL if several else SINGLE)


class BoxedSamModel(_OfSam):
    """One that is asked by boxes."""


class SamModel(_OfSam, PointableModel):
    """One that takes every prompt."""
