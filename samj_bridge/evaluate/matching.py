"""Which found object is which true one, at thresholds of their overlap, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.evaluate.assignment import largest_assignment
from samj_bridge.evaluate.objects import Objects, as_objects
from samj_bridge.evaluate.overlaps import Overlaps, overlaps

__all__ = ["THRESHOLDS", "Match", "match", "pool"]

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(10, 20))
"""0.5, 0.55, ... 0.95: mean segmentation accuracy (mSA) is the mean of `Match.accuracy` over these."""


@dataclass(frozen=True)
class Match:
    """Numbers of objects at one threshold, of one image or of several together.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 0, 2]])
    >>> (half,) = match(truth, np.array([[7, 0, 0, 8]]), [0.5])
    >>> half.tp, half.fp, half.fn, half.accuracy, half.pq
    (2, 0, 0, 1.0, 0.75)
    """

    threshold: float
    """Objects with at least this IoU may belong together."""
    tp: int
    """True objects that were found."""
    fp: int
    """Found objects that belong to no true one."""
    fn: int
    """True objects that were not found."""
    iou_sum: float = 0.0
    """Of the pairs that belong together."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Labels of the true and the found object of each pair; not kept where images are pooled."""

    @property
    def accuracy(self) -> float:
        """TP / (TP + FP + FN), the field's "average precision" at a threshold; 1 where there was nothing to find.

        Caicedo et al., Nature Methods 16 (2019), 1247.
        """
        return _part(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float:
        """TP / (TP + FP); 1 where nothing was found and nothing was there."""
        return _part(self.tp, self.tp + self.fp, empty=float(self.fn == 0))

    @property
    def recall(self) -> float:
        """TP / (TP + FN); 1 where nothing was there and nothing was found."""
        return _part(self.tp, self.tp + self.fn, empty=float(self.fp == 0))

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); 1 where there was nothing to find."""
        return _part(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the pairs that belong together; NaN where there is none."""
        return self.iou_sum / self.tp if self.tp else float("nan")

    @property
    def pq(self) -> float:
        """Panoptic quality, sum of IoU / (TP + FP / 2 + FN / 2); 1 where there was nothing to find.

        Kirillov et al., CVPR 2019.
        """
        return _part(self.iou_sum, self.tp + 0.5 * (self.fp + self.fn))

    @property
    def count_error(self) -> int:
        """Objects found less objects there."""
        return self.fp - self.fn


def match(
    labels_true: Any,
    labels_found: Any,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    shape: tuple[int, int] | None = None,
) -> list[Match]:
    """Match found objects with true ones, one to one, at thresholds of their IoU.

    A pair may belong together if ``shared / union >= threshold``, compared in whole numbers, so that rounding never
    decides. As many pairs as possible are made, and of the ways to do so the one with the largest sum of IoU. Above
    0.5 an object can have one partner only, and there is nothing to choose.

    Parameters
    ----------
    labels_true, labels_found : (height, width) array, Objects, or iterable of Region
        See `as_objects`.
    thresholds : sequence of float
        Each above 0 and at most 1; taken as the decimal fraction that they are written as.
    shape : (int, int), optional
        Height and width, for regions that do not say it.

    Returns
    -------
    list of Match
        One for each threshold.

    Raises
    ------
    InputError
        What `as_objects` says; ``shapes-differ``; ``threshold``.
    """
    exact = [_fraction(threshold) for threshold in thresholds]
    # Regions are in the other side's image, if they do not say in which.
    sides = [as_objects(side, shape) if _is_image(side) else side for side in (labels_true, labels_found)]
    known = shape or next((side.shape for side in sides if isinstance(side, Objects)), None)
    true, found = (side if isinstance(side, Objects) else as_objects(side, known) for side in sides)
    pairs = overlaps(true, found)
    return [_at(pairs, float(threshold), part) for threshold, part in zip(thresholds, exact, strict=True)]


def pool(matches: Iterable[Match]) -> Match:
    """Return the sums over images, of matches at one threshold: every object counts the same.

    The mean over images counts every image the same. The two differ where images have different numbers of
    objects: say which one is meant.

    Raises
    ------
    InputError
        ``threshold``: none, or not all at the same one.
    """
    listed = list(matches)
    if len({one.threshold for one in listed}) != 1:
        message = "Only matches at one threshold have sums."
        raise InputError(message, code="threshold", hint="Pool the matches of each threshold by itself.")
    tp, fp, fn = (sum(getattr(one, name) for one in listed) for name in ("tp", "fp", "fn"))
    return Match(listed[0].threshold, tp, fp, fn, sum(one.iou_sum for one in listed))


def _is_image(side: Any) -> bool:
    return isinstance(side, Objects) or hasattr(side, "dtype")


def _at(pairs: Overlaps, threshold: float, part: Fraction) -> Match:
    # Python's whole numbers: areas times denominators stay far below 64 bits for any image that fits in memory.
    candidates = np.flatnonzero(pairs.shared * part.denominator >= pairs.union * part.numerator)
    i, j, iou = pairs.i[candidates], pairs.j[candidates], pairs.iou[candidates]
    if _repeats(i) or _repeats(j):
        chosen = largest_assignment(i, j, iou)
        i, j, iou = i[chosen], j[chosen], iou[chosen]
    names = tuple((pairs.true.labels[a], pairs.found.labels[b]) for a, b in zip(i, j, strict=True))
    tp = len(i)
    return Match(threshold, tp, len(pairs.found) - tp, len(pairs.true) - tp, float(iou.sum()), names)


def _repeats(numbers: NDArray[np.int64]) -> bool:
    return len(np.unique(numbers)) < len(numbers)


def _fraction(threshold: float) -> Fraction:
    try:
        part = Fraction(repr(float(threshold))).limit_denominator(10_000)
    except (TypeError, ValueError):
        part = Fraction(0)
    if not 0 < part <= 1:
        message = f"A threshold of IoU is {threshold!r}; it is above 0 and at most 1."
        raise InputError(message, code="threshold", hint="Give for example 0.5.")
    return part


def _part(some: float, whole: float, *, empty: float = 1.0) -> float:
    return some / whole if whole else empty
