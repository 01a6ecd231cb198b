"""Automatic segmentation as ``shared/golden-ais/check_ais.py`` asks for it: our decoder, objects from its maps.

    WORKER_PYTHON ../shared/golden-ais/check_ais.py --adapter benchmarks/golden_ais_adapter.py [--only post]

It has to be run with a Python that has torch: the worker's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from samj_bridge.worker.automatic.distances import Thresholds, objects
from samj_bridge.worker.automatic.merging import laid_down, suppressed
from samj_bridge.worker.automatic.prompts import points
from samj_bridge.worker.everything.masks import found_in
from samj_bridge.worker.families.base import BuildSpec, SoftMask
from samj_bridge.worker.families.promptable import Abilities
from samj_bridge.worker.families.sam import MappingSamModel
from samj_bridge.worker.nets.distance_decoder import DistanceDecoder, is_transposed
from samj_bridge.worker.nets.sam import ENCODERS, Sam
from samj_bridge.worker.transforms import transform

__all__ = ["load", "merge", "points", "segment"]

VARIANTS = {"vit_b": "sam-vit-b", "vit_l": "sam-vit-l", "vit_h": "sam-vit-h", "vit_t": "mobile-sam"}


def load(variant: str, sam_state: dict[str, Any], decoder_state: dict[str, Any], batch_statistics: bool) -> Mapping:
    """Return what answers for a network."""
    if variant not in VARIANTS:
        message = f"no variant {variant}"
        raise NotImplementedError(message)
    net = Sam(ENCODERS[VARIANTS[variant]]()).eval()
    net.load_state_dict(_tensors(sam_state), strict=True)
    if hasattr(net.image_encoder, "fold"):
        net.image_encoder.fold()
    decoder = DistanceDecoder(transposed=is_transposed(list(decoder_state)))
    decoder.load_state_dict(_tensors(decoder_state), strict=True)
    decoder.own_statistics = batch_statistics
    how = transform("micro-sam")
    return Mapping(MappingSamModel(net, BuildSpec(Path()), how, Abilities(), decoder))


class Mapping:
    """A network, and what it made of the last image."""

    def __init__(self, model: MappingSamModel):
        self.model = model

    def maps(self, image: np.ndarray) -> np.ndarray:
        """Return the three maps of an image."""
        unit = (image if image.ndim == 3 else image[..., None]).astype(np.float32) / np.float32(255)
        self.encoding = self.model.encode(unit, lambda _fraction: None)
        return self.model.maps(self.encoding, lambda _fraction: None)

    def embedding(self) -> torch.Tensor:
        """Return the image embedding."""
        return self.encoding.embedding

    @torch.inference_mode()
    def base(self) -> torch.Tensor:
        """Return what the main chain begins with."""
        return self.model.decoder.base(self.encoding.embedding)

    @torch.inference_mode()
    def z9(self) -> torch.Tensor:
        """Return what the first step of the side chain makes."""
        decoder = self.model.decoder
        return decoder.deconv1(self.encoding.embedding, own_statistics=decoder.own_statistics)

    @torch.inference_mode()
    def raw(self) -> torch.Tensor:
        """Return the maps of the whole frame."""
        return self.model.decoder(self.encoding.embedding)


def segment(maps: np.ndarray, **parameters: Any) -> np.ndarray:
    """Return the labels of maps."""
    return objects(maps, Thresholds(**parameters))


def merge(
    masks: np.ndarray,
    ious: np.ndarray,
    stabilities: np.ndarray,
    min_size: int,
    nms_threshold: float,
    intersection_over_min: bool,
) -> np.ndarray:
    """Return the labels of masks with scores."""
    scores = np.asarray(ious, np.float32) * np.asarray(stabilities, np.float32)
    whole = (0, 0, masks.shape[2], masks.shape[1])
    logits = [SoftMask(np.where(mask, np.float32(8), np.float32(-8)), (0, 0)) for mask in masks]
    found = [found_in(soft, 1.0, 1.0, (0.0, 0.0), whole) for soft in logits]
    kept = suppressed(found, scores, min_size, nms_threshold, over_smaller=intersection_over_min)
    return laid_down([found[i] for i in kept], masks.shape[1:], min_size)[0]


def _tensors(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(np.array(value)) for key, value in state.items()}
