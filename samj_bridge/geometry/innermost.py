"""The point of an object that lies deepest in it: where the distance to what is outside is largest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samj_bridge.geometry.trace import as_mask

__all__ = ["innermost", "squared_distances"]

_SIDE = 192
"""Masks with a longer side are thinned out first: the place is then right to a few pixels, which is enough."""


def innermost(mask: ArrayLike) -> tuple[int, int]:
    """Return the pixel (x, y) of a mask that is farthest from what does not belong to it; the first among equals.

    What lies beyond the mask's edges does not belong to it.

    Raises
    ------
    ValueError
        The mask has no pixel.

    Examples
    --------
    >>> innermost([[0, 1, 1, 1, 0], [1, 1, 1, 1, 0], [0, 1, 1, 1, 0]])
    (2, 1)
    """
    pixels = as_mask(mask)
    if not pixels.any():
        raise ValueError("An empty mask has no innermost point.")
    step = max(1, -(-max(pixels.shape) // _SIDE))
    thin = pixels[step // 2 :: step, step // 2 :: step]
    if step > 1 and not thin.any():
        y, x = np.argwhere(pixels)[0]
        return int(x), int(y)
    squared = squared_distances(thin)
    y, x = np.unravel_index(int(squared.argmax()), squared.shape)
    return int(x) * step + step // 2, int(y) * step + step // 2


def squared_distances(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the squared Euclidean distance of each pixel to the nearest one outside, 0 outside.

    What lies beyond the mask's edges is outside.
    """
    padded = np.pad(mask, 1)
    height, width = padded.shape
    rows = np.arange(height)[:, None]
    # Along columns: how far up and down the nearest pixel outside is.
    above = np.maximum.accumulate(np.where(padded, 0, rows), 0)
    below = np.minimum.accumulate(np.where(padded, height, rows)[::-1], 0)[::-1]
    down = np.minimum(rows - above, below - rows) ** 2
    # Along rows: the nearest of what the columns know.
    apart = (np.arange(width)[:, None] - np.arange(width)[None]) ** 2
    squared = np.stack([(row[None] + apart).min(1) for row in down])
    return squared[1:-1, 1:-1]
