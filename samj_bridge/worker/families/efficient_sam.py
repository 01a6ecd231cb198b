"""EfficientSAM Ti and S (arXiv:2312.00863).

The network has no embedding for negative points and takes six tokens, a box counting as two. So negative points
choose among its three answers and cut them, and positive points beyond the sixth token, which its authors' code
drops, choose too (``cutting``). For a region to be refined its bounding box is used: there is no mask prompt.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import BuildSpec
from samj_bridge.worker.families.promptable import Abilities, Encoding, PointableModel, dtype_of
from samj_bridge.worker.nets.efficient_sam import EFFICIENT_S, EFFICIENT_TI, TOKENS, EfficientSam
from samj_bridge.worker.nets.sam_decoder import ImageSide
from samj_bridge.worker.transforms import transform

__all__ = ["EfficientSamModel", "build", "shapes"]

CONFIGS = {"efficient-sam-ti": EFFICIENT_TI, "efficient-sam-s": EFFICIENT_S}
SINGLE, SEVERAL = slice(0, 1), slice(1, None)

PRECISIONS = ("float32", "bfloat16", "float16")
"""Number formats that the networks compute in."""


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a published state dict."""
    with torch.device("meta"):
        net = EfficientSam(CONFIGS[architecture])
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


def build(spec: BuildSpec) -> EfficientSamModel:
    """Load the published weights from a safetensors file; every key must fit."""
    with torch.device("meta"):
        net = EfficientSam(CONFIGS[spec.architecture])
    weights = {name: value.float() for name, value in load(spec.weights).items()}
    net.load_state_dict(weights, strict=True, assign=True)
    dtype = dtype_of(spec.precision)
    net.image_encoder.to(dtype)
    net.mask_decoder.to(dtype)
    abilities = Abilities(negative=False, mask=False, tokens=TOKENS)
    return EfficientSamModel(net, spec, transform(spec.transform or "efficient-sam"), abilities)


class EfficientSamModel(PointableModel):
    """A network of EfficientSAM's kind."""

    net: EfficientSam
    pads_points = False
    box_first = True

    def embed(self, pixels: Tensor, check: Callable[[float], None]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `PromptableModel`."""
        return self.net.image_encoder(pixels, check), ()

    def prepare(self, encoding: Encoding, mask: Tensor | None = None) -> ImageSide:  # noqa: ARG002 (has no masks)
        """See `PromptableModel`."""
        return self.net.image_side(encoding.embedding)

    def answer(self, points_xy: Tensor, labels: Tensor, side: ImageSide, several: bool) -> tuple[Tensor, Tensor]:
        """See `PromptableModel`."""
        tokens = self.net.prompt_encoder.tokens(points_xy, labels)
        return self.net.mask_decoder(tokens, side, SEVERAL if several else SINGLE)
