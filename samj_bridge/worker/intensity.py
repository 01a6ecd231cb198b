"""Pixel values to the 0..1 that networks see: display ranges, NaN and infinities, channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_ranges", "robust_range", "to_unit"]

_SAMPLE = 1 << 18
"""Pixels that decide a range. Percentiles of so many are within noise of those of all, and take milliseconds."""

Range = tuple[float, float]


def robust_range(channel: NDArray[Any], low: float = 0.1, high: float = 99.9) -> Range:
    """Return the values at two percentiles of the finite pixels.

    Of a big image a grid of pixels is looked at, always the same one, so that the range is reproducible.

    Parameters
    ----------
    channel : (Y, X) array
        Any number type; NaN and infinities are left out.
    low, high : float
        Percentiles, 0 to 100.

    Returns
    -------
    (float, float)
        Low and high; the extremes where both percentiles are equal, so equal only for a constant image; (0, 0)
        where no pixel is finite.

    Examples
    --------
    >>> robust_range(np.array([[0, 50], [100, np.inf]]), 0, 100)
    (0.0, 100.0)
    """
    step = max(1, int(np.sqrt(channel.size / _SAMPLE)))
    # An image with one axis shorter than the step keeps that axis whole.
    sample = channel[:: step if channel.shape[0] > step else 1, :: step if channel.shape[1] > step else 1]
    if sample.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 0.0
    bottom, top = np.percentile(sample.ravel(), (low, high))
    if bottom == top:
        # A few bright pixels on a flat background, which the percentiles pass over: show them all the same.
        finite = channel[np.isfinite(channel)] if channel.dtype.kind == "f" else channel
        bottom, top = finite.min(), finite.max()
    return float(bottom), float(top)


def find_ranges(image: NDArray[Any], channels: str = "auto") -> tuple[Range, ...]:
    """Return the display range of each channel of a (Y, X) or (Y, X, C) image.

    8-bit RGB (three channels, ``auto``) is shown as it is: 0 to 255.
    """
    planes = image[..., np.newaxis] if image.ndim == 2 else image
    if channels == "auto" and _is_rgb(planes):
        return ((0.0, 255.0),) * 3
    return tuple(robust_range(planes[..., channel]) for channel in range(planes.shape[2]))


def to_unit(image: NDArray[Any], ranges: Sequence[Range], channels: str = "auto") -> NDArray[np.float32]:
    """Scale every channel from its display range to 0..1, clipped.

    A range with its high end first inverts, as ImageJ's inverting look-up tables do. NaN becomes 0, an infinity the
    end that it lies beyond, and a channel whose range is empty (a constant image) 0 throughout.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        Any number type.
    ranges : sequence of (low, high)
        One per channel.
    channels : str
        ``each`` or ``auto`` keeps up to three channels (two become red and green); ``merge``, and ``auto``
        with more than three, gives the mean of the stretched channels.

    Returns
    -------
    (Y, X, 1) or (Y, X, 3) float32 array
        Fresh memory, C order.
    """
    planes = image[..., np.newaxis] if image.ndim == 2 else image
    count = planes.shape[2]
    if count == 1:
        return _stretch(planes[..., 0], ranges[0])[..., np.newaxis]
    if channels == "merge" or count > 3:
        merged = _stretch(planes[..., 0], ranges[0])
        for channel in range(1, count):
            merged += _stretch(planes[..., channel], ranges[channel])
        merged /= count
        return merged[..., np.newaxis]
    unit = np.zeros((*planes.shape[:2], 3), np.float32)
    for channel in range(count):
        unit[..., channel] = _stretch(planes[..., channel], ranges[channel])
    return unit


def _stretch(channel: NDArray[Any], limits: Range) -> NDArray[np.float32]:
    low, high = limits
    if high == low:
        return np.zeros(channel.shape, np.float32)
    # float64 where float32 would round the pixel values themselves; the difference to `low` is then small.
    exact = np.float64 if channel.dtype.itemsize >= 4 and channel.dtype != np.float32 else np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        unit = channel.astype(exact)
        unit -= exact(low)
        unit *= exact(1.0 / (high - low))
    np.clip(unit, 0.0, 1.0, out=unit)
    if channel.dtype.kind == "f":
        unit[np.isnan(unit)] = 0.0
    return unit.astype(np.float32, copy=False)


def _is_rgb(planes: NDArray[Any]) -> bool:
    return planes.dtype == np.uint8 and planes.shape[2] == 3
