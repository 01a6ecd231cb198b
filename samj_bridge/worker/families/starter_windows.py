"""Where the starter decodes a prompt: at which level, and on which windows there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.families.base import PromptArrays
from samj_bridge.worker.families.starter_levels import (
    LARGEST_PX,
    STRIDE,
    ImageSide,
    StarterEncoding,
    deepest,
    level_of,
)
from samj_bridge.worker.nets.starter import StarterNet
from samj_bridge.worker.nets.starter_paste import box_of
from samj_bridge.worker.nets.starter_window import sample, window_around

__all__ = ["windows_of"]

UNSURE = 0.4
"""A click whose box scores less is looked at in the reduced images too."""


def windows_of(
    side: ImageSide, encoding: StarterEncoding, prompt: PromptArrays, check: Callable[[float], None]
) -> tuple[int, Tensor]:
    """Choose the level and the windows (N, 4) there: one around a box or mask, or a click's part and whole.

    A click may ask for reduced images, which take time to encode: `check` hears of it and may raise.
    """
    box = prompt.box_xyxy
    if box is None and prompt.mask is not None and prompt.mask.any():
        box = box_of(prompt.mask, prompt.mask_origin_xy)
        if len(prompt.points_xy):
            low, high = prompt.points_xy.min(0) - 1, prompt.points_xy.max(0) + 1
            box = (*np.minimum(box[:2], low).tolist(), *np.maximum(box[2:], high).tolist())
    if box is not None:
        level = level_of(max(box[2] - box[0], box[3] - box[1]), encoding.first)
        side.level(encoding, level, check)
        return level, window_around(torch.tensor([box], device=side.device) / 2**level)
    level, boxes = _guess(side, encoding, prompt.points_xy, check)
    return level, window_around(boxes)


def _guess(
    side: ImageSide, encoding: StarterEncoding, points_xy: NDArray[np.float32], check: Callable[[float], None]
) -> tuple[int, Tensor]:
    """Read the boxes (2, 4) of part and whole under positive clicks, at the level that is surest of them."""
    best: tuple[float, int, Tensor] | None = None
    points = torch.from_numpy(np.asarray(points_xy, np.float32)).to(side.device)
    for level in range(encoding.first, max(encoding.first + 1, deepest(encoding.image_hw))):
        side.level(encoding, level, check)
        boxes, scores = _hypotheses(side, encoding, level, points / 2**level)
        weight = scores.mean(1, keepdim=True)[:, :, None] + 1e-6
        box = (boxes * weight).sum(0) / weight.sum(0)  # 2 4
        at = points / 2**level
        box = torch.cat([torch.minimum(box[:, :2], at.amin(0) - 1), torch.maximum(box[:, 2:], at.amax(0) + 1)], 1)
        # A reduced image must be clearly surer: it shows less.
        sure = float(scores.mean()) - 0.1 * (level > encoding.first)
        if best is None or sure > best[0]:
            best = (sure, level, box)
        if sure >= UNSURE and float((box[:, 2:] - box[:, :2]).amax()) <= LARGEST_PX:
            break
    if best is None:
        raise AssertionError
    return best[1], best[2]


def _hypotheses(side: ImageSide, encoding: StarterEncoding, level: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """Read the boxes (N, 2, 4) under N points, clipped to the image, and how sure each is (N, 2)."""
    here = side.level(encoding, level)
    hw = here.image.shape[2:]
    at = torch.cat([_spread_at(side.net, here.features, point) for point in points])  # N H
    far, scores = side.net.hypotheses(at)
    boxes = torch.cat([points[:, None] - far[..., :2], points[:, None] + far[..., 2:]], 2)
    limit = torch.tensor([hw[1], hw[0]] * 2, device=side.device)
    return torch.minimum(boxes.clamp_min(0), limit), scores.sigmoid()


def _spread_at(net: StarterNet, features: Tensor, point: Tensor) -> Tensor:
    height, width = features.shape[2:]
    cx, cy = (point / STRIDE).floor().int().tolist()
    left, top = min(max(cx - 3, 0), width - 1), min(max(cy - 3, 0), height - 1)
    piece = net.hypotheses.spread(features[:, :, top : cy + 4, left : cx + 4].float())
    x, y = point[None, None, :1] - left * STRIDE, point[None, None, 1:] - top * STRIDE
    extent = (float(piece.shape[3] * STRIDE), float(piece.shape[2] * STRIDE))
    return sample(piece.contiguous(), x[0], y[0], extent)[:, :, 0, 0]  # 1 H
