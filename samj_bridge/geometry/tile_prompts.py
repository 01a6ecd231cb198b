"""Prompts from an image to a tile of it and outlines back, and when a prompt is asked again a level up.

Host and worker both do this, so that it knows no messages: boxes, points and rings are plain numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.tiling import UNSURE, Box, Tile, Tiling
from samj_bridge.geometry.trace import trace

__all__ = ["Climb", "bounds_of", "outline_in_image", "prompt_on_tile"]

Points = tuple[tuple[float, float], ...]
Rings = tuple[tuple[int, ...], ...]
_Answer = TypeVar("_Answer")


def bounds_of(box: Box | None, points: Points, rings: Rings) -> Box:
    """Return the bounding box of what a prompt says of its object: box, positive points and mask together."""
    xs = [x for x, _ in points]
    ys = [y for _, y in points]
    if box is not None:
        xs += box[::2]
        ys += box[1::2]
    for ring in rings:
        xs += ring[::2]
        ys += ring[1::2]
    return float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))


def prompt_on_tile(
    tiling: Tiling, tile: Tile, box: Box | None, points: Points, negative: Points, rings: Rings
) -> tuple[Box | None, Points, Points, Rings]:
    """Return a prompt's parts in the pixels in which answers on a tile are drawn.

    Negative points outside the tile say nothing about what is in it, and are left out.
    """
    left, top, right, bottom = tiling.extent(tile)
    step = tiling.drawn(tile)[1]

    def placed(x: float, y: float) -> tuple[float, float]:
        return (x - left) / step, (y - top) / step

    drawn = _rings_on(rings, (left, top), step)
    if rings and not drawn and box is None and not points:
        # A line that is too thin to be seen at this reduction: where it lies is still said.
        box = bounds_of(None, (), rings)
    return (
        None if box is None else (*placed(box[0], box[1]), *placed(box[2], box[3])),
        tuple(placed(x, y) for x, y in points),
        tuple(placed(x, y) for x, y in negative if left <= x <= right and top <= y <= bottom),
        drawn,
    )


def outline_in_image(
    tiling: Tiling, tile: Tile, rings: Sequence[NDArray[np.int32]]
) -> tuple[NDArray[np.int32], ...]:
    """Return an outline that was answered on a tile, (n, 2) rings, in the pixels of the image."""
    left, top, _, _ = tiling.extent(tile)
    step = tiling.drawn(tile)[1]
    # The last pixel that is drawn may stick out of an image whose sides are no multiples of it.
    limit = np.array(tiling.image_hw[::-1], np.int32)
    return tuple(np.minimum(ring * step + np.array((left, top), np.int32), limit) for ring in rings)


class Climb(Generic[_Answer]):
    """One prompt made of clicks alone, which goes up the levels until its answer is whole and sure.

    Parameters
    ----------
    tiling : Tiling
        The tiles.
    box : tuple
        The prompt's bounding box.
    """

    def __init__(self, tiling: Tiling, box: Box) -> None:
        self._tiling = tiling
        self._box = box
        self._best: tuple[float, _Answer] | None = None

    def step(self, tile: Tile, answer: _Answer, bounds: Box, area: float, score: float | None) -> Tile | _Answer:
        """Take what was answered on a tile; returns the tile to ask next, or the answer that stands.

        Parameters
        ----------
        tile : Tile
            Where it was asked.
        answer : Any
            What came of it, no tile.
        bounds, area, score
            Of the best outline in it, in the image's pixels; a network that gives no score is sure.
        """
        sure = 1.0 if score is None else score
        above = self._tiling.above(tile, self._box)
        cut = above is not None and self._tiling.is_cut(tile, bounds, area)
        if not cut and (self._best is None or self._best[0] < sure):
            self._best = sure, answer
        if above is not None and (cut or sure < UNSURE):
            return above
        return answer if self._best is None else self._best[1]


def _rings_on(rings: Rings, origin_xy: tuple[int, int], step: int) -> Rings:
    if not rings:
        return ()
    placed = [np.array(ring, np.int64).reshape(-1, 2) - np.array(origin_xy) for ring in rings]
    if step > 1:
        # Rounded outlines may touch themselves: they are drawn, and traced again.
        rounded = [np.asarray((ring + step // 2) // step, np.int32) for ring in placed]
        corners = np.concatenate(rounded)
        (x0, y0), (x1, y1) = corners.min(0).tolist(), corners.max(0).tolist()
        if x0 == x1 or y0 == y1:
            return ()
        placed = [np.asarray(ring) for ring in trace(rasterise(rounded, (y1 - y0, x1 - x0), (x0, y0)), (x0, y0))]
    return tuple(tuple(ring.ravel().tolist()) for ring in placed)
