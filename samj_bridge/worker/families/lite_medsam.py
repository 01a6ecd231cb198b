"""LiteMedSAM: MobileSAM's encoder at 256 pixels before SAM's prompt encoder and decoder, asked by boxes only.

Its authors distilled the encoder from MedSAM's, and trained the whole on medical images
(github.com/bowang-lab/MedSAM, branch LiteMedSAM). Points are refused, and negative points cut the answer, as with
MedSAM.
"""

from __future__ import annotations

import torch

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import BuildSpec
from samj_bridge.worker.families.promptable import Abilities, dtype_of
from samj_bridge.worker.families.sam import BoxedSamModel
from samj_bridge.worker.nets.sam import Sam
from samj_bridge.worker.nets.tiny_vit import LITE, TinyVit
from samj_bridge.worker.transforms import Transform, transform
from samj_bridge.worker.transforms.lite_medsam import SIDE

__all__ = ["PRECISIONS", "LiteMedSamModel", "build", "shapes"]

PRECISIONS = ("float32",)
"""Number formats: in bfloat16 the masks of small objects move (IoU with the authors' down to .94), and an encode is
quick anyway."""
WHOLE_PX = 512
"""Side up to which an image is shown whole: the medical images that it was trained on were no larger as a rule."""


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a published state dict."""
    return {name: tuple(value.shape) for name, value in _empty(architecture)[0].state_dict().items()}


class LiteMedSamModel(BoxedSamModel):
    """One that sees images of up to `WHOLE_PX` whole, as its authors show it all, and tiles of larger ones."""

    def __init__(self, net: Sam, spec: BuildSpec, how: Transform, abilities: Abilities):
        super().__init__(net, spec, how, abilities)
        self.whole_px = WHOLE_PX


def build(spec: BuildSpec) -> LiteMedSamModel:
    """Load the published weights from a safetensors file; every key must fit."""
    net, encoder = _empty(spec.architecture)
    weights = load(spec.weights)
    floats = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    net.load_state_dict(floats, strict=True, assign=True)
    encoder.fold()
    dtype = dtype_of(spec.precision)
    net.image_encoder.to(dtype)
    net.mask_decoder.to(dtype)
    how = transform(spec.transform or "lite-medsam")
    return LiteMedSamModel(net, spec, how, Abilities(points=False, negative=False, mask=False, several=False))


def _empty(_architecture: str) -> tuple[Sam, TinyVit]:
    with torch.device("meta"):
        encoder = TinyVit(LITE)
        return Sam(encoder, frame=SIDE), encoder
