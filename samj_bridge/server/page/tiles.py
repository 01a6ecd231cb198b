"""An image to look at: PNG tiles of it at the sizes that a zoom needs, in one display range for all of it."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.export.overlay import to_display
from samj_bridge.geometry.display_range import Range, find_ranges, ranges_in_windows
from samj_bridge.reading.pyramid import HalvedPyramid, as_pyramid
from samj_bridge.server.pictures import Picture

__all__ = ["TILE_PX", "Tiles", "levels_of"]

TILE_PX = 512
"""Side of a tile."""
_MOST_BYTES = 96 << 20


def levels_of(shape: tuple[int, int]) -> int:
    """Return how many sizes there are: the whole image in one tile is the last.

    Examples
    --------
    >>> levels_of((500, 512)), levels_of((513, 20)), levels_of((5000, 5000))
    (1, 2, 5)
    """
    count = 1
    while max(shape) > TILE_PX << (count - 1):
        count += 1
    return count


class Tiles:
    """Tiles of pictures, the latest ones kept. May be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: OrderedDict[str, _Shown] = OrderedDict()
        self._made: OrderedDict[tuple[str, int, int, int], bytes] = OrderedDict()
        self._size = 0

    def get(self, picture: Picture, level: int, x: int, y: int) -> bytes:
        """Return a tile as PNG.

        Parameters
        ----------
        picture : Picture
            The image.
        level : int
            How often it is halved.
        x, y : int
            Column and row of the tile.

        Raises
        ------
        InputError
            There is no such tile.
        """
        key = (picture.digest, level, x, y)
        with self._lock:
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
                return found
            shown = self._shown.get(picture.digest)
        if shown is None:
            shown = _Shown(picture)
            with self._lock:
                self._shown[picture.digest] = shown
                while len(self._shown) > 4:
                    self._shown.popitem(last=False)
        data = _png(shown.tile(level, x, y))
        with self._lock:
            self._made[key] = data
            self._size += len(data)
            while self._size > _MOST_BYTES and len(self._made) > 1:
                self._size -= len(self._made.popitem(last=False)[1])
        return data


class _Shown:
    """A picture in its display range."""

    def __init__(self, picture: Picture) -> None:
        pixels = picture.pixels
        self._shape = picture.shape
        self._plain = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
        self._levels: HalvedPyramid = as_pyramid(pixels)
        self._ranges = None if self._plain else self._found(pixels)

    def _found(self, pixels: Any) -> tuple[Range, ...]:
        if isinstance(pixels, np.ndarray):
            return find_ranges(pixels)
        # The networks' range (docs/explanation/large-images.md).
        return ranges_in_windows(self._shape, lambda *place: self._levels.read(0, *place))

    def tile(self, level: int, x: int, y: int) -> NDArray[Any]:
        if not 0 <= level < min(levels_of(self._shape), len(self._levels.levels)) or x < 0 or y < 0:
            raise _no_tile(level, x, y)
        height, width = self._levels.levels[level][:2]
        left, top = x * TILE_PX, y * TILE_PX
        if left >= width or top >= height:
            raise _no_tile(level, x, y)
        found = self._levels.read(level, top, left, min(TILE_PX, height - top), min(TILE_PX, width - left))
        return found if self._plain else to_display(found, self._ranges)


def _png(pixels: NDArray[Any]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    grey = bool((pixels[..., :1] == pixels).all())
    # Packed a little: it goes a short way.
    Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _no_tile(level: int, x: int, y: int) -> InputError:
    return InputError(
        f"There is no tile {level}/{x}_{y}.", code="no-tile", hint="See levels and size of the image."
    )
