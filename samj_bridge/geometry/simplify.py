"""Fewer vertices, at a price: a simplified outline no longer encloses exactly the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["simplify"]


def simplify(rings: Sequence[NDArray[Any]], tolerance: float) -> tuple[NDArray[np.int32], ...]:
    """Leave out vertices that stand no more than `tolerance` pixels off the line without them.

    The algorithm is Douglas and Peucker's (1973, doi:10.3138/FM57-6770-U75U-7727), run on each ring between its two
    most distant vertices, as seen from its first. **Inexact**: edges become oblique, pixels along them may change
    sides, and neighbouring outlines may overlap. Rings that would lose their area are dropped.

    Parameters
    ----------
    rings : sequence of (n, 2) integer arrays
    tolerance : float
        In pixels; 0 changes nothing.

    Returns
    -------
    tuple of (m, 2) int32 arrays, m at least 3

    Raises
    ------
    ValueError
        `tolerance` is negative or not finite.

    Examples
    --------
    >>> stairs = np.array([[0, 0], [1, 0], [1, 1], [2, 1], [2, 2], [3, 2], [3, 3], [0, 3]])
    >>> simplify([stairs], 1.0)[0].tolist()
    [[0, 0], [3, 3], [0, 3]]
    """
    if not np.isfinite(tolerance) or tolerance < 0:
        message = f"tolerance must be a length in pixels, at least 0, not {tolerance!r}."
        raise ValueError(message)
    arrays = [np.asarray(ring, np.int32) for ring in rings]
    if tolerance == 0:
        return tuple(arrays)
    slim = (ring[_kept(ring.astype(np.float64), float(tolerance))] for ring in arrays)
    return tuple(ring for ring in slim if len(ring) >= 3)


def _kept(ring: NDArray[np.float64], tolerance: float) -> NDArray[np.intp]:
    """Return the indices of the vertices that stay."""
    if len(ring) < 4:
        return np.arange(len(ring))
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    closed = np.concatenate([ring, ring[:1]])
    keep = {0, far}
    # A stack of our own: recursion on a long outline would meet Python's limit.
    pending = [(0, far), (far, len(ring))]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        distances = _distances(closed[first + 1 : last], closed[first], closed[last])
        worst = int(np.argmax(distances))
        if distances[worst] > tolerance:
            middle = first + 1 + worst
            keep.add(middle)
            pending += [(first, middle), (middle, last)]
    return np.array(sorted(keep), np.intp)


def _distances(
    points: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far each point is from the stretch between `start` and `end`."""
    along = end - start
    squared = float(along @ along)
    position = np.clip((points - start) @ along / squared, 0, 1) if squared else np.zeros(len(points))
    distances: NDArray[np.float64] = np.hypot(*(points - start - position[:, None] * along).T)
    return distances
