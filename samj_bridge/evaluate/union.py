"""Measures that need no one-to-one matching."""

from __future__ import annotations

import numpy as np

from samj_bridge.evaluate.objects import Objects
from samj_bridge.evaluate.overlaps import Overlaps

__all__ = ["dice_of_union", "mean_best_iou"]


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
