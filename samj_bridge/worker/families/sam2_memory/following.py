"""SAM 2.1's answers on planes of a stack: to what somebody draws, and by what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import Candidate, Followed, PromptArrays, RememberingModel
from samj_bridge.worker.families.promptable import labelled
from samj_bridge.worker.families.sam2_memory.bank import Memory, Sight
from samj_bridge.worker.nets.memory.attention import Begun
from samj_bridge.worker.nets.memory.network import ABSENT, Kept, MemoryNet, video_shapes
from samj_bridge.worker.nets.sam2 import SURE, Sam2
from samj_bridge.worker.nets.sam_decoder import ImageSide
from samj_bridge.worker.nets.sam_prompt import PADDING
from samj_bridge.worker.transforms import sam2_video

__all__ = ["Following", "Plane", "Seen"]

DRAWN = 10.0
"""Logit of what somebody drew: a mask that is taken as it is, and that the object is there."""


@dataclass
class Plane:
    """An encoded plane."""

    image_hw: tuple[int, int]
    """Height and width."""
    features: Tensor
    """(1, 256, 64, 64), before anything was looked at."""
    detail: tuple[Tensor, Tensor]
    """Fine features; see ``Sam2.forward``."""

    @property
    def nbytes(self) -> int:
        """Bytes held, what the first object has added among them."""
        begun: Begun | None = self.__dict__.get("begun")
        held = [self.features, *self.detail, *([] if begun is None else [begun.rows, begun.queries])]
        return sum(t.numel() * t.element_size() for t in held)


@dataclass(frozen=True)
class Seen:
    """An object on a plane, as the network has it."""

    low: Tensor
    """(256, 256) logits, on the CPU."""
    scores: Tensor
    """(K,) predicted IoU of what was proposed."""
    best: int
    """Which of them it is."""
    presence: float
    """Logit that it is there."""
    pointer: Tensor
    """(256,)."""


class Following(RememberingModel):
    """The part of ``Sam2Model`` that knows an object again."""

    net: Sam2
    device: torch.device
    dtype: torch.dtype
    weights: Path
    """Checkpoint. What only following needs is read from it when the first plane comes."""

    @property
    def memory_net(self) -> MemoryNet:
        """The parts that images don't need, loaded now if they were not."""
        found: MemoryNet | None = self.__dict__.get("_memory_net")
        if found is None:
            weights = load(self.weights)
            found = self.__dict__["_memory_net"] = memory_net({name: weights[name] for name in video_shapes()})
            found.to(self.device, self.dtype)
            found.prepare()
        return found

    @torch.inference_mode()
    def encode_plane(self, image: NDArray[np.float32], check: Callable[[float], None]) -> Plane:
        """See ``base.RememberingModel``."""
        check(0.0)
        pixels = sam2_video.pixels(image).to(self.device, self.dtype)
        features, detail = self.net.features(pixels, check)
        return Plane((image.shape[0], image.shape[1]), features, detail)

    def remember(self, planes: int, step: int) -> Memory:
        """See ``base.RememberingModel``."""
        return Memory(planes, step)

    @torch.inference_mode()
    def given(self, memory: Memory, plane: int, encoding: Plane, prompt: PromptArrays) -> Followed:
        """See ``base.RememberingModel``."""
        seen = self.drawn(encoding, prompt)
        memory.give(plane, self.kept(encoding, seen, given=True))
        if prompt.mask is not None and not clicked(prompt):
            # Not by way of 256 x 256: nothing that somebody drew changes by a pixel.
            return Followed(Candidate(prompt.mask, prompt.mask_origin_xy, 1.0), seen.presence)
        return self._followed(encoding, seen)

    @torch.inference_mode()
    def follow(self, memory: Memory, plane: int, encoding: Plane) -> Followed:
        """See ``base.RememberingModel``."""
        seen = self.known(encoding, self.fused(encoding, memory.sight(plane)))
        memory.follow(plane, self.kept(encoding, seen, given=False))
        return self._followed(encoding, seen)

    def drawn(self, encoding: Plane, prompt: PromptArrays) -> Seen:
        """Answer a prompt as on the first plane of a video: nothing is remembered."""
        frame, mask = sam2_video.frame(encoding.image_hw), prompt.mask
        if mask is not None and not clicked(prompt):
            return self._drawn_mask(encoding, _whole(mask, prompt.mask_origin_xy, encoding.image_hw))
        places, kinds = labelled(
            frame, prompt.box_xyxy, prompt.points_xy, prompt.negative_xy, pad=False, box_first=True
        )
        several = len(kinds) <= 1
        places, kinds = np.concatenate([places, np.zeros((1, 2), np.float32)]), [*kinds, PADDING]
        dense = None
        if mask is not None:
            dense = torch.from_numpy(frame.mask_logits(mask, prompt.mask_origin_xy))[None, None].to(self.device)
        features = encoding.features + self.net.no_mem_embed[0, 0, :, None, None]
        return self.see(encoding, features, places, kinds, several=several, mask=dense)

    def fused(self, encoding: Plane, found: Sight) -> Tensor:
        """Return (1, 256, 64, 64) features of a plane that know an object."""
        net = self.memory_net
        begun: Begun | None = encoding.__dict__.get("begun")
        if begun is None:
            # The same for every object on the plane.
            begun = encoding.__dict__["begun"] = net.begin(encoding.features[0].flatten(1).t())
        rows = net.look(begun, *found)
        return rows.t().unflatten(1, encoding.features.shape[2:])[None]

    def known(self, encoding: Plane, features: Tensor) -> Seen:
        """Find an object by features that know it; nobody points at anything."""
        return self.see(encoding, features, np.zeros((2, 2), np.float32), [PADDING, PADDING], several=True)

    def see(
        self,
        encoding: Plane,
        features: Tensor,
        places: NDArray[np.float32],
        kinds: list[int],
        *,
        several: bool,
        mask: Tensor | None = None,
    ) -> Seen:
        """Decode points and corners in the network's frame, on (1, 256, 64, 64) features of a plane.

        `mask`: (1, 1, 256, 256) logits of a mask prompt, which are cut off as the authors do it.
        """
        mask = None if mask is None else mask.clamp(-SURE, SURE)
        side = self.net.image_side(features, encoding.detail, mask)
        return self._seen(side, places, kinds, several=several)

    def kept(self, encoding: Plane, seen: Seen, *, given: bool) -> Kept:
        """Return what is remembered of an object on a plane."""
        low = seen.low.to(self.device)
        return self.memory_net.keep(encoding.features, low, seen.pointer, seen.presence, given=given)

    def _seen(self, side: ImageSide, places: NDArray[np.float32], kinds: list[int], *, several: bool) -> Seen:
        points = torch.from_numpy(places)[None].to(self.device)
        tokens = self.net.sam_prompt_encoder.tokens(points, torch.tensor([kinds], device=self.device))
        answer = self.net.sam_mask_decoder.answer(tokens, side, several)
        presence = float(answer.presence[0])
        best = int(answer.scores[0].argmax())
        low = answer.logits[0, best].cpu()
        if presence <= 0:
            low = torch.full_like(low, ABSENT)
        pointer = self.memory_net.pointer(answer.tokens[0, best], presence)
        return Seen(low, answer.scores[0].cpu(), best, presence, pointer)

    def _drawn_mask(self, encoding: Plane, mask: NDArray[np.bool_]) -> Seen:
        """Take a (Y, X) mask as the answer, and let the decoder make the pointer."""
        shown = torch.from_numpy(mask)[None, None].float()
        size = (sam2_video.SIDE, sam2_video.SIDE)
        shown = F.interpolate(shown, size, mode="bilinear", align_corners=False, antialias=True).ge(0.5).float()
        low = F.interpolate(
            shown * (2 * DRAWN) - DRAWN, (256, 256), mode="bilinear", align_corners=False, antialias=True
        )
        small = self.memory_net.small(shown.to(self.device))
        side = self.net.image_side(encoding.features, encoding.detail, small.float())
        seen = self._seen(side, np.zeros((2, 2), np.float32), [PADDING, PADDING], several=False)
        there = DRAWN if bool(shown.any()) else -DRAWN
        pointer = seen.pointer if there > 0 else self.memory_net.pointer(seen.pointer, there)
        return Seen(low[0, 0], seen.scores, 0, there, pointer)

    def _followed(self, encoding: Plane, seen: Seen) -> Followed:
        mask, origin = sam2_video.frame(encoding.image_hw).enlargement.mask(seen.low)
        score = min(max(float(seen.scores[seen.best].nan_to_num()), 0.0), 1.0)
        return Followed(Candidate(mask, origin, score), seen.presence)


def memory_net(weights: dict[str, Tensor]) -> MemoryNet:
    """Return the network with weights of a checkpoint; every name must fit."""
    with torch.device("meta"):
        net = MemoryNet()
    net.load_state_dict({name: value.float() for name, value in weights.items()}, strict=True, assign=True)
    return net.eval().requires_grad_(False)


def clicked(prompt: PromptArrays) -> bool:
    """Whether a prompt has anything but a mask."""
    return prompt.box_xyxy is not None or len(prompt.points_xy) + len(prompt.negative_xy) > 0


def _whole(mask: NDArray[np.bool_], origin_xy: tuple[int, int], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    whole = np.zeros(image_hw, bool)
    x, y = origin_xy
    part = mask[: image_hw[0] - y, : image_hw[1] - x]
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part
    return whole
