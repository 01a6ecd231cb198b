"""Attention over many image positions with decomposed relative positions, without the matrix of all pairs.

Relative positions as in MViTv2 (arXiv:2112.01526) and ViTDet (arXiv:2203.16527): the logit of query position (y, x)
and key position (v, u) gains ``q . R_h[y - v] + q . R_w[x - u]``. The two terms are small; their sum for all pairs
has the size of the attention matrix (4096 x 4096 per head), so it is made block by block and used up at once.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

__all__ = ["attend_grid", "relative", "relative_terms"]

_BLOCK = 256
"""Queries at a time on a CPU: their logits with 4096 keys, 4 MB, stay in the cache between the steps."""
_DEVICE_BLOCK = 1024
"""Queries at a time elsewhere: all heads at once, so that kernels are few and large."""


def relative(table: Tensor, side: int) -> Tensor:
    """Spread a table (2 side - 1, D) of relative positions to (side, side, D): query place, key place."""
    place = torch.arange(side, device=table.device)
    return table[place[:, None] - place[None, :] + side - 1]


def relative_terms(queries: Tensor, rel_h: Tensor, rel_w: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply queries with the relative positions of all keys.

    Parameters
    ----------
    queries : (..., Y, X, H, D) tensor
        Not scaled. Y and X may be less than the keys' side: the first rows and columns.
    rel_h, rel_w : (side, side, D) tensors
        From `relative`.

    Returns
    -------
    two (..., Y, X, H, side) tensors
    """
    rows, columns = queries.shape[-4:-2]
    by_h = torch.einsum("...yxhd,ykd->...yxhk", queries, rel_h[:rows])
    by_w = torch.einsum("...yxhd,xkd->...yxhk", queries, rel_w[:columns])
    return by_h, by_w


def attend_grid(qkv: Tensor, by_h: Tensor, by_w: Tensor, side: int) -> Tensor:
    """Attend among all positions of a side x side grid.

    Parameters
    ----------
    qkv : (P, 3, H, D) tensor
        Queries, keys and values, row by row.
    by_h, by_w : (P, H, side) tensors
        From `relative_terms`.

    Returns
    -------
    (P, H * D) tensor
    """
    if qkv.device.type == "cpu" and qkv.dtype == torch.float32:
        return _by_products(qkv, by_h, by_w, side)
    return _by_kernels(qkv, by_h, by_w)


def _by_products(qkv: Tensor, by_h: Tensor, by_w: Tensor, side: int) -> Tensor:
    """Make one block of logits after the other in the same buffer: faster on a CPU than the fused kernel's mask."""
    count, _, heads, width = qkv.shape
    out = qkv.new_empty(count, heads, width)
    buffer = qkv.new_empty(_BLOCK, count)
    for head in range(heads):
        query = qkv[:, 0, head]
        key, value = qkv[:, 1, head].contiguous(), qkv[:, 2, head].contiguous()
        for start in range(0, count, _BLOCK):
            stop = min(count, start + _BLOCK)
            logits = buffer[: stop - start]
            grid = logits.view(stop - start, side, side)
            torch.add(by_h[start:stop, head, :, None], by_w[start:stop, head, None, :], out=grid)
            logits.addmm_(query[start:stop], key.t(), alpha=width**-0.5)
            torch.softmax(logits, 1, out=logits)
            torch.mm(logits, value, out=out[start:stop, head])
    return out.flatten(1)


def _by_kernels(qkv: Tensor, by_h: Tensor, by_w: Tensor) -> Tensor:
    query, key, value = qkv.permute(1, 2, 0, 3)[:, None]  # 1 H P D
    parts = []
    for start in range(0, len(qkv), _DEVICE_BLOCK):
        block = slice(start, start + _DEVICE_BLOCK)
        bias = by_h[block, :, :, None] + by_w[block, :, None, :]  # n H side side
        bias = bias.flatten(2).transpose(0, 1)[None]  # 1 H n P
        parts.append(F.scaled_dot_product_attention(query[:, :, block], key, value, attn_mask=bias))
    return torch.cat(parts, 2)[0].transpose(0, 1).flatten(1)
