"""Where something is, told to attention: sines of places and of distances, and rotations of pairs of channels.

The sines are those of "Attention is all you need" (arXiv:1706.03762) over both axes, as in DETR (arXiv:2005.12872);
the rotations are rotary embeddings (arXiv:2104.09864), half of the pairs turned by x, the other half by y.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["Rotation", "sines_of_distances", "sines_of_grid"]

BASE = 10000.0
"""Longest wavelength, in steps."""


def sines_of_grid(side: int, width: int) -> Tensor:
    """Return what the cells of a side x side grid add to their features: (side * side, width), row by row.

    The first half of the channels is of y, the other of x, each over one turn along the whole side.
    """
    steps = torch.arange(1, side + 1, dtype=torch.float32)
    turns = steps / (steps[-1] + 1e-6) * (2 * math.pi)
    half = width // 2
    wave = BASE ** (2 * torch.div(torch.arange(half), 2, rounding_mode="floor").float() / half)
    phase = turns[:, None] / wave  # side half
    waves = torch.stack([phase[:, 0::2].sin(), phase[:, 1::2].cos()], 2).flatten(1)
    rows, columns = waves[:, None].expand(-1, side, -1), waves[None].expand(side, -1, -1)
    return torch.cat([rows, columns], 2).flatten(0, 1)


def sines_of_distances(distances: Tensor, width: int) -> Tensor:
    """Turn (N,) distances into (N, width): the sines, then the cosines."""
    half = width // 2
    index = torch.arange(half, device=distances.device)
    wave = BASE ** (2 * torch.div(index, 2, rounding_mode="floor").float() / half)
    phase = distances.float()[:, None] / wave
    return torch.cat([phase.sin(), phase.cos()], 1)


class Rotation:
    """Turns neighbouring channels by angles that grow with the place of a cell in a side x side grid."""

    def __init__(self, side: int, width: int) -> None:
        quarter = width // 4
        speed = 1.0 / BASE ** (torch.arange(quarter, dtype=torch.float32) * 4 / width)
        cells = torch.arange(side * side)
        x, y = (cells % side).float(), torch.div(cells, side, rounding_mode="floor").float()
        angle = torch.cat([torch.outer(x, speed), torch.outer(y, speed)], 1)
        self._cos, self._sin = angle.cos(), angle.sin()

    def to(self, like: Tensor) -> Rotation:
        """Bring the table to where a tensor is, in its number format."""
        self._cos, self._sin = self._cos.to(like), self._sin.to(like)
        return self

    def __call__(self, rows: Tensor) -> Tensor:
        """Turn (n P, width) rows, n grids one after the other."""
        pairs = rows.unflatten(0, (-1, len(self._cos))).unflatten(2, (-1, 2))  # n P width/2 2
        even, odd = pairs[..., 0], pairs[..., 1]
        turned = torch.stack([even * self._cos - odd * self._sin, even * self._sin + odd * self._cos], -1)
        return turned.flatten(2).flatten(0, 1)
