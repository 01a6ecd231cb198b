"""How well objects that were found agree with true ones: matching, and the measures of the field made from it."""

from __future__ import annotations

from samj_bridge.evaluate.boundary import boundary_scores
from samj_bridge.evaluate.matching import THRESHOLDS, Match, match, pool
from samj_bridge.evaluate.objects import Objects, as_objects, regions_of
from samj_bridge.evaluate.overlaps import Overlaps, overlaps
from samj_bridge.evaluate.union import dice_of_union, iou, mean_best_iou

__all__ = [
    "THRESHOLDS",
    "Match",
    "Objects",
    "Overlaps",
    "as_objects",
    "boundary_scores",
    "dice_of_union",
    "iou",
    "match",
    "mean_best_iou",
    "overlaps",
    "pool",
    "regions_of",
]
