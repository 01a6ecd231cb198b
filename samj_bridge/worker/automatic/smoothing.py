"""A Gaussian that is cut off at three standard deviations, over a border that mirrors without its edge."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["gaussian"]

_ROWS = 16
"""Rows that are made at once, by one product with a band matrix: BLAS is worth the zeros in it."""
_MOST = 200_000
"""Products of numbers in one call: BLAS does not share out so few, and waiting for its threads costs more than they
save, above all on a machine that is busy."""


def gaussian(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth a (Y, X) image; `sigma` 0 leaves it as it is.

    Examples
    --------
    >>> (1000 * gaussian(np.eye(3, dtype=np.float32)[1:2], 0.3)).round().astype(int).tolist()
    [[8, 992, 8]]
    """
    if sigma <= 0:
        return image
    return np.ascontiguousarray(_down(np.ascontiguousarray(_down(image, sigma).T), sigma).T)


def _down(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth along the columns."""
    radius = math.ceil(3 * sigma)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    band = np.zeros((_ROWS, _ROWS + 2 * radius), np.float32)
    for row in range(_ROWS):
        band[row, row : row + 2 * radius + 1] = taps
    height, width = image.shape
    columns = max(16, _MOST // band.size)
    padded = np.pad(image, ((radius, radius), (0, 0)), "reflect")
    found = np.empty_like(image)
    for top in range(0, height, _ROWS):
        rows = min(_ROWS, height - top)
        part, under = band[:rows, : rows + 2 * radius], padded[top : top + rows + 2 * radius]
        for left in range(0, width, columns):
            here = slice(left, left + columns)
            np.matmul(part, under[:, here], out=found[top : top + rows, here])
    return found
