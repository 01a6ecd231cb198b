"""Which part of a large image a prompt is asked in, and how far reduced: a function of the two, and nothing else.

An image is a pyramid: level n is the image halved n times. Networks see a square of `side` pixels. The rule:

1. The level is the finest at which the prompt's longer side is a quarter of `side` or less, and none coarser than
   the finest at which the whole image is one tile.
2. Each level has a fixed grid of tiles of `side` pixels, whose origins are multiples of half of it; the last ones
   are cut off where the level ends. The tile is the one whose centre is nearest to the prompt's, each axis by
   itself; of two at the same distance the one with the lower index.
3. What is asked by clicks alone is asked again a level up if the answer touches a border of the tile that is not
   the image's, or fills more than a quarter of it; and if its score is less than `UNSURE`, since a tile may lie
   inside an object whose outline can't be seen in it. Of answers that were not cut the first one that is sure is
   taken, else the surest, of two alike the finer one; where all were cut, the one at the top.

So an object that is pointed at lies at least an eighth of `side` away from the borders inside the image, and
is more than an eighth of it long wherever the image has that many pixels. Nothing depends on what was asked
before (docs/explanation/large-images.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["UNSURE", "Box", "Tile", "Tiling"]

Box = tuple[float, float, float, float]
"""Edges x0, y0, x1, y1 in full resolution, half open."""

UNSURE = 0.6
"""An answer to clicks that scores less is compared with what is seen from farther away."""

_DRAWN_FINER = 2
"""Answers are drawn in pixels that are up to so many halvings finer than the tile's own: smooth, and never huge."""


@dataclass(frozen=True, order=True)
class Tile:
    """A place in the grid of a level."""

    level: int
    """How often the image was halved."""
    row: int
    """From the top, from 0."""
    column: int
    """From the left, from 0."""


@dataclass(frozen=True)
class Tiling:
    """The tiles of an image.

    Examples
    --------
    >>> tiling = Tiling((3000, 5000), 1024)
    >>> tiling.top, tiling.of((2000.0, 900.0, 2040.0, 930.0))
    (3, Tile(level=0, row=1, column=3))
    >>> tiling.pixels(Tile(0, 1, 3))
    (512, 1536, 1024, 1024)
    >>> tiling.of((2000.0, 900.0, 3000.0, 930.0))
    Tile(level=2, row=0, column=0)
    """

    image_hw: tuple[int, int]
    """Height and width in full resolution."""
    side: int
    """Side of a tile in pixels of its level; an even number."""

    @property
    def top(self) -> int:
        """The finest level at which the image is one tile."""
        level = 0
        while max(self.level_hw(level)) > self.side:
            level += 1
        return level

    def level_hw(self, level: int) -> tuple[int, int]:
        """Return height and width of a level."""
        height, width = self.image_hw
        return -(-height >> level), -(-width >> level)

    def level_of(self, length: float) -> int:
        """Return the level in which something of this length, in full resolution, is asked for."""
        level, top = 0, self.top
        while level < top and length * 4 > self.side << level:
            level += 1
        return level

    def of(self, box: Box) -> Tile:
        """Return the tile for a prompt with this bounding box; that of one click has no extent."""
        x0, y0, x1, y1 = box
        return self.at(self.level_of(max(x1 - x0, y1 - y0)), (x0 + x1) / 2, (y0 + y1) / 2)

    def at(self, level: int, x: float, y: float) -> Tile:
        """Return the tile of a level whose centre is nearest to a place in full resolution.

        It is the tile that *owns* the place, too: each belongs to exactly one tile of a level.
        """
        rows, columns = self.grid(level)
        return Tile(level, _nearest(y, level, self.side, rows), _nearest(x, level, self.side, columns))

    def above(self, tile: Tile, box: Box) -> Tile | None:
        """Return the tile in which a prompt is asked again, a level up; None at the top."""
        if tile.level >= self.top:
            return None
        return self.at(tile.level + 1, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)

    def is_cut(self, tile: Tile, box: Box, area: float) -> bool:
        """Return whether a tile is too small for an answer with this bounding box and area.

        It is if the answer touches a border of it that is not the image's, or fills more than a quarter of it.
        """
        left, top, right, bottom = self.extent(tile)
        height, width = self.image_hw
        touches = (
            (left > 0 and box[0] <= left)
            or (top > 0 and box[1] <= top)
            or (right < width and box[2] >= right)
            or (bottom < height and box[3] >= bottom)
        )
        return area > 0 and (touches or area * 4 > (right - left) * (bottom - top))

    def grid(self, level: int) -> tuple[int, int]:
        """Return the number of rows and columns of a level."""
        height, width = self.level_hw(level)
        return _count(height, self.side), _count(width, self.side)

    def pixels(self, tile: Tile) -> tuple[int, int, int, int]:
        """Return a tile's first row and column, height and width, in pixels of its level."""
        height, width = self.level_hw(tile.level)
        step = self.side // 2
        y0, x0 = tile.row * step, tile.column * step
        return y0, x0, min(self.side, height - y0), min(self.side, width - x0)

    def extent(self, tile: Tile) -> tuple[int, int, int, int]:
        """Return a tile's edges x0, y0, x1, y1 in full resolution."""
        y0, x0, height, width = self.pixels(tile)
        full_h, full_w = self.image_hw
        level = tile.level
        return x0 << level, y0 << level, min((x0 + width) << level, full_w), min((y0 + height) << level, full_h)

    def drawn(self, tile: Tile) -> tuple[int, int]:
        """Return the pixels in which answers are drawn: how often the tile was halved from them, and their side.

        The side is one of full resolution as long as a tile has no more than 16 of them for each of its pixels.
        """
        halvings = min(tile.level, _DRAWN_FINER)
        return halvings, 1 << (tile.level - halvings)

    def neighbours(self, tile: Tile) -> Iterator[Tile]:
        """Yield the tiles of the same level around one, the nearest first."""
        rows, columns = self.grid(tile.level)
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            row, column = tile.row + dy, tile.column + dx
            if 0 <= row < rows and 0 <= column < columns:
                yield Tile(tile.level, row, column)

    def core(self, tile: Tile) -> Box:
        """Return the part of the image that a tile owns, in full resolution; the cores of a level are all of it.

        A place on an edge between two cores belongs to the one with the lower index.
        """
        rows, columns = self.grid(tile.level)
        height, width = self.image_hw
        (y0, y1), (x0, x1) = (
            _owned(tile.row, rows, tile.level, self.side, height),
            _owned(tile.column, columns, tile.level, self.side, width),
        )
        return x0, y0, x1, y1


def _count(length: int, side: int) -> int:
    return 1 if length <= side else 1 + -(-(length - side) // (side // 2))


def _nearest(place: float, level: int, side: int, count: int) -> int:
    # Centres are at 1, 2, 3, ... times half a side. Powers of two and halves: every number here is exact.
    return min(max(math.ceil(place / (side // 2 << level) - 1.5), 0), count - 1)


def _owned(index: int, count: int, level: int, side: int, length: int) -> tuple[float, float]:
    step = side // 2 << level
    first = 0.0 if index == 0 else (index + 0.5) * step
    last = float(length) if index == count - 1 else (index + 1.5) * step
    return first, min(last, float(length))
