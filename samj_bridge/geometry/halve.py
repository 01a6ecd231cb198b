"""An image reduced by two: the means of 2 x 2 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["halve", "halved_region"]


def halve(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the means of 2 x 2 pixels, in the type that they have.

    Parameters
    ----------
    pixels : (Y, X) or (Y, X, C) array
        Bool, integers or floats. A border of odd length is made of the pixels there are. Means of whole numbers are
        rounded, half up; of floats only finite ones count, as long as there is one.

    Examples
    --------
    >>> halve(np.array([[1, 2, 9], [1, 2, 8]], np.uint8))
    array([[2, 9]], dtype=uint8)
    """
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        missing = [(0, height % 2), (0, width % 2), *([(0, 0)] * (pixels.ndim - 2))]
        pixels = np.pad(pixels, missing, mode="edge")
    quarters = [pixels[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    kind, size = pixels.dtype.kind, pixels.dtype.itemsize
    if kind == "f":
        return _mean_of_finite(quarters, pixels.dtype)
    if size == 8:
        # There is no wider type: quarters and remainders are summed by themselves.
        rest = np.add.reduce([quarter & 3 for quarter in quarters]) + 2 >> 2
        return np.asarray(np.add.reduce([quarter >> 2 for quarter in quarters]) + rest, pixels.dtype)
    wide = np.dtype(np.uint16 if kind in "bu" and size == 1 else np.int32 if size <= 2 else np.int64)
    total = quarters[0].astype(wide)
    for quarter in quarters[1:]:
        total += quarter
    total += 2
    total >>= 2
    return total.astype(pixels.dtype)


def _mean_of_finite(quarters: Sequence[NDArray[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    exact = np.float64 if dtype.itemsize > 4 else np.float32
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        total = quarters[0].astype(exact)
        for quarter in quarters[1:]:
            total = total + quarter
        mean = total * exact(0.25)
        if not np.isfinite(mean).all():
            finite = [np.isfinite(quarter) for quarter in quarters]
            count = np.sum(finite, 0)
            # Quarters are taken before they are summed, so that large numbers do not run over.
            kept = [
                np.where(good, quarter, 0) / np.maximum(count, 1)
                for good, quarter in zip(finite, quarters, strict=True)
            ]
            # Where nothing is finite, what stands there goes on: NaN, or an infinity.
            mean = np.where(count > 0, np.sum(kept, 0, dtype=exact), quarters[0])
        return np.asarray(mean, dtype)


def halved_region(pixels: NDArray[Any], level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
    """Return a region of an image that was halved `level` times, without halving the rest.

    Parameters
    ----------
    pixels : (Y, X) or (Y, X, C) array
        The image in full resolution.
    level : int
        How often it is halved.
    y0, x0, height, width : int
        The region, in pixels of that level; inside it.

    Examples
    --------
    >>> halved_region(np.arange(64).reshape(8, 8), 2, 1, 0, 1, 2)
    array([[46, 50]])
    """
    found = pixels[y0 << level : (y0 + height) << level, x0 << level : (x0 + width) << level]
    for _ in range(level):
        found = halve(found)
    return found
