"""Measures that need no one-to-one matching."""

from __future__ import annotations

import numpy as np

from samj_bridge.evaluate.objects import Objects
from samj_bridge.evaluate.overlaps import Overlaps
from samj_bridge.geometry.region import Region

__all__ = ["dice_of_union", "iou", "mean_best_iou"]


def iou(one: Region, other: Region) -> float:
    """Return the pixels that two regions share as a part of those that either has; 1 where both are empty.

    Examples
    --------
    >>> iou(Region.from_mask([[1, 1, 0]]), Region.from_mask([[0, 1, 1]]))
    0.3333333333333333
    """
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = one.bbox_xyxy, other.bbox_xyxy
    common = max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)
    meet = common[0] < common[2] and common[1] < common[3]
    shared = int((one.within(common) & other.within(common)).sum()) if meet else 0
    union = one.area + other.area - shared
    return shared / union if union else 1.0


def dice_of_union(true: Objects, found: Objects) -> float:
    """Return the Dice coefficient of all foreground, shared pixels doubled by pixels of both; 1 for none.

    Dice, Ecology 26 (1945), 297.
    """
    there, here = true.foreground(), found.foreground()
    pixels = int(there.sum()) + int(here.sum())
    return 2 * int((there & here).sum()) / pixels if pixels else 1.0


def mean_best_iou(pairs: Overlaps) -> float:
    """Return the mean over true objects of the largest IoU with any found one; NaN where there is no true object.

    A found object may be the best one of several true ones: it is the measure of prompts, one answer for each.
    """
    if not len(pairs.true):
        return float("nan")
    best = np.zeros(len(pairs.true))
    np.maximum.at(best, pairs.i, pairs.iou)
    return float(best.mean())
