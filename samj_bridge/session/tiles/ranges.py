"""The display range of an image that is too large to be read for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from samj_bridge.geometry.display_range import Range, find_ranges, is_rgb, ranges_in_windows, windows_of
from samj_bridge.session.tiles.source import TileSource

__all__ = ["ranges_of"]


def ranges_of(source: TileSource, check: Callable[[float], None]) -> tuple[Range, ...]:
    """Return the values shown as black and white, per channel that is sent: 0.1 and 99.9 percentiles.

    See `samj_bridge.geometry.display_range.ranges_in_windows`.

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
    check(0.0)
    image_hw = source.tiling.image_hw
    at_once = source.grid(0, windows_of(image_hw))
    seen = None if at_once is None else np.asarray(at_once.pixels)
    return ranges_in_windows(image_hw, lambda *place: np.asarray(source.region(0, *place).pixels), check, seen)
