"""A Gaussian that is cut off at three standard deviations, over a border that mirrors without its edge."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["gaussian"]

_SIDE = 16
"""Rows or columns that are made at once, by one product with a band matrix: BLAS is worth the zeros in it."""
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
    height, width = image.shape
    radius = math.ceil(3 * sigma)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    band = np.zeros((_SIDE, _SIDE + 2 * radius), np.float32)
    for row in range(_SIDE):
        band[row, row : row + 2 * radius + 1] = taps / taps.sum()
    down, across = -(-height // _SIDE), -(-width // _SIDE)
    # Filled up to whole products at the far sides: nothing that is kept reaches what is there.
    more = (radius, radius + down * _SIDE - height), (radius, radius + across * _SIDE - width)
    padded = np.pad(image, more, "reflect")
    once = np.empty((down, _SIDE, padded.shape[1]), np.float32)
    under = sliding_window_view(padded, band.shape[1], 0)[::_SIDE].transpose(0, 2, 1)
    for part in _parts(padded.shape[1], band.size):
        np.matmul(band, under[:, :, part], out=once[:, :, part])
    once = once.reshape(down * _SIDE, -1)
    twice = np.empty((down * _SIDE, across, _SIDE), np.float32)
    beside = sliding_window_view(once, band.shape[1], 1)[:, ::_SIDE].transpose(1, 0, 2)
    for part in _parts(len(once), band.size):
        np.matmul(beside[:, part], band.T, out=twice.transpose(1, 0, 2)[:, part])
    return np.ascontiguousarray(twice.reshape(down * _SIDE, -1)[:height, :width])


def _parts(length: int, size: int) -> Iterator[slice]:
    step = max(_SIDE, _MOST // size)
    return (slice(start, start + step) for start in range(0, length, step))
