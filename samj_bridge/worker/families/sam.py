"""SAM ViT-B, L and H and MobileSAM, and what was trained from them: MedSAM, micro-sam, CellSAM.

They have one network and one prompt encoder and decoder; what differs is the transform, and that MedSAM and CellSAM
were trained with boxes only: a point inside the object is refused there, negative points cut the answer, and for a
region to be refined its bounding box is used. Where the file holds micro-sam's decoder too, the network says of
each pixel what it is, from the embedding that prompts use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.checkpoints.beside import DECODER
from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import BuildSpec, MappingModel
from samj_bridge.worker.families.promptable import (
    Abilities,
    Encoding,
    LowProposals,
    PointableModel,
    PromptableModel,
    dtype_of,
)
from samj_bridge.worker.nets.distance_decoder import DistanceDecoder, is_transposed
from samj_bridge.worker.nets.sam import ENCODERS, Sam
from samj_bridge.worker.nets.sam_decoder import ImageSide
from samj_bridge.worker.nets.tiny_vit import TinyVit
from samj_bridge.worker.transforms import Transform, transform
from samj_bridge.worker.transforms.frame import resized_hw

__all__ = ["BoxedSamModel", "MappingSamModel", "SamModel", "build", "decoder_shapes", "shapes"]

SINGLE, SEVERAL = slice(0, 1), slice(1, None)

PRECISIONS = ("float32", "bfloat16", "float16")
"""Number formats that the networks compute in."""


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a published state dict."""
    with torch.device("meta"):
        net = Sam(ENCODERS[architecture]())
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


def decoder_shapes(names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of micro-sam's decoder, in the form that these names are of."""
    with torch.device("meta"):
        decoder = DistanceDecoder(transposed=is_transposed(names))
    return {name: tuple(value.shape) for name, value in decoder.state_dict().items()}


def build(spec: BuildSpec) -> PromptableModel:
    """Load the published weights from a safetensors file; every key must fit."""
    with torch.device("meta"):
        net = Sam(ENCODERS[spec.architecture]())
    weights = {
        name: value.float() if value.is_floating_point() else value for name, value in load(spec.weights).items()
    }
    decoding = {name.removeprefix(DECODER): weights.pop(name) for name in list(weights) if name.startswith(DECODER)}
    net.load_state_dict(weights, strict=True, assign=True)
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
    if decoding:
        return MappingSamModel(net, spec, how, Abilities(), _decoder(decoding))
    return SamModel(net, spec, how, Abilities())


def _decoder(weights: Mapping[str, Tensor]) -> DistanceDecoder:
    with torch.device("meta"):
        decoder = DistanceDecoder(transposed=is_transposed(weights))
    decoder.load_state_dict(weights, strict=True, assign=True)
    return decoder


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


class MappingSamModel(SamModel, MappingModel):
    """One that finds objects by a decoder, too."""

    def __init__(self, net: Sam, spec: BuildSpec, how: Transform, abilities: Abilities, decoder: DistanceDecoder):
        super().__init__(net, spec, how, abilities)
        self.decoder = decoder.to(spec.device).requires_grad_(False)
        self.parameters += sum(p.numel() for p in decoder.parameters())

    @torch.inference_mode()
    def maps(self, encoding: Encoding, check: Callable[[float], None]) -> NDArray[np.float32]:
        """See ``base.MappingModel``: the maps of the frame, its padding cut off, resized to the image.

        They are kept: thresholds are tried again and again, and the decoder takes as long as an encoder.
        """
        kept: NDArray[np.float32] | None = encoding.__dict__.get("maps")
        if kept is not None:
            return kept
        # In float32 whatever the encoder computed in: thresholds are set on what comes out.
        found = self.decoder(encoding.embedding.float(), check)
        height, width = resized_hw(encoding.image_hw, self.transform.SIDE)
        inner = found[:, :, :height, :width]
        maps = F.interpolate(inner, encoding.image_hw, mode="bilinear", align_corners=False)
        result: NDArray[np.float32] = maps[0].cpu().numpy()
        result.setflags(write=False)
        encoding.__dict__["maps"] = result
        return result

    @torch.inference_mode()
    def propose_one(
        self, encoding: Encoding, points_xy: NDArray[np.float64], check: Callable[[float], None]
    ) -> LowProposals:
        """See ``base.MappingModel``."""
        return self._proposed(encoding, points_xy, check, several=False)
