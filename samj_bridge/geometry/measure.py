"""Measures of an outline, from its vertices alone.

They rely on the law of orientation (exteriors clockwise on screen, holes the other way): holes then count as
negative by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.rasterise import edges_of

__all__ = ["area", "bounds", "centroid", "feret", "perimeter", "signed_areas", "traced_perimeter"]

Rings = Sequence[NDArray[Any]]


def signed_areas(rings: Rings) -> NDArray[np.float64]:
    """Return each ring's area in pixels: positive for exteriors, negative for holes."""
    return np.array([_cross(*edges_of([ring])).sum() / 2 for ring in rings], np.float64)


def area(rings: Rings) -> float:
    """Return the area in pixels; for a traced outline, the number of pixels.

    Examples
    --------
    >>> area([np.array([[0, 0], [3, 0], [3, 2], [0, 2]])])
    6.0
    """
    return float(_cross(*edges_of(rings)).sum() / 2)


def perimeter(rings: Rings) -> float:
    """Return the length of all rings, holes included, in pixels, along the edges as they are."""
    start, end = edges_of(rings)
    return float(np.hypot(*(end - start).T).sum())


def traced_perimeter(rings: Rings) -> float:
    """Return the length of traced outlines with their corners cut, in pixels, as ImageJ measures a traced ROI.

    Edges along pixels are too long where the outline is oblique. Each corner is cut, which makes it shorter by
    2 - sqrt(2); of a side of one pixel only one end is, so that a staircase counts as the diagonal that it means.

    Examples
    --------
    >>> round(traced_perimeter([np.array([[0, 0], [3, 0], [3, 2], [0, 2]])]), 3)
    7.657
    """
    total = 0.0
    for ring in rings:
        sides = np.abs(np.roll(ring, -1, axis=0) - ring).sum(axis=1).tolist()
        cut = False
        corners = 0
        # The corner at the end of each side; the first is that between the last side and the first.
        for side in [sides[-1], *sides[:-1]]:
            cut = side > 1 or not cut
            corners += cut
        total += sum(sides) - corners * (2.0 - 2.0**0.5)
    return float(total)


def centroid(rings: Rings) -> tuple[float, float]:
    """Return the centre of gravity (x, y); a single pixel (x, y) has it at (x + .5, y + .5).

    Raises
    ------
    ValueError
        The outline encloses nothing.
    """
    start, end = edges_of(rings)
    if not len(start):
        raise ValueError("An empty outline has no centroid.")
    # Sums of products of far-away coordinates lose digits: measure from a vertex of the outline.
    base = start[0]
    start, end = start - base, end - base
    cross = _cross(start, end)
    twice = cross.sum()
    if twice == 0:
        raise ValueError("The outline encloses no area and so has no centroid.")
    x, y = ((start + end) * cross[:, None]).sum(axis=0) / (3 * twice) + base
    return float(x), float(y)


def bounds(rings: Rings) -> tuple[int, int, int, int]:
    """Return the box (x0, y0, x1, y1) of edges around the outline; four zeros for an empty one."""
    start, _ = edges_of(rings)
    if not len(start):
        return 0, 0, 0, 0
    (x0, y0), (x1, y1) = start.min(axis=0).tolist(), start.max(axis=0).tolist()
    return x0, y0, x1, y1


def feret(rings: Rings) -> float:
    """Return the largest distance between two vertices, in pixels; 0 for an empty outline."""
    start, _ = edges_of(rings)
    hull = _convex_hull(np.unique(start, axis=0))
    widest = 0
    for vertex in hull:
        widest = max(widest, int(((hull - vertex) ** 2).sum(axis=1).max()))
    return float(np.sqrt(widest))


def _cross(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    return start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]


def _convex_hull(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the corners of the hull of points sorted by x, then y (Andrew's monotone chain)."""
    if len(points) < 3:
        return points
    ordered: list[tuple[int, int]] = [tuple(point) for point in points.tolist()]
    hull: list[tuple[int, int]] = []
    for chain in (ordered, ordered[::-1]):
        half: list[tuple[int, int]] = []
        for x, y in chain:
            while len(half) > 1:
                (ax, ay), (bx, by) = half[-2:]
                if (bx - ax) * (y - ay) > (by - ay) * (x - ax):
                    break
                half.pop()
            half.append((x, y))
        hull += half[:-1]
    return np.array(hull, np.int64)
