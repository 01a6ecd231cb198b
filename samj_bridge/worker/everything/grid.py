"""Where everything mode asks: point grids and crops, as SAM's automatic mask generator lays them."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "crops", "grid_points"]

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, half open."""


def grid_points(per_side: int, shape_hw: tuple[int, int]) -> NDArray[np.float64]:
    """Return a square grid of points, the middles of `per_side` times `per_side` equal parts, row by row.

    Examples
    --------
    >>> grid_points(2, (10, 20)).tolist()
    [[5.0, 2.5], [15.0, 2.5], [5.0, 7.5], [15.0, 7.5]]
    """
    steps = np.linspace(0.5 / per_side, 1 - 0.5 / per_side, per_side)
    xs, ys = np.meshgrid(steps, steps)
    height, width = shape_hw
    return np.stack([xs.ravel(), ys.ravel()], 1) * np.array([width, height], np.float64)


def crops(shape_hw: tuple[int, int], layers: int, overlap_ratio: float) -> list[tuple[Box, int]]:
    """Return the crops with their layers: the whole image (layer 0), then 2 x 2, 4 x 4, ... overlapping parts.

    Examples
    --------
    >>> crops((10, 10), 1, 0.2)
    [((0, 0, 10, 10), 0), ((0, 0, 6, 6), 1), ((0, 4, 6, 10), 1), ((4, 0, 10, 6), 1), ((4, 4, 10, 10), 1)]
    """
    height, width = shape_hw
    found: list[tuple[Box, int]] = [((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        count = 2**layer
        overlap = int(overlap_ratio * min(height, width) * (2 / count))
        across = math.ceil((overlap * (count - 1) + width) / count)
        down = math.ceil((overlap * (count - 1) + height) / count)
        for i, j in itertools.product(range(count), range(count)):
            x0, y0 = (across - overlap) * i, (down - overlap) * j
            if x0 >= width or y0 >= height:
                # Of an image of a few pixels rounding leaves nothing for the last crop.
                continue
            found.append(((x0, y0, min(x0 + across, width), min(y0 + down, height)), layer))
    return found
