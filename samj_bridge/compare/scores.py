"""What a method is worth on an image, and on several: measures, seconds of a person and of the machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samj_bridge.evaluate import (
    THRESHOLDS,
    Match,
    boundary_scores,
    dice_of_union,
    match,
    mean_best_iou,
    overlaps,
    pool,
)
from samj_bridge.evaluate.objects import Objects

__all__ = ["MEASURES", "Score", "averaged", "pooled", "score"]

MEASURES = {
    "ap50": "AP .5",
    "ap75": "AP .75",
    "ap90": "AP .9",
    "map": "mean AP",
    "f1": "F1 .5",
    "pq": "PQ .5",
    "best_iou": "best IoU",
    "dice": "Dice",
    "boundary_f": "outline F",
    "count_error": "count error",
}
"""Names of the measures, and what they are called in tables; docs/how-to/comparing.md defines them."""


@dataclass(frozen=True)
class Score:
    """How well a method did on one image."""

    image: str
    """Name of its file."""
    true: int
    """Objects that are there."""
    found: int
    """Objects that were found."""
    matches: tuple[Match, ...]
    """At each of `THRESHOLDS`."""
    measures: dict[str, float]
    """By name, see `MEASURES`."""
    machine_s: float
    """Seconds of the machine."""
    person_s: float | None
    """Seconds of a person; None: nobody said."""


def score(
    image: str,
    truth: Objects,
    found: Objects,
    *,
    tolerance_px: float,
    machine_s: float = 0.0,
    person_s: float | None = 0.0,
) -> Score:
    """Return the measures of what was found in an image.

    Parameters
    ----------
    image : str
        Its name.
    truth, found : Objects
    tolerance_px : float
        Of outlines, see `boundary_scores`.
    machine_s, person_s : float
        What it took.
    """
    matches = match(truth, found)
    measures = _of_matches(matches)
    measures["best_iou"] = mean_best_iou(overlaps(truth, found))
    measures["dice"] = dice_of_union(truth, found)
    measures["boundary_f"] = boundary_scores(truth, found, tolerance_px)[2]
    return Score(image, len(truth), len(found), tuple(matches), measures, machine_s, person_s)


def pooled(scores: Sequence[Score]) -> dict[str, float]:
    """Return the measures over all objects of all images: every object counts the same.

    Dice and the agreement of outlines are of images; their means over images stand here, too. The best IoU is the
    mean over all true objects. The count error is that of the sum.
    """
    together = [pool(at) for at in zip(*(one.matches for one in scores), strict=True)]
    found = _of_matches(together)
    found |= {name: _mean([one.measures[name] for one in scores]) for name in ("dice", "boundary_f")}
    true = sum(one.true for one in scores)
    best = sum(one.measures["best_iou"] * one.true for one in scores if one.true)
    found["best_iou"] = best / true if true else float("nan")
    return found


def averaged(scores: Sequence[Score]) -> dict[str, float]:
    """Return the means over images: every image counts the same. The count error is the mean of its size."""
    found = {
        name: _mean([one.measures[name] for one in scores if not math.isnan(one.measures[name])])
        for name in MEASURES
        if name != "count_error"
    }
    found["count_error"] = _mean([abs(one.measures["count_error"]) for one in scores])
    return found


def _of_matches(matches: Sequence[Match]) -> dict[str, float]:
    at = dict(zip(THRESHOLDS, matches, strict=True))
    found: dict[str, Any] = {f"ap{round(100 * t)}": at[t].accuracy for t in (0.5, 0.75, 0.9)}
    found["map"] = _mean([one.accuracy for one in matches])
    found |= {"f1": at[0.5].f1, "pq": at[0.5].pq, "count_error": at[0.5].count_error}
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
