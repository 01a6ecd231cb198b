"""A Gaussian that is cut off at three standard deviations, over a border that mirrors without its edge."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["gaussian"]

_BLOCK = 64
"""Rows or columns that are made at once, by one product with a band matrix: BLAS is worth the zeros in it."""


def gaussian(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth a (Y, X) image; `sigma` 0 leaves it as it is.

    Examples
    --------
    >>> gaussian(np.eye(3, dtype=np.float32)[1:2], 0.3).round(3).tolist()
    [[0.004, 0.992, 0.004]]
    """
    if sigma <= 0:
        return image
    return np.ascontiguousarray(_down(np.ascontiguousarray(_down(image, sigma).T), sigma).T)


def _down(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth along the columns."""
    radius = math.ceil(3 * sigma)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    band = np.zeros((_BLOCK, _BLOCK + 2 * radius), np.float32)
    for row in range(_BLOCK):
        band[row, row : row + 2 * radius + 1] = taps
    height = len(image)
    padded = np.pad(image, ((radius, radius), (0, 0)), "reflect")
    found = np.empty_like(image)
    for top in range(0, height, _BLOCK):
        rows = min(_BLOCK, height - top)
        np.matmul(
            band[:rows, : rows + 2 * radius], padded[top : top + rows + 2 * radius], out=found[top : top + rows]
        )
    return found
