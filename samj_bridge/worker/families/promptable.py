"""What the families of SAM's kind share: an embedding that is kept, prompts made tokens, low masks made candidates.

A family derives from `PromptableModel` and says how its network encodes, prepares and decodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker.families.base import (
    BatchingModel,
    BuildSpec,
    Candidate,
    PromptArrays,
    Proposals,
    ProposingModel,
    SoftMask,
    TiledModel,
)
from samj_bridge.worker.families.cutting import honour
from samj_bridge.worker.families.parallel import each, one_thread
from samj_bridge.worker.families.promptable_encoding import Encoding, Ready
from samj_bridge.worker.nets.sam_decoder import ImageSide
from samj_bridge.worker.nets.sam_prompt import BOTTOM_RIGHT, NEGATIVE, PADDING, POSITIVE, TOP_LEFT
from samj_bridge.worker.transforms import Transform
from samj_bridge.worker.transforms.frame import Frame

__all__ = [
    "Abilities",
    "Encoding",
    "LowProposals",
    "PointableModel",
    "PromptableModel",
    "dtype_of",
    "is_ambiguous",
    "labelled",
]


@dataclass(frozen=True)
class Abilities:
    """Which prompts a network takes; the rest is done on its answers."""

    points: bool = True
    """Positive points."""
    negative: bool = True
    """Negative points."""
    mask: bool = True
    """Masks; otherwise a mask's bounding box is used."""
    tokens: int | None = None
    """Most points and corners together; None: any number."""
    several: bool = True
    """Three masks for ambiguous prompts."""


class _Untold(NamedTuple):
    """What of a prompt the network isn't told."""

    points: bool
    """Positive points beyond its tokens."""
    negative: bool
    """Negative points."""
    region: bool
    """The region to be refined, but for its bounding box where no box is given."""


class PromptableModel(BatchingModel, TiledModel):
    """A network with SAM's kind of decoder; what a family has to say comes first."""

    bytes_per_pixel: ClassVar[dict[int, int]] = {1: 12, 3: 36}
    """Memory that an image takes per pixel, by channels, while it is resized to the network's frame."""
    pads_points = True
    """Whether a padding point follows points without a box."""
    box_first = False
    """Whether box corners come before points."""

    def __init__(self, net: torch.nn.Module, spec: BuildSpec, how: Transform, abilities: Abilities):
        self.net = net.eval().to(spec.device).requires_grad_(False)
        self.device, self.transform, self.abilities = torch.device(spec.device), how, abilities
        self.parameters = sum(p.numel() for p in net.parameters())
        self.dtype = dtype_of(spec.precision)
        # A larger image is shrunk to the network's input, and loses detail.
        self.tile_px = self.whole_px = how.SIDE

    # What a family says.

    def embed(self, pixels: Tensor, check: Callable[[float], None]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the embedding and the detail of (1, 3, side, side) pixels."""
        raise NotImplementedError

    def prepare(self, encoding: Encoding, mask: Tensor | None = None) -> ImageSide:
        """Return what prompts on an image share, with a (1, 1, side, side) mask prompt or without."""
        raise NotImplementedError

    def answer(self, points_xy: Tensor, labels: Tensor, side: ImageSide, several: bool) -> tuple[Tensor, Tensor]:
        """Return logits (B, K, side, side) and scores (B, K) of B prompts, K 3 or 1."""
        raise NotImplementedError

    # What is the same for all.

    @torch.inference_mode()
    def encode(self, image: NDArray[np.float32], check: Callable[[float], None]) -> Encoding:
        """Encode a (Y, X, C) image of 0..1."""
        check(0.0)
        pixels = self.transform.pixels(image).to(self.device, self.dtype)
        embedding, detail = self.embed(pixels, check)
        return Encoding((image.shape[0], image.shape[1]), embedding, detail)

    @torch.inference_mode()
    def decode(self, encoding: Encoding, prompt: PromptArrays, candidates: int) -> list[Candidate]:
        """Return masks for a prompt, best predicted IoU first; one of them where the network knows no others."""
        if encoding.remembers:
            return self._decode(encoding, prompt, candidates)
        # On a tile an answer is the same bit for bit, alone or among others, each of which has one core.
        self.ready(encoding)
        with one_thread():
            return self._decode(encoding, prompt, candidates)

    def _decode(self, encoding: Encoding, prompt: PromptArrays, candidates: int) -> list[Candidate]:
        ready, asked = self.ready(encoding), self._possible(prompt)
        if asked is None:
            return [Candidate(np.zeros((1, 1), bool), (0, 0), 0.0)] * candidates
        places, kinds = self._tokens(ready.frame, asked)
        side = ready.image_side
        if asked.mask is not None and self.abilities.mask:
            side = self.prepare(encoding, ready.mask_prompt(asked.mask, asked.mask_origin_xy).to(self.device))
        several = self.abilities.several and (candidates > 1 or is_ambiguous(asked) or any(self._untold(asked)))
        low, scores = self.answer(places[None], kinds[None], side, several)
        return self._candidates(ready, asked, low[0].cpu(), scores[0].cpu())[:candidates]

    def decode_many(
        self, encoding: Encoding, prompts: Sequence[PromptArrays], candidates: int, check: Callable[[float], None]
    ) -> Iterator[list[Candidate]]:
        """Yield what `decode` returns for each of many prompts, with the cores shared out among them."""
        if len(prompts) == 1:
            # Alone it has all cores.
            yield self.decode(encoding, prompts[0], candidates)
            return
        self.ready(encoding)
        yield from each(lambda prompt: self._decode(encoding, prompt, candidates), prompts, self.device.type, check)

    def tile_of(self, encoding: Encoding, halvings: int) -> Encoding:
        """See ``base.TiledModel``: the frame of the pixels before the halvings shows the very same picture."""
        height, width = encoding.image_hw
        return replace(encoding, image_hw=(height << halvings, width << halvings), remembers=False)

    def ready(self, encoding: Encoding) -> Ready:
        """Return what was prepared for prompts on an image, which the first of them does."""
        ready: Ready | None = encoding.__dict__.get("ready")
        if ready is None:
            with torch.inference_mode():
                frame = self.transform.frame(encoding.image_hw)
                ready = Ready(frame, self.prepare(encoding), encoding.remembers)
            encoding.__dict__["ready"] = ready
        return ready

    def _possible(self, prompt: PromptArrays) -> PromptArrays | None:
        """Replace what the network can't take where something says the same; None: nothing is asked for."""
        mask = prompt.mask if prompt.mask is not None and prompt.mask.any() else None
        box = prompt.box_xyxy
        if mask is not None and not self.abilities.mask and box is None:
            box = _box_of(mask, prompt.mask_origin_xy)
        if not self.abilities.points and len(prompt.points_xy):
            message = "This model was trained with boxes only; it can't be asked by points inside the object."
            hint = "Draw a box around the object (negative points may cut the answer), or choose another model."
            raise OperationFailed(FailureCode.BAD_PROMPT, message, hint=hint)
        if box is None and mask is None and not len(prompt.points_xy):
            return None
        return PromptArrays(box, prompt.points_xy, prompt.negative_xy, mask, prompt.mask_origin_xy)

    def _tokens(self, frame: Frame, prompt: PromptArrays) -> tuple[Tensor, Tensor]:
        places, kinds = labelled(
            frame,
            prompt.box_xyxy,
            prompt.points_xy,
            prompt.negative_xy if self.abilities.negative else prompt.negative_xy[:0],
            pad=self.pads_points,
            box_first=self.box_first,
        )
        return torch.from_numpy(places).to(self.device), torch.tensor(kinds, dtype=torch.long, device=self.device)

    def _candidates(self, ready: Ready, prompt: PromptArrays, low: Tensor, scores: Tensor) -> list[Candidate]:
        order = scores.nan_to_num(-torch.inf).argsort(descending=True).tolist()
        found = []
        for k in order:
            mask, origin = ready.frame.enlargement.mask(low[k])
            candidate = Candidate(mask, origin, min(max(float(scores[k].nan_to_num()), 0.0), 1.0))
            if ready.remembers:
                ready.remember(candidate, low[k])
            found.append(candidate)
        untold = self._untold(prompt)
        if not any(untold):
            return found
        return honour(found, prompt, positive=untold.points, region=untold.region)

    def _untold(self, prompt: PromptArrays) -> _Untold:
        able, corners = self.abilities, 0 if prompt.box_xyxy is None else 2
        return _Untold(
            able.tokens is not None and corners + len(prompt.points_xy) > able.tokens,
            not able.negative and len(prompt.negative_xy) > 0,
            not able.mask and prompt.mask is not None,
        )


class PointableModel(PromptableModel, ProposingModel):
    """One that takes points."""

    @torch.inference_mode()
    def propose(
        self, encoding: Encoding, points_xy: NDArray[np.float64], check: Callable[[float], None]
    ) -> LowProposals:
        """Return three masks for each of N positive points; see ``base.ProposingModel``."""
        return self._proposed(encoding, points_xy, check, several=True)

    def _proposed(
        self,
        encoding: Encoding,
        points_xy: NDArray[np.float64],
        check: Callable[[float], None],
        *,
        several: bool,
    ) -> LowProposals:
        ready = self.ready(encoding)
        places = torch.from_numpy(ready.frame.points(points_xy))[:, None]  # N 1 2
        kinds = [POSITIVE]
        if self.pads_points:
            places, kinds = torch.cat([places, torch.zeros_like(places)], 1), [POSITIVE, PADDING]
        labels = torch.tensor([kinds]).expand(len(places), -1)

        def ask(part: slice) -> tuple[Tensor, Tensor]:
            points, marks = places[part].to(self.device), labels[part].to(self.device)
            low, scores = self.answer(points, marks, ready.image_side, several)
            return low.cpu(), scores.cpu()

        size = 1 if self.device.type == "cpu" else 64
        parts = [slice(start, start + size) for start in range(0, len(places), size)]
        found = list(each(ask, parts, self.device.type, check))
        if not found:
            count = 3 if several else 1
            return LowProposals(np.zeros((0, count), np.float32), torch.zeros(0, count, 1, 1), ready.frame)
        scores = torch.cat([part[1] for part in found]).numpy()
        return LowProposals(scores, torch.cat([part[0] for part in found]), ready.frame)


class LowProposals(Proposals):
    """Low-resolution logits."""

    def __init__(self, scores: NDArray[np.float32], low: Tensor, frame: Frame):
        self.scores, self._low, self._frame = scores, low, frame

    def soft(self, n: int, k: int, low: float) -> SoftMask:
        """See ``base.Proposals.soft``."""
        enlargement, logits = self._frame.enlargement, self._low[n, k]
        box = enlargement.box_above(logits, enlargement.threshold + low)
        if box is None:
            return SoftMask(np.zeros((0, 0), np.float32), (0, 0))
        found = enlargement.crop(logits, box).sub_(enlargement.threshold)
        if enlargement.inclusive:
            # Right on the threshold counts; everything mode asks for what is above it.
            found[found == 0] = torch.finfo(torch.float32).tiny
        return SoftMask(found.numpy(), box[:2])


def labelled(
    frame: Frame,
    box_xyxy: tuple[float, float, float, float] | None,
    points_xy: NDArray[np.floating[Any]],
    negative_xy: NDArray[np.floating[Any]],
    *,
    pad: bool,
    box_first: bool,
) -> tuple[NDArray[np.float32], list[int]]:
    """Return the places (N, 2) in the network's frame, and kinds, of a prompt's points and corners.

    A padding point follows the points where `pad` is true and there is no box.
    """
    places, kinds = [frame.points(points_xy), frame.points(negative_xy)], [POSITIVE] * len(points_xy)
    kinds += [NEGATIVE] * len(negative_xy)
    if pad and box_xyxy is None and kinds:
        places, kinds = [*places, np.zeros((1, 2), np.float32)], [*kinds, PADDING]
    if box_xyxy is not None:
        corners, marks = frame.box(box_xyxy), [TOP_LEFT, BOTTOM_RIGHT]
        places = [corners, *places] if box_first else [*places, corners]
        kinds = [*marks, *kinds] if box_first else [*kinds, *marks]
    return np.concatenate(places).reshape(-1, 2), kinds


def is_ambiguous(prompt: PromptArrays) -> bool:
    """Return whether a prompt is a single click, which may mean a part, the whole or what it belongs to.

    For one mask of such a prompt SAM's authors advise to take the best of the three.
    """
    alone = prompt.box_xyxy is None and prompt.mask is None
    return alone and len(prompt.points_xy) == 1 and not len(prompt.negative_xy)


def dtype_of(precision: str) -> torch.dtype:
    """Return torch's type for a precision; ``auto`` stands for float32 here."""
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision, torch.float32)


def _box_of(mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> tuple[float, float, float, float]:
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    x, y = origin_xy
    return float(x + columns[0]), float(y + rows[0]), float(x + columns[-1] + 1), float(y + rows[-1] + 1)
