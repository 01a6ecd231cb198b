"""SAM 2's memory attention: a plane's features look at themselves, then at what is remembered, four times.

How it is computed here: what is remembered has 64 channels, and attention sums to one. So the sum over the
remembered cells is taken of the 64 channels, and only then projected to the 256 of the values: a quarter of that
product is left. What the first layer does before it looks at the memory is the same for every object on a plane,
and is done once (`MemoryAttention.begin`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.memory.positions import Rotation

__all__ = ["Begun", "MemoryAttention", "Remembered"]

WIDTH, KEPT = 256, 64
BLOCK = 128
"""Queries at a time on a CPU."""


@dataclass(frozen=True)
class Remembered:
    """What a plane looks at: cells of earlier planes, and pointers to the object on them."""

    values: Tensor
    """(n P + 4 m, 64): n memories of P cells each, then the m pointers, in four parts each."""
    keys: Tensor
    """(n P + 4 m, 64): the same with what tells where and when."""
    cells: int
    """How many rows are cells: n P."""


@dataclass(frozen=True)
class Begun:
    """What the first layer makes of a plane, whatever is remembered."""

    rows: Tensor
    """(P, 256) after it looked at itself."""
    queries: Tensor
    """(P, 256) what it looks at the memory with."""


class OneHead(nn.Module):
    """Attention with one head, whose queries and keys are turned by their places."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(kept, WIDTH)
        self.v_proj = nn.Linear(kept, WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def read(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend: (P, 256) turned queries, (K, 256) turned keys, (K, kept) values that are not projected yet."""
        if queries.device.type == "cpu" and queries.dtype == torch.float32:
            return self.out_proj(self.v_proj(_by_products(queries, keys, values)))
        projected = self.v_proj(values)
        found = F.scaled_dot_product_attention(queries[None, None], keys[None, None], projected[None, None])
        return self.out_proj(found[0, 0])


class Layer(nn.Module):
    """Looks at itself, at what is remembered, and thinks."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn, self.cross_attn_image = OneHead(WIDTH), OneHead(KEPT)
        self.linear1, self.linear2 = nn.Linear(WIDTH, 2048), nn.Linear(2048, WIDTH)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(WIDTH) for _ in range(3))

    def begin(self, rows: Tensor, turn: Rotation) -> Begun:
        """Look at itself, and make the queries for the memory."""
        attend, normed = self.self_attn, self.norm1(rows)
        queries, keys = turn(attend.q_proj(normed)), turn(attend.k_proj(normed))
        rows = rows + attend.read(queries, keys, normed)
        return Begun(rows, turn(self.cross_attn_image.q_proj(self.norm2(rows))))

    def finish(self, begun: Begun, remembered: Remembered, turn: Rotation) -> Tensor:
        """Look at what is remembered, and think."""
        attend, cells = self.cross_attn_image, remembered.cells
        keys = attend.k_proj(remembered.keys)
        # Pointers have no place.
        keys = torch.cat([turn(keys[:cells]), keys[cells:]])
        rows = begun.rows + attend.read(begun.queries, keys, remembered.values)
        out: Tensor = rows + self.linear2(F.relu(self.linear1(self.norm3(rows))))
        return out


class MemoryAttention(nn.Module):
    """Four layers and a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer() for _ in range(4)])
        self.norm = nn.LayerNorm(WIDTH)

    def begin(self, rows: Tensor, turn: Rotation) -> Begun:
        """Do what is the same for every object on a plane: (P, 256) features with a tenth of their positions."""
        first: Layer = self.layers[0]
        return first.begin(rows, turn)

    def forward(self, begun: Begun, remembered: Remembered, turn: Rotation) -> Tensor:
        """Return (P, 256) features that know the object."""
        rows = begun.rows
        for index, layer in enumerate(self.layers):
            rows = layer.finish(begun if index == 0 else layer.begin(rows, turn), remembered, turn)
        out: Tensor = self.norm(rows)
        return out


def _by_products(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attend block by block, in one buffer: all pairs at once would take half a gigabyte."""
    out = queries.new_empty(len(queries), values.shape[1])
    buffer = queries.new_empty(BLOCK, len(keys))
    scale = queries.shape[1] ** -0.5
    for start in range(0, len(queries), BLOCK):
        part = queries[start : start + BLOCK] * scale
        logits = torch.mm(part, keys.t(), out=buffer[: len(part)])
        torch.softmax(logits, 1, out=logits)
        torch.mm(logits, values, out=out[start : start + len(part)])
    return out
