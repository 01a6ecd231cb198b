"""SAM's image encoder: a plain ViT with windows and relative positions (ViTDet, arXiv:2203.16527).

Follows the published network (Segment Anything, arXiv:2304.02643; github.com/facebookresearch/segment-anything),
whose parameter names it has. What is done otherwise, with the same result:

- Tokens stay ordered window by window from the first block to the last; only the few blocks with global attention
  see them row by row.
- Windows at the right and bottom border reach beyond the image. The published form fills them up with zero tokens
  and lets these take part in everything; they can only be keys and values, which for them are the biases. So no
  row is spent on them but in the attention itself.
- The perceptron runs over a few hundred tokens at a time, whose 3072 hidden channels stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.attention import attend_grid, relative, relative_terms
from samj_bridge.worker.nets.sam_prompt import LayerNorm2d

__all__ = ["VIT_B", "VIT_H", "VIT_L", "Neck", "Patches", "SamVit", "VitConfig", "in_chunks"]

TOKENS_AT_ONCE = 512
"""Tokens that pass a perceptron at a time."""
_WINDOWS = 4
"""Windows that attend at a time: the relative positions of their pairs take 7 MB for ViT-B."""


@dataclass(frozen=True)
class VitConfig:
    """Sizes of an encoder."""

    width: int
    """Channels of a token."""
    depth: int
    """Blocks."""
    heads: int
    """Attention heads."""
    global_blocks: tuple[int, ...]
    """Blocks whose tokens see the whole image; the others see their window."""
    window: int = 14
    """Tokens along a window's side."""
    side: int = 64
    """Tokens along the image's side."""
    patch: int = 16
    """Pixels along a token's side."""
    output: int = 256
    """Channels of the embedding."""


VIT_B = VitConfig(768, 12, 12, (2, 5, 8, 11))
VIT_L = VitConfig(1024, 24, 16, (5, 11, 17, 23))
VIT_H = VitConfig(1280, 32, 16, (7, 15, 23, 31))


@dataclass(frozen=True)
class _Group:
    """Windows that hold the same part of the image's tokens."""

    count: int
    """Windows."""
    rows: int
    """Rows of tokens in each, at most the window's side."""
    columns: int
    """Columns of tokens in each."""


def window_order(side: int, window: int) -> tuple[Tensor, list[_Group]]:
    """Order the tokens of a side x side grid window by window, whole windows first.

    Returns
    -------
    order : (side * side,) int64 tensor
        Number, row by row, of each token in the new order.
    groups : list
        The windows, in that order.
    """
    grid = torch.arange(side * side).view(side, side)
    whole, rest = divmod(side, window)
    edge = whole * window
    parts, groups = [], []
    for rows, top, down in ((window, 0, whole), (rest, edge, 1)):
        for columns, left, across in ((window, 0, whole), (rest, edge, 1)):
            if not rows * columns * down * across:
                continue
            part = grid[top : top + down * rows, left : left + across * columns]
            part = part.reshape(down, rows, across, columns).transpose(1, 2)
            parts.append(part.flatten())
            groups.append(_Group(down * across, rows, columns))
    return torch.cat(parts), groups


def in_chunks(function: Callable[[Tensor], Tensor], rows: Tensor, at_once: int | None = None) -> Tensor:
    """Apply a function of rows to a few hundred of them at a time, on a CPU; elsewhere to all."""
    at_once = TOKENS_AT_ONCE if at_once is None else at_once
    if rows.device.type != "cpu" or len(rows) <= at_once:
        return function(rows)
    whole: Tensor | None = None
    for start in range(0, len(rows), at_once):
        part = function(rows[start : start + at_once])
        if whole is None:
            whole = part.new_empty(len(rows), *part.shape[1:])
        # While it is in the cache.
        whole[start : start + len(part)] = part
    assert whole is not None
    return whole


class _Attention(nn.Module):
    def __init__(self, config: VitConfig, side: int):
        super().__init__()
        width, self.heads, self.side = config.width, config.heads, side
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // config.heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // config.heads))

    def forward(self, x: Tensor, order: Tensor, groups: list[_Group] | None) -> Tensor:
        """Attend among (P, C) tokens in windows' order: within the windows, or without groups among all."""
        tables = relative(self.rel_pos_h, self.side), relative(self.rel_pos_w, self.side)
        if groups is None:
            by_row = x.new_empty(x.shape)
            by_row[order] = x
            qkv = self.qkv(by_row).unflatten(1, (3, self.heads, -1))  # P 3 H D
            by_h, by_w = relative_terms(qkv[:, 0].unflatten(0, (self.side, self.side)), *tables)
            seen = attend_grid(qkv, by_h.flatten(0, 1), by_w.flatten(0, 1), self.side)
            return self.proj(seen)[order]
        qkv = self.qkv(x).unflatten(1, (3, self.heads, -1))
        parts, start = [], 0
        for group in groups:
            size = group.rows * group.columns
            for first in range(0, group.count, _WINDOWS):
                count = min(_WINDOWS, group.count - first)
                piece = qkv[start : start + count * size].unflatten(0, (count, group.rows, group.columns))
                parts.append(self._windows(piece, *tables))
                start += count * size
        return self.proj(torch.cat(parts))

    def _windows(self, qkv: Tensor, rel_h: Tensor, rel_w: Tensor) -> Tensor:
        """Attend within windows (n, rows, columns, 3, H, D) of which the first rows and columns have tokens."""
        queries, pairs = qkv[:, :, :, 0], qkv[:, :, :, 1:]
        count, rows, columns = queries.shape[:3]
        side = self.side
        by_h, by_w = relative_terms(queries, rel_h, rel_w)  # n rows columns H side
        if rows * columns < side * side:
            padding = self.qkv.bias.unflatten(0, (3, self.heads, -1))[1:]
            full = padding.expand(count, side, side, -1, -1, -1).contiguous()
            full[:, :rows, :columns] = pairs
            pairs = full
        bias = (by_h[..., None] + by_w[..., None, :]).flatten(-2).flatten(1, 2)  # n q H k
        key, value = pairs.flatten(1, 2).permute(2, 0, 3, 1, 4)  # n H k D
        query = queries.flatten(1, 2).transpose(1, 2)  # n H q D
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.transpose(1, 2))
        return seen.transpose(1, 2).flatten(0, 1).flatten(1)  # n*q C


class _Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.lin1 = nn.Linear(width, 4 * width)
        self.lin2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.lin2(F.gelu(self.lin1(x)))


class _Block(nn.Module):
    def __init__(self, config: VitConfig, side: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, 1e-6)
        self.attn = _Attention(config, side)
        self.norm2 = nn.LayerNorm(config.width, 1e-6)
        self.mlp = _Mlp(config.width)

    def forward(self, x: Tensor, order: Tensor, groups: list[_Group] | None) -> Tensor:
        x = x + self.attn(self.norm1(x), order, groups)
        return in_chunks(lambda rows: rows + self.mlp(self.norm2(rows)), x)


class Patches(nn.Module):
    """Pixels to tokens."""

    def __init__(self, width: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, image: Tensor) -> Tensor:
        """Turn (1, 3, H, W) pixels into rows (P, width): patches don't overlap, so this is one product."""
        patch = self.proj.kernel_size[0]
        cells = image[0].unflatten(2, (-1, patch)).unflatten(1, (-1, patch))  # 3 y p x p
        rows = cells.permute(1, 3, 0, 2, 4).flatten(0, 1).flatten(1)  # P 3*p*p
        return F.linear(rows, self.proj.weight.flatten(1), self.proj.bias)


class Neck(nn.Sequential):
    """Tokens to the embedding: two convolutions without bias, each followed by a normalisation."""

    def __init__(self, width: int, output: int):
        super().__init__(
            nn.Conv2d(width, output, 1, bias=False),
            LayerNorm2d(output),
            nn.Conv2d(output, output, 3, padding=1, bias=False),
            LayerNorm2d(output),
        )


class SamVit(nn.Module):
    """(1, 3, 1024, 1024) pixels, normalised and padded, to a (1, 256, 64, 64) embedding."""

    def __init__(self, config: VitConfig):
        super().__init__()
        self.config = config
        self.patch_embed = Patches(config.width, config.patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.side, config.side, config.width))
        sides = [config.side if i in config.global_blocks else config.window for i in range(config.depth)]
        self.blocks = nn.ModuleList([_Block(config, side) for side in sides])
        self.neck = Neck(config.width, config.output)

    def forward(self, image: Tensor, check: Callable[[float], None] = lambda _: None) -> Tensor:
        """Encode; `check` is called with the fraction done between blocks, and may raise."""
        config = self.config
        order, groups = window_order(config.side, config.window)
        order = order.to(image.device)
        x = (self.patch_embed(image) + self.pos_embed.flatten(0, 2))[order]  # P C
        for index, block in enumerate(self.blocks):
            check(index / config.depth)
            x = block(x, order, None if index in config.global_blocks else groups)
        by_row = torch.empty_like(x)
        by_row[order] = x
        grid = by_row.view(1, config.side, config.side, -1).permute(0, 3, 1, 2)  # channels last in memory
        return self.neck(grid)
