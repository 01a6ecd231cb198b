"""Outlines for clients whose polygons have neither holes nor parts: one ring for each part, a little simplified."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.parts import split_parts
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.simplify import simplify

__all__ = ["TOLERANCE", "exteriors"]

TOLERANCE = 0.75
"""Pixels that a vertex may stand off: stairs become straight, and no pixel's middle changes sides by much."""


def exteriors(region: Region, tolerance: float = TOLERANCE) -> list[NDArray[Any]]:
    """Return the outer ring of each part, the largest first; in pixel corners, first vertex not repeated.

    Parameters
    ----------
    region : Region
        What is outlined. Its holes are lost.
    tolerance : float
        Pixels; 0: every step of every pixel.
    """
    rings = []
    for part in split_parts(region.rings):
        simple = simplify(part[:1], tolerance)
        rings.append(simple[0] if simple else part[0])
    return sorted(rings, key=_area, reverse=True)


def _area(ring: NDArray[Any]) -> float:
    x, y = ring[:, 0].astype(np.float64), ring[:, 1].astype(np.float64)
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
