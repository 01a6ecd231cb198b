"""The display range of an image that is too large to be read for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.display_range import find_ranges, is_rgb, windows_of
from samj_bridge.session.tiles.source import TileSource

__all__ = ["ranges_of"]

_PIECE_PX = 2048
"""Side of the pieces in which an image is read whole, where all windows show the same value."""

Ranges = tuple[tuple[float, float], ...]


def ranges_of(source: TileSource, check: Callable[[float], None]) -> Ranges:
    """Return the values shown as black and white, per channel that is sent: 0.1 and 99.9 percentiles.

    They come from windows in full resolution, so that they do not depend on the levels that a file has. Where all
    windows are the same, the whole image is read for its extremes.

    Parameters
    ----------
    source : TileSource
        The image.
    check : callable
        Called with the fraction done; may raise.
    """
    if source.shown.ranges is not None:
        return source.shown.ranges
    form = source.shown.pixels if source.shown.pixels.ndim == 3 else source.shown.pixels[..., np.newaxis]
    if source.shown.channels == "auto" and is_rgb(form):
        return find_ranges(form)
    sample = _sample(source, check)
    ranges = find_ranges(sample, "each")
    flat = [low == high for low, high in ranges]
    if not any(flat):
        return ranges
    extremes = _extremes(source, check)
    return tuple(extremes[channel] if flat[channel] else pair for channel, pair in enumerate(ranges))


def _sample(source: TileSource, check: Callable[[float], None]) -> NDArray[Any]:
    """Return the windows as one array (N, 1, C)."""
    pieces = []
    places = windows_of(source.tiling.image_hw)
    check(0.0)
    at_once = source.grid(0, places)
    if at_once is not None:
        return np.asarray(at_once.pixels).reshape(-1, 1, at_once.pixels.shape[2] if at_once.pixels.ndim == 3 else 1)
    for number, place in enumerate(places):
        check(number / len(places))
        plane = source.region(0, *place)
        channels = plane.pixels.shape[2] if plane.pixels.ndim == 3 else 1
        pieces.append(np.asarray(plane.pixels).reshape(-1, 1, channels))
    return np.concatenate(pieces)


def _extremes(source: TileSource, check: Callable[[float], None]) -> Ranges:
    height, width = source.tiling.image_hw
    pieces = [(y, x) for y in range(0, height, _PIECE_PX) for x in range(0, width, _PIECE_PX)]
    found: list[list[tuple[float, float]]] = []
    for number, (y, x) in enumerate(pieces):
        check(number / len(pieces))
        plane = source.region(0, y, x, min(_PIECE_PX, height - y), min(_PIECE_PX, width - x))
        planes = plane.pixels if plane.pixels.ndim == 3 else plane.pixels[..., np.newaxis]
        found.append([_span(planes[..., channel]) for channel in range(planes.shape[2])])
    result = []
    for spans in zip(*found, strict=True):
        known = [span for span in spans if span[0] <= span[1]]
        result.append((min(low for low, _ in known), max(high for _, high in known)) if known else (0.0, 0.0))
    return tuple(result)


def _span(values: NDArray[Any]) -> tuple[float, float]:
    """Return the extremes of the finite values; an empty span, 1 to 0, where there is none."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(finite.min()), float(finite.max())) if finite.size else (1.0, 0.0)
