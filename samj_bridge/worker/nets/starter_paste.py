"""From masks on a window of the starter network to masks of pixels, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.nets.starter_window import grid

CHUNK_PX = 4_000_000
"""Pixels pasted at once, so that a window over a huge image needs little memory."""


def paste(
    logits: Tensor, window_xyxy: Tensor, image_hw: tuple[int, int]
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Read a mask's logits (G, G) bilinearly at every pixel centre of its window.

    Returns
    -------
    mask : (h, w) bool array
        Only the rectangle that holds the mask; 1 x 1 and False where it is empty.
    origin_xy : image pixel of ``mask[0, 0]``
    """
    x0, y0, x1, y1 = window_xyxy.tolist()
    left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
    right, bottom = min(image_hw[1], int(np.ceil(x1))), min(image_hw[0], int(np.ceil(y1)))
    if right <= left or bottom <= top:
        return np.zeros((1, 1), bool), (min(max(left, 0), image_hw[1] - 1), min(max(top, 0), image_hw[0] - 1))
    cells = logits.shape[0]
    across = _weights(left, right, x0, x1, cells, logits)  # w G
    down = _weights(top, bottom, y0, y1, cells, logits)  # h G
    rows = max(1, CHUNK_PX // (right - left))
    partly = logits @ across.T  # G w
    parts = [(down[i : i + rows] @ partly > 0).cpu().numpy() for i in range(0, len(down), rows)]
    return _trimmed(np.concatenate(parts), (left, top))


def paste_soft(
    logits: Tensor, window_xyxy: Tensor, image_hw: tuple[int, int], low: float
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Read the logits (G, G) at the pixels of the window's part where they can be above `low`.

    Returns
    -------
    logits : (h, w) float32 array
        (0, 0) where no logit inside the image can be above `low`.
    origin_xy : image pixel of ``logits[0, 0]``
    """
    above = logits > low
    if not bool(above.any()):
        return np.zeros((0, 0), np.float32), (0, 0)
    cells = logits.shape[0]
    x0, y0, x1, y1 = window_xyxy.tolist()
    left, right = _reach(above.any(0), x0, x1, image_hw[1])
    top, bottom = _reach(above.any(1), y0, y1, image_hw[0])
    if right <= left or bottom <= top:
        return np.zeros((0, 0), np.float32), (0, 0)
    across = _weights(left, right, x0, x1, cells, logits)  # w G
    down = _weights(top, bottom, y0, y1, cells, logits)  # h G
    return (down @ (logits @ across.T)).cpu().numpy(), (left, top)


def _reach(which: Tensor, low: float, high: float, length: int) -> tuple[int, int]:
    """Pixels on which a run of cells has an influence: bilinear weights reach one cell further."""
    cells = which.nonzero().flatten()
    step = (high - low) / len(which)
    first, last = low + (float(cells[0]) - 0.5) * step, low + (float(cells[-1]) + 1.5) * step
    return max(0, int(np.floor(max(first, low)))), min(length, int(np.ceil(min(last, high))))


def _weights(start: int, stop: int, low: float, high: float, cells: int, like: Tensor) -> Tensor:
    """Weights (pixels, cells) of bilinear interpolation at pixel centres."""
    at = (torch.arange(start, stop, dtype=torch.float64) + 0.5 - low) / (high - low) * cells - 0.5
    at = at.clamp(0, cells - 1)
    below = at.floor().long().clamp_max(max(cells - 2, 0))
    weights = torch.zeros(stop - start, cells, dtype=torch.float64)
    weights.scatter_(1, below[:, None], (1 - (at - below))[:, None])
    weights.scatter_add_(1, (below + 1).clamp_max(cells - 1)[:, None], (at - below)[:, None])
    return weights.to(like)


def _trimmed(mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return np.zeros((1, 1), bool), origin_xy
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.ascontiguousarray(part), (origin_xy[0] + int(columns[0]), origin_xy[1] + int(rows[0]))


def box_of(mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> tuple[float, float, float, float]:
    """Tight box of a mask that isn't empty, in pixel edges."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = origin_xy
    return float(x + columns[0]), float(y + rows[0]), float(x + columns[-1] + 1), float(y + rows[-1] + 1)


def mask_on_window(mask: Tensor, origin_xy: tuple[int, int], windows: Tensor, cells: int) -> Tensor:
    """Show a mask of pixels (h, w) on N windows: (N, 1, G, G), -1 outside and 1 inside, at the cells' centres."""
    xs, ys = grid(windows, cells)
    ix, iy = (xs.floor() - origin_xy[0]).long(), (ys.floor() - origin_xy[1]).long()
    height, width = mask.shape
    inside = ((ix >= 0) & (ix < width))[:, None, :] & ((iy >= 0) & (iy < height))[:, :, None]
    found = mask[iy.clamp(0, height - 1)[:, :, None], ix.clamp(0, width - 1)[:, None, :]] & inside
    return found[:, None].float() * 2 - 1
