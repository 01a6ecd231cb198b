"""Which pixels lie inside polygons, by ImageJ's rule: pixel for pixel what its masks have.

ImageJ compares pixel centres with the places where edges cross their row, moved right by 1e-8: a centre on a
left edge is outside, on a right edge inside. An edge's crossings are found from row to row by adding its slope;
on edges of thousands of rows the sums' rounding decides about pixels, so that they are added up here in the
same order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["crossings", "fill"]

_TO_THE_RIGHT = 1e-8
# Edges that cross more rows than this are added up one by one, shorter ones row by row, all at once.
_LONG = 64


def fill(polygons: Sequence[NDArray[np.float64]], width: int, height: int) -> NDArray[np.bool_]:
    """Return the mask of closed polygons by the even-odd rule, as ImageJ fills it.

    Parameters
    ----------
    polygons : sequence of (n, 2) float64 arrays
        (x, y) vertices in the mask's own frame: pixel (0, 0) is the square from (0, 0) to (1, 1).
    width, height : int
        Size of the mask; ImageJ cuts off what lies outside the ROI's bounds.

    Returns
    -------
    (height, width) bool array

    Examples
    --------
    >>> int(fill([np.array([[0.0, 0], [10, 0], [0, 10]])], 10, 10).sum())
    55
    """
    marks = np.zeros((height, width + 1), np.uint8)
    closed = [polygon for polygon in polygons if len(polygon)]
    if closed:
        start = np.concatenate(closed)
        end = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in closed])
        column, row = crossings(start, end, height)
        np.bitwise_xor.at(marks, (row, np.clip(column, 0, width).astype(np.int64)), np.uint8(1))
        np.bitwise_xor.accumulate(marks, axis=1, out=marks)
    return marks[:, :width].astype(np.bool_)


def crossings(
    start: NDArray[np.float64], end: NDArray[np.float64], height: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return where edges cross the rows 0 to `height` - 1: the first column right of each crossing, and its row.

    Parameters
    ----------
    start, end : (n, 2) float64 arrays
        (x, y) of the edges' two ends.
    height : int
        Number of rows.

    Returns
    -------
    columns : (m,) float64 array
        Whole numbers; negative ones are cut to 0, as ImageJ's own are.
    rows : (m,) int64 array
    """
    # The rows that an edge crosses are those between its ends, rounded half up.
    first, last = (np.floor(points[:, 1] + 0.5).astype(np.int64) for points in (start, end))
    crossing = first != last
    start, end, first, last = start[crossing], end[crossing], first[crossing], last[crossing]
    swapped = first > last
    upper = np.where(swapped[:, None], end, start)
    lower = np.where(swapped[:, None], start, end)
    first, last = np.where(swapped, last, first), np.where(swapped, first, last)
    slope = (lower[:, 0] - upper[:, 0]) / (lower[:, 1] - upper[:, 1])
    at = upper[:, 0] + (first - upper[:, 1] + 0.5) * slope + _TO_THE_RIGHT
    above = first < 0
    at[above] += slope[above] * (0 - first[above])
    first = np.maximum(first, 0)
    counts = np.maximum(np.minimum(last, height) - first, 0)
    x = _added_up(at, slope, counts)
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    return np.maximum(np.trunc(x + 0.5), 0.0), row


def _added_up(
    at: NDArray[np.float64], slope: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return ``at, at + slope, (at + slope) + slope, ...`` of each edge, `counts` numbers each."""
    ends = np.cumsum(counts)
    begins = ends - counts
    x = np.empty(int(ends[-1]) if len(ends) else 0)
    for edge in np.flatnonzero(counts > _LONG):
        steps = np.full(counts[edge], slope[edge])
        steps[0] = at[edge]
        x[begins[edge] : ends[edge]] = np.cumsum(steps)
    short = np.flatnonzero((counts > 0) & (counts <= _LONG))
    short = short[np.argsort(-counts[short], kind="stable")]
    here, step, left = at[short], slope[short], counts[short]
    for row in range(int(left[0]) if len(left) else 0):
        still = int(np.searchsorted(-left, -row, side="left"))
        here, step, short = here[:still], step[:still], short[:still]
        x[begins[short] + row] = here
        here = here + step
    return x
