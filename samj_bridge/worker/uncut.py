"""A large image as a client sent it, of which the worker encodes tiles as prompts need them.

For clients that hold the image in memory and leave the rule for tiles to the worker: Java is one. The Python host
reads and sends tiles itself, and never the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.display_range import Range, find_ranges, is_rgb, windows_of
from samj_bridge.geometry.halve import halved_region
from samj_bridge.geometry.tiling import Tile, Tiling

__all__ = ["Uncut", "uncut"]


@dataclass(frozen=True)
class Uncut:
    """A copy of the pixels, and how they are shown."""

    pixels: NDArray[Any]
    """(Y, X) or (Y, X, C), in the type in which they came."""
    channels: str
    """One of ``protocol.messages.CHANNEL_MODES``."""
    ranges: tuple[Range, ...]
    """Display range per channel, the same for every tile."""
    tiling: Tiling
    """Where tiles are."""

    def tile(self, tile: Tile) -> NDArray[Any]:
        """Return the pixels of a tile, fresh and in C order."""
        return np.ascontiguousarray(halved_region(self.pixels, tile.level, *self.tiling.pixels(tile)))


def uncut(pixels: NDArray[Any], channels: str, ranges: Sequence[Range] | None, side: int) -> Uncut:
    """Copy an image, and find its display range in windows of it, as the host does of one that it reads."""
    copied = pixels.copy()
    tiling = Tiling((pixels.shape[0], pixels.shape[1]), side)
    return Uncut(copied, channels, tuple(ranges or _ranges(copied, channels)), tiling)


def _ranges(pixels: NDArray[Any], channels: str) -> tuple[Range, ...]:
    planes = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    if channels == "auto" and is_rgb(planes):
        return find_ranges(planes[:1, :1])
    windows = [
        planes[y : y + height, x : x + width].reshape(-1, 1, planes.shape[2])
        for y, x, height, width in windows_of((pixels.shape[0], pixels.shape[1]))
    ]
    found = find_ranges(np.concatenate(windows), "each")
    return tuple(
        _span(planes[..., channel]) if low == high else (low, high) for channel, (low, high) in enumerate(found)
    )


def _span(values: NDArray[Any]) -> Range:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
