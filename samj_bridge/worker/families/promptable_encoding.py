"""What families of SAM's kind keep of an image: its embedding, and what the first prompt makes for others."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.families.base import Candidate
from samj_bridge.worker.nets.sam_decoder import ImageSide
from samj_bridge.worker.transforms.frame import Frame

__all__ = ["REMEMBERED", "Encoding", "Ready"]

REMEMBERED = 32
"""Answers of one image whose logits are kept for prompts that refine them: 8 MB."""


@dataclass
class Encoding:
    """An encoded image."""

    image_hw: tuple[int, int]
    """Height and width of the image."""
    embedding: Tensor
    """(1, C, side, side), on the model's device."""
    detail: tuple[Tensor, ...] = ()
    """What a family keeps besides."""
    remembers: bool = True
    """Whether a prompt that refines an answer is shown its logits; on tiles it is shown its pixels, always."""

    @property
    def nbytes(self) -> int:
        """Bytes held, what prompts have added among them."""
        held = sum(t.numel() * t.element_size() for t in (self.embedding, *self.detail))
        maps: NDArray[np.float32] | None = self.__dict__.get("maps")
        held += 0 if maps is None else maps.nbytes
        ready: Ready | None = self.__dict__.get("ready")
        return held if ready is None else held + ready.nbytes


@dataclass
class Ready:
    """What the first prompt on an image makes for all that follow; not part of what is stored."""

    frame: Frame
    image_side: ImageSide
    remembers: bool = True
    """Whether answers are remembered."""
    answers: OrderedDict[bytes, Tensor] = field(default_factory=OrderedDict)
    """Low-resolution logits by the digest of the mask that they became."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.image_side.nbytes + sum(t.numel() * t.element_size() for t in self.answers.values())

    def remember(self, candidate: Candidate, logits: Tensor) -> None:
        """Keep the logits behind an answer."""
        self.answers[_digest(candidate.mask, candidate.origin_xy)] = logits
        while len(self.answers) > REMEMBERED:
            self.answers.popitem(last=False)

    def mask_prompt(self, mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> Tensor:
        """Return (1, 1, side, side) logits for an earlier region: its own, or made of its pixels."""
        known = self.answers.get(_digest(mask, origin_xy))
        if known is None:
            known = torch.from_numpy(self.frame.mask_logits(mask, origin_xy))
        return known[None, None]


def _digest(mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> bytes:
    """Name a mask by its pixels in the image, wherever its crop begins."""
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    if not len(rows):
        return b""
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    place = np.array([origin_xy[0] + columns[0], origin_xy[1] + rows[0], *tight.shape], np.int64)
    return hashlib.blake2b(place.tobytes() + np.packbits(tight).tobytes(), digest_size=16).digest()
