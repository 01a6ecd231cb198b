"""Everything mode on a large image: block by block, then what is longer than a block sees.

1. The level is the one in which an object of the length asked for is looked for (`Tiling.level_of`); level 0 if
   none was named. Blocks are what the network sees in one piece, their halo an eighth of a tile.
2. Each block is searched as an image of its own is, shown with the whole image's display range.
3. What the blocks have found becomes the image's objects (`samj_bridge.geometry.blocks.merging`).
4. Of an object that its block cuts, the point that it was found with is clicked, which looks from farther away
   until the object is whole. What is found so comes last, without the pixels of what was given before.

All of it depends on the image and the options alone. The host walks so, and for clients that leave the rule to it,
such as Java, the worker: who searches a block, answers a click and keeps what was given is told to the `Walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from samj_bridge.geometry.blocks.grid import Blocks, Box
from samj_bridge.geometry.blocks.merging import Merging, Rule, candidates_of, rest_of
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.tiling import UNSURE, Tiling

__all__ = ["Drawn", "Point", "Walk", "as_point", "asked_at", "blocks_of", "is_within", "point_of", "rule_of"]

Point = tuple[float, float]
"""(x, y) in continuous coordinates."""

_HALO = 8
"""A block sees this part of a tile's side beyond its core: objects up to a quarter of a tile are whole."""
_MORE = 4
"""Points are asked in a block's core and this part of its halo: the rest is there to be seen."""
_DRAWN_FINER = 2
"""Objects are drawn in pixels up to so many halvings finer than the block's own, as answers to prompts are."""
_TAKEN = 0.5
_SAME_BOX = 0.7
"""Parameters of the search where the request leaves them to the model: see `EverythingRequest`."""


def blocks_of(tiling: Tiling, whole_px: int, object_px: float = 0.0) -> Blocks:
    """Return the blocks in which objects of a length are looked for; 0: as small as can be seen.

    `whole_px` is the side of what the network sees in one piece.
    """
    return Blocks(tiling.image_hw, max(whole_px, tiling.side), tiling.side // _HALO, tiling.level_of(object_px))


def rule_of(mode: str, box_nms: float | None, crop_nms: float | None, min_area: int) -> Rule:
    """Return when objects of different blocks are the same one, of a request's fields."""
    if mode != "exact":
        # Of a decoder's points it is the IoU of two masks for the same object, within a block.
        taken = _TAKEN if box_nms is None or mode == "apg" else box_nms
        return Rule(True, taken, max(1, min_area))
    return Rule(False, _SAME_BOX if crop_nms is None else crop_nms, max(1, min_area))


@dataclass(frozen=True)
class Drawn:
    """A block, and the pixels in which its objects are drawn."""

    blocks: Blocks
    """Where blocks are."""
    number: int
    """Which it is."""
    halvings: int
    """How often it was halved from the pixels in which objects are drawn."""

    @classmethod
    def of(cls, blocks: Blocks, number: int, *, crops: bool) -> Drawn:
        """Return how a block is drawn; crops are cut from its pixels, so that they are drawn as they are."""
        return cls(blocks, number, 0 if crops else min(blocks.level, _DRAWN_FINER))

    @property
    def step(self) -> int:
        """Side of a pixel in which objects are drawn, in full resolution."""
        return 1 << (self.blocks.level - self.halvings)

    @property
    def origin_xy(self) -> tuple[int, int]:
        """The block's first pixel, in full resolution."""
        return self.blocks.extent(self.number)[:2]

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) in the pixels in which objects are drawn."""
        left, top, right, bottom = self.blocks.extent(self.number)
        return -(-(bottom - top) // self.step), -(-(right - left) // self.step)

    @property
    def asked(self) -> Box:
        """Where points are asked, in the pixels in which objects are drawn: the core and a little more."""
        more = (self.blocks.halo << self.blocks.level) // _MORE
        (x0, y0, x1, y1), (left, top) = self.blocks.core(self.number), self.origin_xy
        edges = x0 - left - more, y0 - top - more, x1 - left + more, y1 - top + more
        return tuple(edge / self.step for edge in edges)  # type: ignore[return-value]

    def least(self, min_area: int) -> int:
        """Return the least area, in these pixels, of an object of so many in full resolution."""
        return -(-min_area // self.step**2)

    def in_image(self, region: Region) -> Region:
        """Return a region that was drawn in these pixels, in those of the image."""
        height, width = self.blocks.image_hw
        origin, step = np.array(self.origin_xy, np.int32), self.step
        # The last pixel that is drawn may stick out of an image whose sides are no multiples of it.
        limit = np.array((width, height), np.int32)
        rings = tuple(np.minimum(ring * step + origin, limit) for ring in region.rings)
        x, y = (value * step + first for value, first in zip(point_of(region), self.origin_xy, strict=True))
        # Half a pixel's middle, so that whole numbers are never taken for the middles of pixels.
        prompt = asked_at((_unlike_whole(x), _unlike_whole(y)))
        return replace(region, rings=rings, shape=(height, width), prompt=prompt)


@dataclass
class Walk:
    """A search through the blocks of an image."""

    blocks: Blocks
    """Where they are."""
    rule: Rule
    """When objects of two of them are the same."""
    within: Box | None
    """Only objects whose centroid is in this box are given, and only blocks that own a part of it are searched."""
    search: Callable[[int, int], list[Region]]
    """Finds the objects of a block, in pixels of the image; called with its place in `wanted`, and its number."""
    click: Callable[[Point, str], Sequence[Region]]
    """Answers a click at a place, best first; called with words on how far the search is, too."""
    given: Callable[[tuple[int, int, int, int]], Iterable[Region]]
    """Returns what was given so far with a bounding box that overlaps one."""
    give: Callable[[Region], None]
    """Notes what is given."""
    least: float | None = None
    """The lowest score of a click that is an object; None: that of a sure answer."""
    count: int = 0
    """How many objects were given."""
    wanted: list[int] = field(init=False)
    """The blocks that are searched."""

    def __post_init__(self) -> None:
        within = self.within
        self.wanted = list(range(len(self.blocks))) if within is None else sorted(self.blocks.owning(within))

    def objects(self) -> Iterator[Region]:
        """Yield what is found, block by block, and then what was cut."""
        merging = Merging(self.blocks, self.wanted, self.rule)
        cut: list[Region] = []
        for number, block in enumerate(self.wanted):
            kept, too_long = candidates_of(self.blocks, block, self.search(number, block))
            cut += too_long
            for region in merging.done(block, kept):
                yield from self._given(region)
        yield from self._cut(cut)

    def words(self, points: int, skipped: int, masks: int, seeds: int) -> str:
        """Return a sentence on what was found with so many points, or by so many seeds of a decoder."""
        tiles = f"{len(self.wanted)} tile{'s' if len(self.wanted) != 1 else ''}"
        asked = f"{points} points were asked"
        if skipped:
            asked += f", {skipped} skipped (inside an object, or where nothing small was found)"
        if seeds:
            asked = "by the model's decoder, without points"
            if points:
                asked = f"by {points} points that the model's decoder gave"
        if not masks and not self.count:
            return f"Nothing was found in {tiles}: the model sees no object there."
        if self.count:
            return f"{self.count} object{'s' if self.count > 1 else ''} found in {tiles}; {asked}."
        return f"Nothing was found in {tiles}: {asked}, and none of the {masks} masks will do."

    def _given(self, region: Region) -> Iterator[Region]:
        if is_within(region, self.within):
            self.give(region)
            self.count += 1
            yield region

    def _cut(self, cut: list[Region]) -> Iterator[Region]:
        """Yield the objects that were too long for their blocks, each once, without what others have."""
        whole: list[Region] = []
        for number, piece in enumerate(cut):
            point = point_of(piece)
            known = any(_has(region, point) for region in whole)
            if known or rest_of(piece, list(self.given(piece.bbox_xyxy)), self.rule) is None:
                continue
            words = f"{self.count} objects found, looking from farther away at {number + 1} of {len(cut)}"
            region = self._clicked(piece, point, words)
            if region is None:
                continue
            whole.append(region)
            rest = rest_of(region, list(self.given(region.bbox_xyxy)), self.rule)
            if rest is not None:
                yield from self._given(rest)

    def _clicked(self, piece: Region, point: Point, words: str) -> Region | None:
        """Return what is answered to a click where a piece was found, from as far away as it takes."""
        least = UNSURE if self.least is None else self.least
        for region in self.click(point, words):
            if not region.is_empty and (region.score is None or region.score >= least):
                return replace(region, prompt=piece.prompt, model=piece.model)
        return None


def is_within(region: Region, within: Box | None) -> bool:
    """Return whether a region's centroid is in a box; in none every one is."""
    if within is None:
        return True
    x, y = region.centroid_xy
    return within[0] <= x < within[2] and within[1] <= y < within[3]


def asked_at(point: Point) -> dict[str, Any]:
    """Return the prompt of one point, as regions have it."""
    return {"box": None, "points": [list(point)], "negative": [], "mask": None, "name": ""}


def as_point(xy: Point) -> Point:
    """Return a place as prompts have it, in which two whole numbers stand for the middle of a pixel."""
    x, y = xy
    if x % 1 == 0 and y % 1 == 0:
        return x + 1e-3, y + 1e-3
    return (x - 0.5, y - 0.5) if x % 1 == y % 1 == 0.5 else (x, y)


def point_of(region: Region) -> Point:
    """Return where a region was asked for."""
    x, y = (region.prompt or {})["points"][0]
    return (x + 0.5, y + 0.5) if float(x).is_integer() and float(y).is_integer() else (x, y)


def _unlike_whole(value: float) -> float:
    return value + 1e-3 if value % 1 == 0 else value


def _has(region: Region, point: Point) -> bool:
    x0, y0, x1, y1 = region.bbox_xyxy
    x, y = point
    if not (x0 <= x < x1 and y0 <= y < y1):
        return False
    return bool(region.crop()[0][int(y) - y0, int(x) - x0])
