"""What `Session.encode` was given: an image to be sent whole, or one of which tiles are sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.tiling import Tile, Tiling
from samj_bridge.reading.pyramid import HalvedPyramid, Pyramid, as_pyramid
from samj_bridge.session.images import Channels, Plane, plane_of

__all__ = ["TileSource", "pixels_or_tiles"]

_PIECE_PX = 1 << 24
"""Pixels of full resolution that are read at a time for a coarse tile: some tenths of a second."""


@dataclass(frozen=True)
class TileSource:
    """An image that is read tile by tile, and how it is shown."""

    image: HalvedPyramid
    """The pixels."""
    channels: Channels
    """Which channels are shown, as `Session.encode` takes them."""
    shown: Plane
    """A plane that has the image's type and channels, and none of its pixels: how each tile is sent."""
    tiling: Tiling
    """Where its tiles are."""

    def plane(self, tile: Tile, check: Callable[[float], None]) -> Plane:
        """Read a tile; `check` is called with the part that is read so far, and may raise.

        Raises
        ------
        SamjError
            It can't be read.
        """
        return self.region_in_pieces(tile.level, self.tiling.pixels(tile), check)

    def stamp(self, tile: Tile) -> int:
        """Return a number that changes when the pixels of a tile do; 0 of images that stay as they are."""
        stamp = getattr(self.image.image, "stamp", None)
        if stamp is None:
            return 0
        x0, y0, x1, y1 = self.tiling.extent(tile)
        return int(stamp(y0, x0, y1 - y0, x1 - x0))

    def region_in_pieces(
        self, level: int, place: tuple[int, int, int, int], check: Callable[[float], None]
    ) -> Plane:
        """Read a region (y0, x0, height, width) of a level; `check` as for `plane`."""
        y0, x0, height, width = place
        # Of a coarse level much is read for few pixels: in pieces, so that it can be stopped.
        step = max(1, _PIECE_PX // (width * self.image.cost(level)))
        if step >= height:
            return self.region(level, y0, x0, height, width)
        pixels = np.empty((height, width, *self.image.shape[2:]), self.image.dtype)
        for top in range(0, height, step):
            check(top / height)
            rows = min(step, height - top)
            pixels[top : top + rows] = self.image.read(level, y0 + top, x0, rows, width)
        return plane_of(pixels, self.shown.ranges, self.channels)

    def grid(self, level: int, places: Sequence[tuple[int, int, int, int]]) -> Plane | None:
        """Read regions (y0, x0, height, width) of one size that are a grid; None where they are read one by one."""
        reader = getattr(self.image.image, "read_grid", None)
        ys, xs = sorted({place[0] for place in places}), sorted({place[1] for place in places})
        if reader is None or level or len(ys) * len(xs) != len(places):
            return None
        pixels = reader(level, ys, xs, *places[0][2:])
        return None if pixels is None else plane_of(pixels, self.shown.ranges, self.channels)

    def region(self, level: int, y0: int, x0: int, height: int, width: int) -> Plane:
        """Read a region of a level."""
        pixels = self.image.read(level, y0, x0, height, width)
        return plane_of(pixels, self.shown.ranges, self.channels)


def pixels_or_tiles(
    thing: Any, ranges: Any, channels: Channels, *, tile_px: int, whole_px: int
) -> Plane | TileSource:
    """Return a small image as the plane that is sent, and a large one as what tiles are read from.

    Parameters
    ----------
    thing : array, Pyramid, or list of arrays
        As `Session.encode` takes it.
    ranges, channels
        Likewise.
    tile_px, whole_px : int
        Side of the model's tiles, 0 where it has none; images with no side longer than `whole_px` are not cut.

    Raises
    ------
    ImageError
        It is no image, or can't be shown like this; nothing was read.
    """
    image = _levels_of(thing)
    if image is None:
        array = _large_array(thing, whole_px) if tile_px else None
        if array is None:
            return plane_of(thing, ranges, channels)
        image = as_pyramid(array)
    height, width = image.shape[:2]
    # Type, channels and ranges are checked on as few pixels as have the same form.
    form = np.zeros((min(height, 32), min(width, 32), *image.shape[2:]), image.dtype)
    shown = plane_of(form, ranges, channels)
    if not tile_px or max(height, width) <= whole_px:
        return plane_of(image.read(0, 0, 0, height, width), ranges, channels)
    return TileSource(image, channels, shown, Tiling((height, width), tile_px))


def _levels_of(thing: Any) -> HalvedPyramid | None:
    """Return what has levels, or reads regions, as a pyramid."""
    if isinstance(thing, Pyramid):
        return as_pyramid(thing)
    if isinstance(thing, (list, tuple)) and len(thing) > 1:
        shapes = [tuple(getattr(item, "shape", ())) for item in thing]
        # Arrays of one shape are a stack, which is refused as such.
        if all(len(shape) >= 2 for shape in shapes) and len(set(shapes)) > 1:
            return as_pyramid(thing)
    return None


def _large_array(thing: Any, whole_px: int) -> NDArray[Any] | Any | None:
    """Return an array, or what can be sliced like one, that is too large to be sent whole."""
    if not hasattr(thing, "shape") or not hasattr(thing, "dtype"):
        return None
    with suppress(TypeError, ValueError):
        # The types of other libraries, torch's for example, are none of numpy's: they are converted as a whole.
        shape = tuple(int(extent) for extent in thing.shape)
        dtype = np.dtype(thing.dtype)
        large = len(shape) in (2, 3) and min(shape) > 0 and max(shape[:2]) > whole_px
        return thing if large and dtype.kind in "buif" and hasattr(thing, "__getitem__") else None
    return None
