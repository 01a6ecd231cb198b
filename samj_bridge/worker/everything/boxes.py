"""Boxes of masks, as SAM's automatic mask generator sees them: inclusive pixel extremes, x0, y0, x1, y1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_of", "cut_by_crop", "suppress"]

Box = tuple[int, int, int, int]
NEAR_PX = 20
"""A box whose edge is no further from the crop's is taken for an object that the crop cuts."""


def box_of(mask: NDArray[np.bool_], origin_xy: tuple[int, int] = (0, 0)) -> Box:
    """Return the first and last column and row of a mask; four zeros for an empty one.

    Examples
    --------
    >>> box_of(np.array([[False, False], [False, True]]), (10, 20))
    (11, 21, 11, 21)
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return 0, 0, 0, 0
    x, y = origin_xy
    return x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]), y + int(rows[-1])


def cut_by_crop(box: Box, crop: Box, shape_hw: tuple[int, int]) -> bool:
    """Return whether a box (in the image) comes near an edge of its crop that is no edge of the image."""
    image = (0, 0, shape_hw[1], shape_hw[0])
    return any(
        abs(edge - limit) <= NEAR_PX < abs(edge - outer)
        for edge, limit, outer in zip(box, crop, image, strict=True)
    )


def suppress(
    boxes: Sequence[Box] | NDArray[np.float32], scores: Sequence[float] | NDArray[np.float32], limit: float
) -> list[int]:
    """Choose boxes greedily, best score first, none overlapping a chosen one by an IoU above `limit`.

    The arithmetic is that of torchvision's ``nms``: float32, areas without the last pixel, equal scores in the
    order given; boxes without area overlap nothing.

    Returns
    -------
    list of int
        The chosen boxes' indices, best first.

    Examples
    --------
    >>> suppress([(0, 0, 10, 10), (0, 0, 10, 11), (20, 0, 30, 10)], [0.5, 0.9, 0.1], 0.7)
    [1, 2]
    """
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    x0, y0, x1, y1 = corners.T
    areas = (x1 - x0) * (y1 - y0)
    left = np.argsort(-np.asarray(scores, np.float32), kind="stable")
    chosen: list[int] = []
    while left.size:
        best, left = int(left[0]), left[1:]
        chosen.append(best)
        width = np.maximum(np.minimum(x1[left], x1[best]) - np.maximum(x0[left], x0[best]), np.float32(0))
        height = np.maximum(np.minimum(y1[left], y1[best]) - np.maximum(y0[left], y0[best]), np.float32(0))
        shared = width * height
        with np.errstate(invalid="ignore", divide="ignore"):
            overlap = shared / (areas[best] + areas[left] - shared)
        # The limit is a double: compared as float32 it could fall on the other side of an equal overlap.
        left = left[~(overlap.astype(np.float64) > limit)]
    return chosen
