"""Prompts that a network can't take, honoured on its answers.

EfficientSAM has no embedding for a negative point and takes six tokens, MedSAM and CellSAM know boxes only. The
points that such a network was not told choose among its answers, and negative points cut them: a pixel goes that
is nearer to a negative point than to every positive one (or, without a positive point, than to the middle of the
box or of the mask), and with it goes what is no longer connected to the object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import label_components
from samj_bridge.worker.families.base import Candidate, PromptArrays

__all__ = ["honour"]

Points = NDArray[np.float32]


def honour(
    candidates: Sequence[Candidate], prompt: PromptArrays, *, positive: bool, region: bool
) -> list[Candidate]:
    """Return the candidates that agree with the most points first, each cut by the negative points.

    Of those that agree with as many points the one most like the region to be refined comes first.

    Parameters
    ----------
    candidates : sequence of Candidate
        Best score first.
    prompt : PromptArrays
        Its points are looked at.
    positive : bool
        Whether positive points choose too: the network was not told all of them.
    region : bool
        Whether the region to be refined chooses: the network was told something else.
    """
    told = prompt.points_xy if positive else prompt.points_xy[:0]

    def rank(candidate: Candidate) -> tuple[float, float]:
        alike = _overlap(candidate, prompt) if region else 0.0
        return -_agreement(candidate, told, prompt.negative_xy), -alike

    found, least = [], 1.0
    for candidate in sorted(candidates, key=rank):
        # What agrees less must not score higher: the best still comes first.
        least = min(least, candidate.score)
        found.append(replace(_cut(candidate, prompt), score=least))
    return found


def _agreement(candidate: Candidate, positive: Points, negative: Points) -> int:
    return int(_inside(candidate, positive).sum() + (~_inside(candidate, negative)).sum())


def _inside(candidate: Candidate, points_xy: Points) -> NDArray[np.bool_]:
    height, width = candidate.mask.shape
    cells = np.floor(points_xy).astype(np.int64) - np.asarray(candidate.origin_xy)
    there = ((cells >= 0) & (cells < [width, height])).all(1)
    x, y = np.where(there[:, None], cells, 0).T
    return there & candidate.mask[y, x]


def _overlap(candidate: Candidate, prompt: PromptArrays) -> float:
    """Intersection over union of a candidate and the region to be refined."""
    if prompt.mask is None:
        return 0.0
    (ax, ay), (bx, by) = candidate.origin_xy, prompt.mask_origin_xy
    (ah, aw), (bh, bw) = candidate.mask.shape, prompt.mask.shape
    x0, y0, x1, y1 = max(ax, bx), max(ay, by), min(ax + aw, bx + bw), min(ay + ah, by + bh)
    both = 0
    if x0 < x1 and y0 < y1:
        mine = candidate.mask[y0 - ay : y1 - ay, x0 - ax : x1 - ax]
        both = int((mine & prompt.mask[y0 - by : y1 - by, x0 - bx : x1 - bx]).sum())
    return both / max(1, int(candidate.mask.sum()) + int(prompt.mask.sum()) - both)


def _cut(candidate: Candidate, prompt: PromptArrays) -> Candidate:
    hit = _inside(candidate, prompt.negative_xy)
    if not hit.any():
        return candidate
    centres = prompt.points_xy if len(prompt.points_xy) else _middle(candidate, prompt)
    mine = _nearest(candidate, centres)
    mask = candidate.mask & (mine <= _nearest(candidate, prompt.negative_xy[hit]))
    parts, _ = label_components(mask)
    x, y = (np.floor(centres).astype(np.int64) - np.asarray(candidate.origin_xy)).T
    there = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    wanted = np.unique(parts[y[there], x[there]])
    wanted = wanted[wanted > 0]
    if len(wanted):
        mask = np.isin(parts, wanted)
    return replace(candidate, mask=mask)


def _middle(candidate: Candidate, prompt: PromptArrays) -> Points:
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        return np.array([[(x0 + x1) / 2, (y0 + y1) / 2]], np.float32)
    y, x = candidate.mask.nonzero()
    return np.array([[x.mean() + 0.5, y.mean() + 0.5]], np.float32) + np.asarray(candidate.origin_xy, np.float32)


def _nearest(candidate: Candidate, points_xy: Points) -> NDArray[np.float32]:
    """Squared distance of every pixel's centre to the nearest of the points."""
    height, width = candidate.mask.shape
    x = np.arange(width, dtype=np.float32) + candidate.origin_xy[0] + 0.5
    y = np.arange(height, dtype=np.float32) + candidate.origin_xy[1] + 0.5
    nearest = np.full((height, width), np.inf, np.float32)
    for px, py in points_xy:
        np.minimum(nearest, (y - py)[:, None] ** 2 + (x - px) ** 2, out=nearest)
    return nearest
