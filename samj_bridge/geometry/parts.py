"""Which hole belongs to which exterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import label_components
from samj_bridge.geometry.measure import bounds, signed_areas
from samj_bridge.geometry.rasterise import edges_of, rasterise

__all__ = ["split_parts"]

Rings = Sequence[NDArray[np.int32]]


def split_parts(rings: Rings) -> list[list[NDArray[np.int32]]]:
    """Return one list per 4-connected part: its exterior, then its holes.

    Exact for traced outlines. In simplified outlines of several parts, a hole is given to the smallest exterior
    whose bounding box holds it.

    Examples
    --------
    >>> from samj_bridge.geometry.trace import trace
    >>> [len(part) for part in split_parts(trace([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 1, 0], [0, 0, 0, 1]]))]
    [2, 1]
    """
    areas = signed_areas(rings)
    exteriors = [index for index, area in enumerate(areas) if area > 0]
    if len(exteriors) < 2:
        return [list(rings)] if rings else []
    start, end = edges_of(rings)
    exact = bool((start == end).any(axis=1).all())
    owners = _by_label(rings, areas) if exact else _by_box(rings, areas)
    parts = {index: [rings[index]] for index in exteriors}
    for index, owner in owners.items():
        parts[owner].append(rings[index])
    return list(parts.values())


def _by_label(rings: Rings, areas: NDArray[np.float64]) -> dict[int, int]:
    """Give each hole to the exterior of the part that lies above its first edge."""
    x0, y0, x1, y1 = bounds(rings)
    labels, _ = label_components(rasterise(rings, (y1 - y0, x1 - x0), (x0, y0)))
    first_xy = [ring[0] - (x0, y0) for ring in rings]
    # An exterior's first edge runs east, with the part below; a hole's runs west, with the part above.
    owner = {int(labels[y, x]): i for i, (x, y) in enumerate(first_xy) if areas[i] > 0}
    return {i: owner[int(labels[y - 1, x - 1])] for i, (x, y) in enumerate(first_xy) if areas[i] <= 0}


def _by_box(rings: Rings, areas: NDArray[np.float64]) -> dict[int, int]:
    boxes = [bounds([ring]) for ring in rings]
    order = sorted((index for index in range(len(rings)) if areas[index] > 0), key=lambda index: areas[index])

    def holds(outer: tuple[int, ...], inner: tuple[int, ...]) -> bool:
        return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]

    return {
        index: next((one for one in order if holds(boxes[one], boxes[index])), order[-1])
        for index in range(len(rings))
        if areas[index] <= 0
    }
