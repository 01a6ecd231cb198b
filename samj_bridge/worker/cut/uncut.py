"""A large image as a client sent it or keeps it, of which the worker encodes tiles as prompts need them.

For clients that leave the rule for tiles to the worker: Java is one. The Python host reads and sends tiles itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.blocks.walk import Drawn
from samj_bridge.geometry.display_range import Range, find_ranges, is_rgb, ranges_in_windows
from samj_bridge.geometry.halve import halved_region
from samj_bridge.geometry.tiling import Tile, Tiling
from samj_bridge.protocol.messages import EncodeRequest
from samj_bridge.worker.cut.asking import AskedPixels

__all__ = ["Uncut", "uncut", "uncut_of"]


@dataclass(frozen=True)
class Uncut:
    """The pixels, and how they are shown."""

    pixels: NDArray[Any] | AskedPixels
    """(Y, X) or (Y, X, C), in the type in which they came: a copy, or what asks the client for them."""
    channels: str
    """One of ``protocol.messages.CHANNEL_MODES``."""
    ranges: tuple[Range, ...]
    """Display range per channel, the same for every tile."""
    tiling: Tiling
    """Where tiles are."""

    def tile(self, tile: Tile) -> NDArray[Any]:
        """Return the pixels of a tile, fresh and in C order."""
        return self.region(tile.level, *self.tiling.pixels(tile))

    def region(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level, fresh and in C order."""
        if isinstance(self.pixels, AskedPixels):
            return self.pixels.halved(level, y0, x0, height, width)
        return np.ascontiguousarray(halved_region(self.pixels, level, y0, x0, height, width))

    def stamp(self, extent: tuple[int, int, int, int]) -> str:
        """Return what the name of a part with these edges ends in; it changes when the pixels do."""
        if not isinstance(self.pixels, AskedPixels):
            return ""
        x0, y0, x1, y1 = extent
        return f".{self.pixels.stamp(y0, x0, y1 - y0, x1 - x0):x}"

    def about(self, tile: Tile) -> dict[str, Any]:
        """Return what a client is told of a tile that is encoded."""
        rows, columns = self.tiling.grid(tile.level)
        number = tile.row * columns + tile.column + 1
        area = list(self.tiling.extent(tile))
        return {"area": area, "number": number, "of": rows * columns, "level": tile.level}

    def about_block(self, drawn: Drawn, number: int, of: int) -> dict[str, Any]:
        """Return what a client is told of a block that is searched, the `number`-th from 0 of so many."""
        blocks = drawn.blocks
        return {"area": list(blocks.extent(drawn.number)), "number": number + 1, "of": of, "level": blocks.level}

    @property
    def nbytes(self) -> int:
        """Memory that the pixels take here."""
        return 0 if isinstance(self.pixels, AskedPixels) else self.pixels.nbytes


def uncut(pixels: NDArray[Any] | AskedPixels, channels: str, ranges: Sequence[Range] | None, side: int) -> Uncut:
    """Copy an image, and find its display range in windows of it, as the host does of one that it reads."""
    copied = pixels if isinstance(pixels, AskedPixels) else pixels.copy()
    tiling = Tiling((pixels.shape[0], pixels.shape[1]), side)
    return Uncut(copied, channels, tuple(ranges or _ranges(copied, channels)), tiling)


def uncut_of(view: memoryview, request: EncodeRequest, side: int) -> Uncut:
    """Do the same with the bytes of an image that was sent; no name for them outlives this."""
    pixels = np.frombuffer(view, dtype=request.image.dtype).reshape(request.image.shape)
    return uncut(pixels, request.channels, request.ranges, side)


def _ranges(pixels: NDArray[Any] | AskedPixels, channels: str) -> tuple[Range, ...]:
    first = pixels[:1, :1]
    if channels == "auto" and is_rgb(first if first.ndim == 3 else first[..., np.newaxis]):
        return find_ranges(first)
    return ranges_in_windows(
        (pixels.shape[0], pixels.shape[1]), lambda y, x, height, width: pixels[y : y + height, x : x + width]
    )
