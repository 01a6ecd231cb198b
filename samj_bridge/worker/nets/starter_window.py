"""Windows of the starter network: where a prompt is decoded, and what the decoder is shown there.

Coordinates are continuous, (x, y): pixel (i, j) covers [i, i+1) x [j, j+1). Training and inference share this file.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

MARGIN = 0.2
"""Room on each side of a box, in parts of its length."""
MARGIN_PX = 2.0
"""Further room on each side, in pixels, for loose boxes of tiny objects."""
MAX_CLICKS = 8
"""Clicks a decoder pass takes of either sign; later ones win."""


def window_around(box_xyxy: Tensor) -> Tensor:
    """Lay a window around each box: some room, no side shorter than 0.4 of the other, none under 12 px.

    Parameters
    ----------
    box_xyxy : (N, 4) tensor
    """
    centre = (box_xyxy[:, :2] + box_xyxy[:, 2:]) / 2
    size = (box_xyxy[:, 2:] - box_xyxy[:, :2]).clamp_min(1)
    size = (1 + 2 * MARGIN) * size + 2 * MARGIN_PX
    size = torch.maximum(size, 0.4 * size.amax(1, keepdim=True)).clamp_min(12)
    return torch.cat([centre - size / 2, centre + size / 2], 1)  # N 4


def grid(window_xyxy: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Centres of a window's cells: x (N, cells) and y (N, cells)."""
    steps = (torch.arange(cells, device=window_xyxy.device, dtype=window_xyxy.dtype) + 0.5) / cells
    low, size = window_xyxy[:, :2], window_xyxy[:, 2:] - window_xyxy[:, :2]
    xy = low[:, :, None] + size[:, :, None] * steps  # N 2 cells
    return xy[:, 0], xy[:, 1]


def sample(maps: Tensor, xs: Tensor, ys: Tensor, extent_wh: tuple[float, float]) -> Tensor:
    """Read one image's maps bilinearly at every (x, y) of N grids; nothing but zero outside.

    Parameters
    ----------
    maps : (1, C, H, W) tensor
    xs, ys : (N, G) tensors, pixel edges
    extent_wh : pixels that the maps' width and height stand for

    Returns
    -------
    (N, C, G, G) tensor
    """
    n, cells = xs.shape
    where = torch.stack(
        [
            (2 / extent_wh[0] * xs - 1)[:, None, :].expand(n, cells, cells),
            (2 / extent_wh[1] * ys - 1)[:, :, None].expand(n, cells, cells),
        ],
        3,
    )  # N G G 2
    # One tall grid instead of N copies of the maps.
    out = F.grid_sample(maps, where.reshape(1, n * cells, cells, 2), align_corners=False)  # 1 C N*G G
    return out[0].unflatten(1, (n, cells)).transpose(0, 1)  # N C G G


def sample_each(maps: Tensor, window_from: Tensor, window_to: Tensor, cells: int) -> Tensor:
    """Resample (N, C, G, G) maps lying on one window each to another window each; zero outside."""
    xs, ys = grid(window_to, cells)
    size = window_from[:, 2:] - window_from[:, :2]
    gx = 2 * (xs - window_from[:, :1]) / size[:, :1] - 1
    gy = 2 * (ys - window_from[:, 1:2]) / size[:, 1:] - 1
    n = len(xs)
    where = torch.stack([gx[:, None, :].expand(n, cells, cells), gy[:, :, None].expand(n, cells, cells)], 3)
    return F.grid_sample(maps, where, align_corners=False)


def prompt_maps(window: Tensor, cells: int, box: Tensor, clicks: Tensor, image_wh: Tensor) -> Tensor:
    """Draw prompts into channels: inside the image, box, positive clicks, negative clicks, x, y.

    Parameters
    ----------
    window : (N, 4) tensor
    box : (N, 4) tensor, NaN where there is none
    clicks : (N, K, 3) tensor of x, y, sign; sign 0 where there is none
    image_wh : (N, 2) or (1, 2) tensor
    """
    xs, ys = grid(window, cells)
    x, y = xs[:, None, :], ys[:, :, None]
    inside = ((x > 0) & (x < image_wh[:, :1, None]) & (y > 0) & (y < image_wh[:, 1:, None])).to(window.dtype)
    left, top, right, bottom = (box[:, i, None, None] for i in range(4))
    depth = torch.minimum(torch.minimum(x - left, right - x), torch.minimum(y - top, bottom - y))
    depth = torch.where(depth.isnan(), torch.zeros_like(depth), torch.tanh(depth / 3))  # N G G
    cell = (window[:, 2:] - window[:, :2]) / cells  # N 2
    dx = (x[:, None] - clicks[:, :, :1, None]) / cell[:, :1, None, None]  # N K 1 G
    dy = (y[:, None] - clicks[:, :, 1:2, None]) / cell[:, 1:, None, None]  # N K G 1
    spot = torch.exp(-(dx.square() + dy.square()) / (2 * 1.5**2))  # N K G G
    sign = clicks[:, :, 2, None, None]
    positive, negative = (spot * (sign > 0)).amax(1), (spot * (sign < 0)).amax(1)
    steps = torch.linspace(-1, 1, cells, device=window.device, dtype=window.dtype)
    across = steps.expand(len(window), cells, cells)
    return torch.stack([inside, depth, positive, negative, across, across.transpose(1, 2)], 1)  # N 6 G G


def context(window: Tensor, box: Tensor, clicks: Tensor, has_mask: Tensor) -> Tensor:
    """Describe prompts as a whole: which kinds there are and how large the window is, (N, 6)."""
    size = (window[:, 2:] - window[:, :2]).log2() / 2 - 2.5
    sign = clicks[:, :, 2]
    flags = [~box[:, 0].isnan(), (sign > 0).any(1), (sign < 0).any(1), has_mask]
    return torch.cat([torch.stack([flag.to(window.dtype) for flag in flags], 1), size], 1)


def fine_input(image: Tensor, maps: Tensor, mask: Tensor) -> Tensor:
    """Join normalised image (N, 6, G, G), prompt maps (N, 6, G, G), mask before (N, 1, G, G) of -1, 0 (none), 1."""
    return torch.cat([image, maps[:, :4], mask, maps[:, 4:]], 1)  # N 13 G G


def box_on_window(masks: Tensor, window: Tensor, clicks: Tensor) -> Tensor:
    """Tight boxes (N, 4) around masks (N, 1, G, G) of 0 and 1, none empty, and around the positive clicks."""
    cells = masks.shape[-1]
    low, size = window[:, :2], window[:, 2:] - window[:, :2]
    columns, rows = masks[:, 0].amax(1), masks[:, 0].amax(2)  # N G
    ends = [torch.stack([side.argmax(1), cells - side.flip(1).argmax(1)], 1) for side in (columns, rows)]
    spans = torch.stack(ends, 2).to(size.dtype) / cells  # N 2 2: first and last, x and y
    around = (low[:, None] + size[:, None] * spans).flatten(1)  # N 4
    return including(around, clicks)


def including(box_xyxy: Tensor, clicks: Tensor) -> Tensor:
    """Widen boxes so that every positive click lies inside by a pixel."""
    positive = clicks[:, :, 2:] > 0
    least = torch.where(positive, clicks[:, :, :2], torch.inf).amin(1)
    most = torch.where(positive, clicks[:, :, :2], -torch.inf).amax(1)
    return torch.cat([torch.minimum(box_xyxy[:, :2], least - 1), torch.maximum(box_xyxy[:, 2:], most + 1)], 1)
