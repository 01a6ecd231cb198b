"""The parts of SAM 2.1 that follow an object: what is kept of a plane, and how the next plane sees it.

Follows github.com/facebookresearch/sam2 (SAM 2, arXiv:2408.00714), whose parameter names are kept. No code was
taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.memory.attention import Begun, MemoryAttention, Remembered
from samj_bridge.worker.nets.memory.encoder import MemoryEncoder
from samj_bridge.worker.nets.memory.positions import Rotation, sines_of_distances, sines_of_grid
from samj_bridge.worker.nets.sam_decoder import Mlp

__all__ = ["SLOTS", "Kept", "MemoryNet", "video_shapes"]

WIDTH, KEPT, SIDE = 256, 64, 64
SLOTS = 7
"""Times that are told apart: planes that were given, and the six that come before the plane looked at."""
ABSENT = -1024.0
"""Logit everywhere of an object that is not there."""


@dataclass(frozen=True)
class Kept:
    """What is remembered of an object on one plane."""

    cells: Tensor
    """(4096, 64) bfloat16: as published, rounded whatever the rest computes in."""
    pointer: Tensor
    """(256,) float32: what the decoder made of the object."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(t.numel() * t.element_size() for t in (self.cells, self.pointer))


class MemoryNet(nn.Module):
    """Memory attention, memory encoder, object pointers."""

    def __init__(self) -> None:
        super().__init__()
        self.maskmem_tpos_enc = nn.Parameter(torch.empty(SLOTS, 1, 1, KEPT))
        # Part of the checkpoint; with `no_mem_embed` added there is nothing that it would be the position of.
        self.no_mem_pos_enc = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.no_obj_ptr = nn.Parameter(torch.empty(1, WIDTH))
        self.no_obj_embed_spatial = nn.Parameter(torch.empty(1, KEPT))
        self.mask_downsample = nn.Conv2d(1, 1, 4, 4)
        self.memory_attention = MemoryAttention()
        self.memory_encoder = MemoryEncoder()
        self.obj_ptr_proj = Mlp(WIDTH, WIDTH, WIDTH, 3)
        self.obj_ptr_tpos_proj = nn.Linear(WIDTH, KEPT)

    def prepare(self) -> None:
        """Make the tables of positions, once the weights are where they are used."""
        like = self.no_obj_ptr
        self.turn = Rotation(SIDE, WIDTH).to(like)
        self.places = sines_of_grid(SIDE, WIDTH).to(like)
        self.kept_places = sines_of_grid(SIDE, KEPT).to(like)

    def begin(self, rows: Tensor) -> Begun:
        """Prepare a plane's (4096, 256) features for any number of objects."""
        return self.memory_attention.begin(rows + 0.1 * self.places, self.turn)

    def look(
        self, begun: Begun, cells: Sequence[tuple[int, Tensor]], pointers: Sequence[tuple[int, Tensor]], most: int
    ) -> Tensor:
        """Return a plane's (4096, 256) features that know an object.

        Parameters
        ----------
        begun : Begun
            From `begin`.
        cells : sequence of (slot, (4096, 64) tensor)
            What is remembered; slot 6 is for planes that were given, 0 for the one just before this plane, 5 for
            the sixth before it.
        pointers : sequence of (distance, (256,) tensor)
            Of the object on planes so far from this one.
        most : int
            Largest number of planes whose pointers are looked at, this plane among them.
        """
        like = begun.rows
        values = [kept.to(like) for _, kept in cells]
        keys = [
            value + self.kept_places + self.maskmem_tpos_enc[slot, 0]
            for value, (slot, _) in zip(values, cells, strict=True)
        ]
        count = sum(map(len, values))
        if pointers:
            distances = torch.tensor([distance for distance, _ in pointers], device=like.device)
            when = sines_of_distances(distances / max(1, most - 1), WIDTH).to(like)
            parts = torch.stack([pointer.to(like) for _, pointer in pointers]).unflatten(1, (-1, KEPT))  # m 4 64
            values.append(parts.flatten(0, 1))
            keys.append((parts + self.obj_ptr_tpos_proj(when)[:, None]).flatten(0, 1))
        remembered = Remembered(torch.cat(values), torch.cat(keys), count)
        seen: Tensor = self.memory_attention(begun, remembered, self.turn)
        return seen

    def pointer(self, token: Tensor, presence: float) -> Tensor:
        """Return the (256,) pointer for the decoder's token of the chosen mask."""
        return self.obj_ptr_proj(token[None])[0].float() if presence > 0 else self.no_obj_ptr[0].float()

    def keep(self, features: Tensor, low: Tensor, pointer: Tensor, presence: float, *, given: bool) -> Kept:
        """Remember an object on a plane.

        Parameters
        ----------
        features : (1, 256, 64, 64) tensor
            The plane's, before anything was looked at.
        low : (256, 256) tensor
            Logits of the object.
        pointer, presence
            From `pointer`, and the logit that the object is there.
        given : bool
            Whether somebody drew it: then it is remembered as certain.
        """
        mask = F.interpolate(low[None, None].float(), (1024, 1024), mode="bilinear", align_corners=False)
        mask = (mask > 0).float() if given else mask.sigmoid()
        cells = self.memory_encoder(features, (mask * 20 - 10).to(features))[0].flatten(1).t()  # 4096 64
        if presence <= 0:
            cells = cells + self.no_obj_embed_spatial
        return Kept(cells.bfloat16(), pointer)

    def small(self, mask: Tensor) -> Tensor:
        """Shrink a (1, 1, 1024, 1024) mask of 0 and 1 to the decoder's mask prompt, (1, 1, 256, 256)."""
        out: Tensor = self.mask_downsample(mask.to(self.no_obj_ptr))
        return out


def video_shapes() -> dict[str, tuple[int, ...]]:
    """Keys and shapes of what only following needs: the same for every size of the network."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in MemoryNet().state_dict().items()}
