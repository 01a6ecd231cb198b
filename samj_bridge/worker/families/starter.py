"""The starter family: the project's own small network, from image and prompt to masks.

``starter_levels`` encodes an image, ``starter_windows`` chooses where a prompt is decoded, ``starter_answers``
decodes it, ``starter_everything`` finds objects without prompts; each imports what stands before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import (
    BatchingModel,
    BuildSpec,
    Candidate,
    PromptArrays,
    ProposingModel,
    SeedingModel,
    SketchingModel,
    TiledModel,
)
from samj_bridge.worker.families.starter_answers import answer
from samj_bridge.worker.families.starter_everything import (
    StarterProposals,
    propose,
    propose_sketched,
    seeds,
    sketches,
)
from samj_bridge.worker.families.starter_levels import ImageSide, Level, StarterEncoding
from samj_bridge.worker.nets.starter import StarterConfig, StarterNet, fold
from samj_bridge.worker.nets.starter_paste import paste

__all__ = ["Level", "StarterEncoding", "StarterModel", "StarterProposals", "build", "shapes"]

WHOLE_PASS_PX = 2048
"""An axis up to this length is encoded in one piece."""
TILE_PX = 1536
"""Otherwise each tile gives this many pixels, and sees the halo besides."""
WORTH_A_LOOK = 0.5
"""Masks of everything mode with this predicted IoU or less are not looked at a second time."""


def build(spec: BuildSpec) -> StarterModel:
    """Load the network's folded weights from a safetensors file; every key must fit."""
    net = fold(StarterNet(StarterConfig()))
    net.load_state_dict({key: value.float() for key, value in load(spec.weights).items()}, strict=True)
    return StarterModel(net, spec.device)


def shapes(_architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the folded network's weights."""
    with torch.device("meta"):
        net = fold(StarterNet(StarterConfig()))
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


class StarterModel(BatchingModel, ProposingModel, SeedingModel, SketchingModel, TiledModel):
    """Encodes images, decodes prompts and points, and says by itself where objects are."""

    bytes_per_pixel: ClassVar[dict[int, int]] = {1: 22, 3: 42}
    """Memory that a large image takes per pixel, by channels, measured; and what the tile in work takes: """
    bytes_besides = 500 << 20
    """this."""
    tile_px = 1024
    """It sees any image in full detail; a tile of this side is encoded in a fraction of a second."""
    whole_px = WHOLE_PASS_PX

    points_together = 1
    """Points of everything mode asked at once: one by one, those inside what was found are never asked."""
    sketches_together = 16
    """The same for the sketches that parts of large images are asked with: side by side they take less time."""
    sketches_defaults: ClassVar[dict[str, float]] = {"pred_iou_thresh": 0.7}
    """What is another default for sketches than for points, chosen as they were."""
    everything_defaults: ClassVar[dict[str, float]] = {
        "pred_iou_thresh": 0.75,
        "stability_score_thresh": 0.65,
    }
    """Everything mode's thresholds, chosen on images of the train split (docs/decisions/0018)."""

    def __init__(self, net: StarterNet, device: str = "cpu"):
        net = net.eval().to(device=device, memory_format=torch.channels_last)
        self._side = ImageSide(net, torch.device(device), _spans)
        self.parameters = sum(p.numel() for p in net.parameters())

    @torch.inference_mode()
    def encode(self, image: NDArray[np.float32], check: Callable[[float], None]) -> StarterEncoding:
        """Encode a (Y, X, C) image of 0..1, in overlapping tiles where it is large."""
        return self._side.encode(image, check)

    @torch.inference_mode()
    def decode(self, encoding: StarterEncoding, prompt: PromptArrays, candidates: int) -> list[Candidate]:
        """Return masks for a prompt, best predicted IoU first."""
        return self._decode(encoding, prompt, candidates, lambda _fraction: None)

    def decode_many(
        self,
        encoding: StarterEncoding,
        prompts: Sequence[PromptArrays],
        candidates: int,
        check: Callable[[float], None],
    ) -> Iterator[list[Candidate]]:
        """Yield what `decode` returns for each prompt; a click that needs reduced images tells `check` of them."""
        for prompt in prompts:
            with torch.inference_mode():
                found = self._decode(encoding, prompt, candidates, check)
            yield found

    def tile_of(self, encoding: StarterEncoding, halvings: int) -> StarterEncoding:
        """See ``base.TiledModel``: the tile is the finest level that there is of the image before the halvings."""
        height, width = encoding.image_hw
        return replace(encoding, image_hw=(height << halvings, width << halvings), first=halvings)

    def _decode(
        self, encoding: StarterEncoding, prompt: PromptArrays, candidates: int, check: Callable[[float], None]
    ) -> list[Candidate]:
        if (
            prompt.mask is not None
            and not prompt.mask.any()
            and prompt.box_xyxy is None
            and not len(prompt.points_xy)
        ):
            return [Candidate(np.zeros((1, 1), bool), (0, 0), 0.0)] * candidates
        logits, windows, scores = answer(self._side, encoding, prompt, check)
        return [
            Candidate(*paste(logits[k], windows[k], encoding.image_hw), float(scores[k]))
            for k in scores.argsort(descending=True)[:candidates].tolist()
        ]

    @torch.inference_mode()
    def propose(
        self, encoding: StarterEncoding, points_xy: NDArray[np.float64], check: Callable[[float], None]
    ) -> StarterProposals:
        """Decode each point by itself, and look again at what is likely an object."""
        return propose(self._side, encoding, points_xy, WORTH_A_LOOK, check)

    @torch.inference_mode()
    def seeds(
        self, encoding: StarterEncoding, check: Callable[[float], None]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the places (N, 2) whose boxes score best among their neighbours, and the scores, best first."""
        return seeds(self._side, encoding, check)

    @torch.inference_mode()
    def sketches(self, encoding: StarterEncoding, check: Callable[[float], None]) -> NDArray[np.float64]:
        """Return what `seeds` does, with the boxes."""
        return sketches(self._side, encoding, check)

    @torch.inference_mode()
    def propose_sketched(
        self, encoding: StarterEncoding, drawn: NDArray[np.float64], check: Callable[[float], None]
    ) -> StarterProposals:
        """Decode the boxes of sketches."""
        return propose_sketched(self._side, encoding, drawn, check)


def _spans(length: int) -> list[tuple[int, int]]:
    if length <= WHOLE_PASS_PX:
        return [(0, length)]
    return [(start, min(length, start + TILE_PX)) for start in range(0, length, TILE_PX)]
