"""Pixel values to the 0..1 that networks see: display ranges, NaN and infinities, channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.display_range import Range, find_ranges, robust_range

__all__ = ["find_ranges", "robust_range", "to_unit"]


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
