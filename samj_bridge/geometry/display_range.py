"""The values of an image that are shown as black and white."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Range", "find_ranges", "is_rgb", "ranges_in_windows", "robust_range", "windows_of"]

_SAMPLE = 1 << 18
"""Pixels that decide a range. Percentiles of so many are within noise of those of all, and take milliseconds."""

_WINDOWS = 64
"""Windows of a large image that are looked at for its range, in a grid over all of it."""
_WINDOW_PX = 64
"""Side of each: together as many pixels as are looked at of a smaller image."""
_PIECE_PX = 2048
"""Side of the pieces in which an image is read whole, where all windows show the same value."""

Range = tuple[float, float]
Reader = Callable[[int, int, int, int], NDArray[Any]]
"""Reads a part of a large image: row, column, height and width; (Y, X) or (Y, X, C)."""


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
    if channels == "auto" and is_rgb(planes):
        return ((0.0, 255.0),) * 3
    return tuple(robust_range(planes[..., channel]) for channel in range(planes.shape[2]))


def is_rgb(planes: NDArray[Any]) -> bool:
    """Return whether a (Y, X, C) image is 8-bit RGB, as it is shown."""
    return planes.dtype == np.uint8 and planes.shape[2] == 3


def windows_of(image_hw: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Return where a large image is looked at for its display range: row, column, height and width of each window.

    Examples
    --------
    >>> len(windows_of((5000, 7000))), windows_of((5000, 7000))[0], windows_of((1, 100))
    (64, (280, 405, 64, 64), [(0, 18, 1, 64)])
    """
    height, width = image_hw
    # Of an image that is only a few windows high, more are looked at along the other axis.
    rows = min(8, max(1, height // (2 * _WINDOW_PX)))
    columns = min(_WINDOWS // rows, max(1, width // (2 * _WINDOW_PX)))
    rows = min(_WINDOWS // columns, max(1, height // (2 * _WINDOW_PX)))
    tall, wide = min(_WINDOW_PX, height), min(_WINDOW_PX, width)
    return [(y, x, tall, wide) for y in _places(height, rows) for x in _places(width, columns)]


def ranges_in_windows(
    image_hw: tuple[int, int],
    read: Reader,
    check: Callable[[float], None] = lambda _fraction: None,
    seen: NDArray[Any] | None = None,
) -> tuple[Range, ...]:
    """Return the display range of each channel of an image that is too large to be read for it.

    It comes from windows in full resolution, so that it does not depend on the levels that a file has. Where all
    windows show one value, the whole image is read for its extremes, piece by piece.

    Parameters
    ----------
    image_hw : (int, int)
        Extents of the image.
    read : callable
        Reads a part of it.
    check : callable
        Called with the fraction done; may raise.
    seen : (Y, X) or (Y, X, C) array, optional
        The windows, beside each other in any order, where somebody has read them already.
    """
    if seen is None:
        seen = np.concatenate([_as_column(window) for window in _pieces(windows_of(image_hw), read, check)])
    ranges = find_ranges(_as_column(seen), "each")
    flat = [low == high for low, high in ranges]
    if not any(flat):
        return ranges
    extremes = _extremes(image_hw, read, check)
    return tuple(extremes[channel] if flat[channel] else pair for channel, pair in enumerate(ranges))


def _pieces(
    places: Sequence[tuple[int, int, int, int]], read: Reader, check: Callable[[float], None]
) -> Iterator[NDArray[Any]]:
    for number, place in enumerate(places):
        check(number / len(places))
        yield read(*place)


def _as_column(part: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels of a part below each other: (N, 1, C)."""
    return part.reshape(-1, 1, part.shape[2] if part.ndim == 3 else 1)


def _extremes(image_hw: tuple[int, int], read: Reader, check: Callable[[float], None]) -> tuple[Range, ...]:
    height, width = image_hw
    places = [
        (y, x, min(_PIECE_PX, height - y), min(_PIECE_PX, width - x))
        for y in range(0, height, _PIECE_PX)
        for x in range(0, width, _PIECE_PX)
    ]
    columns = (_as_column(part) for part in _pieces(places, read, check))
    found = [[_span(part[..., channel]) for channel in range(part.shape[2])] for part in columns]
    result = []
    for spans in zip(*found, strict=True):
        known = [span for span in spans if span[0] <= span[1]]
        result.append((min(low for low, _ in known), max(high for _, high in known)) if known else (0.0, 0.0))
    return tuple(result)


def _span(values: NDArray[Any]) -> Range:
    """Return the extremes of the finite values; an empty span, 1 to 0, where there is none."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(finite.min()), float(finite.max())) if finite.size else (1.0, 0.0)


def _places(length: int, count: int) -> list[int]:
    extent = min(_WINDOW_PX, length)
    return [int((index + 0.5) * length / count - extent / 2) for index in range(count)]
