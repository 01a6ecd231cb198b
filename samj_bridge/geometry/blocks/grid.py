"""Where every object of a large image is looked for: blocks that overlap, each of which owns its middle.

The blocks of a level are squares of `side` pixels of the level, whose origins are `side` - 2 `halo` apart. A
block's *core* is what lies `halo` or more within it, and all up to the border where that is the image's: the cores
of a level are all of the image, and none of it twice. An object belongs to the block whose core has its centroid,
which sees it whole if it is no longer than about twice the halo. A longer one is *cut* where it touches a border of
the block that is not the image's.

Tiles for prompts (`samj_bridge.geometry.tiling`) overlap by half: an image is read four times in them. Blocks are
read once, and their halo twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Blocks", "Box"]

Box = tuple[float, float, float, float]
"""Edges x0, y0, x1, y1 in full resolution, half open."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a level of an image, numbered row by row from 0.

    Examples
    --------
    >>> blocks = Blocks((3000, 5000), side=2048, halo=128)
    >>> blocks.grid, len(blocks)
    ((2, 3), 6)
    >>> blocks.pixels(4), blocks.core(4)
    ((1792, 1792, 1208, 2048), (1920, 1920, 3712, 3000))
    >>> blocks.owner(1919.9, 1920.0), list(blocks.touching((1900, 0, 1950, 10)))
    (3, [0, 1])
    """

    image_hw: tuple[int, int]
    """Height and width in full resolution."""
    side: int
    """Side of a block in pixels of the level."""
    halo: int
    """How far a block sees beyond its core, in pixels of the level; less than a quarter of `side`."""
    level: int = 0
    """How often the image was halved."""

    @property
    def level_hw(self) -> tuple[int, int]:
        """Height and width of the level."""
        height, width = self.image_hw
        return -(-height >> self.level), -(-width >> self.level)

    @property
    def grid(self) -> tuple[int, int]:
        """Number of rows and columns."""
        height, width = self.level_hw
        return self._count(height), self._count(width)

    def __len__(self) -> int:
        rows, columns = self.grid
        return rows * columns

    def pixels(self, number: int) -> tuple[int, int, int, int]:
        """Return a block's first row and column, height and width, in pixels of the level."""
        height, width = self.level_hw
        row, column = divmod(number, self.grid[1])
        y0, x0 = row * self._step, column * self._step
        return y0, x0, min(self.side, height - y0), min(self.side, width - x0)

    def extent(self, number: int) -> tuple[int, int, int, int]:
        """Return a block's edges x0, y0, x1, y1 in full resolution."""
        y0, x0, height, width = self.pixels(number)
        full_h, full_w = self.image_hw
        level = self.level
        return x0 << level, y0 << level, min((x0 + width) << level, full_w), min((y0 + height) << level, full_h)

    def core(self, number: int) -> tuple[int, int, int, int]:
        """Return the edges x0, y0, x1, y1 of what a block owns, in full resolution."""
        row, column = divmod(number, self.grid[1])
        rows, columns = self.grid
        height, width = self.image_hw
        (y0, y1), (x0, x1) = self._owned(row, rows, height), self._owned(column, columns, width)
        return x0, y0, x1, y1

    def owner(self, x: float, y: float) -> int:
        """Return the block whose core has a place in full resolution; one on an edge is the next block's."""
        rows, columns = self.grid
        return self._owning(y, rows) * columns + self._owning(x, columns)

    def touching(self, box: Box) -> Iterator[int]:
        """Yield the blocks that see a part of a box."""
        rows, columns = self.grid
        for row in self._seeing(box[1], box[3], rows):
            for column in self._seeing(box[0], box[2], columns):
                yield row * columns + column

    def owning(self, box: Box) -> Iterator[int]:
        """Yield the blocks that own a part of a box."""
        x0, y0, x1, y1 = box
        rows, columns = self.grid
        for row in range(self._owning(y0, rows), self._owning(y1, rows) + 1):
            for column in range(self._owning(x0, columns), self._owning(x1, columns) + 1):
                number = row * columns + column
                left, top, right, bottom = self.core(number)
                if x0 < right and x1 > left and y0 < bottom and y1 > top:
                    yield number

    def is_cut(self, number: int, box: Box) -> bool:
        """Return whether what has this bounding box touches a border of a block that is not the image's."""
        left, top, right, bottom = self.extent(number)
        height, width = self.image_hw
        return (
            (left > 0 and box[0] <= left)
            or (top > 0 and box[1] <= top)
            or (right < width and box[2] >= right)
            or (bottom < height and box[3] >= bottom)
        )

    @property
    def _step(self) -> int:
        return self.side - 2 * self.halo

    def _count(self, length: int) -> int:
        return 1 if length <= self.side else 1 + -(-(length - self.side) // self._step)

    def _owned(self, index: int, count: int, length: int) -> tuple[int, int]:
        first = 0 if index == 0 else (index * self._step + self.halo) << self.level
        last = length if index == count - 1 else ((index + 1) * self._step + self.halo) << self.level
        return min(first, length), min(last, length)

    def _owning(self, place: float, count: int) -> int:
        index = (place - (self.halo << self.level)) // (self._step << self.level)
        return min(max(int(index), 0), count - 1)

    def _seeing(self, first: float, last: float, count: int) -> range:
        step, side = self._step << self.level, self.side << self.level
        begin = max(0, int((first - side) // step) + 1)
        end = min(count, int(-(-last // step)))
        return range(min(begin, count - 1), max(end, 1))
