"""Everything mode on a large image: block by block, then what is longer than a block sees.

1. The level is the one in which an object of the length asked for is looked for (`Tiling.level_of`); level 0 if
   none was named. Blocks are what the network sees in one piece, their halo an eighth of a tile.
2. Each block is searched as an image of its own is, shown with the whole image's display range.
3. What the blocks have found becomes the image's objects (`samj_bridge.session.blocks.merging`).
4. Of an object that its block cuts, the point that it was found with is clicked, which looks from farther away
   until the object is whole. What is found so comes last, without the pixels of what was given before.

All of it depends on the image and the options alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from samj_bridge.geometry.blocks import Blocks, Box
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.tiling import UNSURE
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify, time_left
from samj_bridge.protocol.everything import EverythingRequest
from samj_bridge.protocol.segment import SegmentRequest, Wanted
from samj_bridge.session.blocks.identity import about
from samj_bridge.session.blocks.image import BlockImage
from samj_bridge.session.blocks.merging import Merging, Rule, candidates_of, rest_of
from samj_bridge.session.blocks.record import Record
from samj_bridge.session.connection.supervisor import Supervisor
from samj_bridge.session.everything import Search
from samj_bridge.session.prompts import Prompt, message_of
from samj_bridge.session.tiles.answers import tile_answers
from samj_bridge.session.tiles.image import TiledImage

__all__ = ["BlockSearch", "is_within"]

_HALO = 8
"""A block sees this part of a tile's side beyond its core: objects up to a quarter of a tile are whole."""
_MORE = 4
"""Points are asked in a block's core and this part of its halo: the rest is there to be seen."""
_DRAWN_FINER = 2
"""Objects are drawn in pixels up to so many halvings finer than the block's own, as answers to prompts are."""
_TAKEN = 0.5
_SAME_BOX = 0.7
"""Parameters of the search where the request leaves them to the model: see `EverythingRequest`."""


@dataclass
class BlockSearch:
    """A search for every object of a large image."""

    supervisor: Supervisor
    image: TiledImage
    within: Box | None = None
    """Only objects whose centroid is in this box, in full resolution; only blocks under it are read."""
    object_px: float = 0.0
    """Length of the objects looked for, in full resolution; 0: as small as can be seen."""
    record: Path | None = None
    """File that keeps what was found: the search goes on from there."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """``message``, ``counts``, and ``resumed``: how many steps a record had already."""

    def regions(
        self, request: EverythingRequest, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> Iterator[Region]:
        """Yield the objects, numbered from 0, as soon as each is settled."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.image.look(progress, cancel)
        running = self.supervisor.running(progress, cancel)
        tiling = self.image.tiling
        side = max(int(running.loaded.get("whole_px", 0)), tiling.side)
        blocks = Blocks(tiling.image_hw, side, tiling.side // _HALO, tiling.level_of(self.object_px))

        def check(part: float) -> None:
            if cancel is not None:
                cancel.check()
            words = "Looking whether the image is that of the record"
            notify(progress, ProgressEvent("everything", words, part, 1.0))

        described = about(self.image, running, request, blocks, self.within, check) if self.record else {}
        record = Record(self.record, described)
        self.outputs = {"resumed": record.resumed, "counts": {}, "message": ""}
        try:
            run = _Run(self, request, blocks, record, progress, cancel, deadline)
            for number, region in enumerate(run.objects()):
                yield replace(region, prompt_index=number)
            self.outputs |= {"message": run.words(), "counts": dict(run.counts)}
            notify(progress, ProgressEvent("everything", run.words(), 1.0, 1.0))
        finally:
            record.close()


@dataclass
class _Run:
    search: BlockSearch
    request: EverythingRequest
    blocks: Blocks
    record: Record
    progress: Progress
    cancel: CancelToken | None
    deadline: float | None
    counts: Counter[str] = field(default_factory=Counter)
    given: int = 0
    """Objects that were yielded."""
    searched: int = 0
    """Blocks that no record had."""
    seconds: float = 0.0
    """Time that these took."""

    def __post_init__(self) -> None:
        request = self.request
        apart = request.mode != "exact"
        if apart:
            most = _TAKEN if request.box_nms_thresh is None else request.box_nms_thresh
        else:
            most = _SAME_BOX if request.crop_nms_thresh is None else request.crop_nms_thresh
        self.rule = Rule(apart, most, max(1, request.min_area))
        within = self.search.within
        self.wanted = list(range(len(self.blocks))) if within is None else sorted(self.blocks.owning(within))

    def objects(self) -> Iterator[Region]:
        """Yield what is found in the box, block by block, and then what was cut."""
        merging = Merging(self.blocks, self.wanted, self.rule)
        cut: list[Region] = []
        for number, block in enumerate(self.wanted):
            if self.cancel is not None:
                self.cancel.check()
            kept, too_long = candidates_of(self.blocks, block, self._block(number, block))
            cut += too_long
            for region in merging.done(block, kept):
                yield from self._give(region)
        yield from self._cut(cut)

    def words(self) -> str:
        """Return the sentence at the end."""
        tiles = f"{len(self.wanted)} tile{'s' if len(self.wanted) != 1 else ''}"
        asked = f"{self.counts['points']} points were asked"
        if self.counts["skipped"]:
            asked += f", {self.counts['skipped']} skipped (inside an object, or where nothing small was found)"
        if self.counts["seeds"]:
            asked = "by the model's decoder, without points"
        if not self.counts["masks"] and not self.given:
            return f"Nothing was found in {tiles}: the model sees no object there."
        if self.given:
            return f"{self.given} object{'s' if self.given > 1 else ''} found in {tiles}; {asked}."
        return f"Nothing was found in {tiles}: {asked}, and none of the {self.counts['masks']} masks will do."

    def _give(self, region: Region) -> Iterator[Region]:
        if is_within(region, self.search.within):
            self.record.give(region)
            self.given += 1
            yield region

    def _block(self, number: int, block: int) -> list[Region]:
        """Return what a block has found: from the record, or by a search in it."""
        step = f"block {block}"
        known = self.record.found(step)
        if known is None:
            begun = time.monotonic()
            found, outputs = self._searched(number, block)
            self.seconds += time.monotonic() - begun
            self.searched += 1
            self.record.add(step, found, outputs)
            known = found, outputs
        self.counts += Counter(known[1]["counts"])
        self._tell(number, 1.0, "")
        return known[0]

    def _searched(self, number: int, block: int) -> tuple[list[Region], dict[str, Any]]:
        request, level = self.request, self.blocks.level
        # Crops are cut from the pixels that are sent: these are drawn as they are.
        halvings = 0 if request.crop_n_layers else min(level, _DRAWN_FINER)
        self._tell(number, 0.0, "reading ")
        search = self.search
        image = BlockImage(
            search.supervisor,
            search.image.source,
            search.image.ranges,
            self.blocks,
            block,
            halvings,
            lambda _part: self._tell(number, 0.0, "reading "),
        )

        far = 0.0

        def tell(event: ProgressEvent) -> None:
            nonlocal far
            if event.stage != "everything":
                notify(self.progress, event)
                return
            # An event that brings objects does not say how far the search is.
            far = max(far, event.done)
            # What the worker says last is that it is done; that is told of all blocks together.
            if far < 1:
                self._tell(number, far, "")

        inner = Search(
            search.supervisor,
            image.plane,
            image.shape,
            lambda running, left: image.encoding(running, tell, self.cancel, left),
            image.forget,
        )
        area = self._area(block, image) if request.mode != "exact" else None
        small = replace(request, min_area=-(-request.min_area // image.step**2), area=area)
        try:
            found = [
                _in_image(region, image, self.blocks.image_hw)
                for region in inner.regions(small, tell, self.cancel, self._left())
            ]
        finally:
            image.close()
        return found, {"counts": dict(inner.outputs["counts"])}

    def _area(self, block: int, image: BlockImage) -> Box:
        """Return where points are asked, in the pixels in which objects are drawn: the core and a little more."""
        more = (self.blocks.halo << self.blocks.level) // _MORE
        (x0, y0, x1, y1), (left, top) = self.blocks.core(block), image.origin_xy
        edges = x0 - left - more, y0 - top - more, x1 - left + more, y1 - top + more
        return tuple(edge / image.step for edge in edges)  # type: ignore[return-value]

    def _cut(self, cut: list[Region]) -> Iterator[Region]:
        """Yield the objects that were too long for their blocks, each once, without what others have."""
        whole: list[Region] = []
        for number, piece in enumerate(cut):
            if self.cancel is not None:
                self.cancel.check()
            given = list(self.record.given(piece.bbox_xyxy))
            point = _point_of(piece)
            if any(_has(region, point) for region in whole) or rest_of(piece, given, self.rule) is None:
                continue
            words = f"{self.given} objects found, looking from farther away at {number + 1} of {len(cut)}"
            notify(self.progress, ProgressEvent("everything", words, 1.0, 1.0))
            region = self._clicked(piece, point)
            if region is None:
                continue
            whole.append(region)
            rest = rest_of(region, list(self.record.given(region.bbox_xyxy)), self.rule)
            if rest is not None:
                yield from self._give(rest)

    def _clicked(self, piece: Region, point: tuple[float, float]) -> Region | None:
        """Return what is answered to a click where a piece was found, from as far away as it takes."""
        step = f"click {point[0]!r} {point[1]!r}"
        known = self.record.found(step)
        if known is None:
            prompt = Prompt(points=[point])
            search, message = self.search, message_of(Prompt(points=[point]), self.blocks.image_hw)
            asked = SegmentRequest("", (message,), Wanted(min_area=self.request.min_area), stream=False)
            ((_, found),) = tile_answers(
                search.supervisor, search.image, asked, [prompt], ignore_progress, self.cancel, self._end()
            )
            self.record.add(step, found, {})
            known = found, {}
        least = UNSURE if self.request.pred_iou_thresh is None else self.request.pred_iou_thresh
        for region in known[0]:
            if not region.is_empty and (region.score is None or region.score >= least):
                return replace(region, prompt=piece.prompt, model=piece.model)
        return None

    def _tell(self, number: int, part: float, what: str) -> None:
        if self.cancel is not None:
            self.cancel.check()
        total = len(self.wanted)
        words = f"{self.given} objects found, {what}tile {number + 1} of {total}"
        if self.searched:
            left = time_left((total - number - part) * self.seconds / self.searched)
            words += f", {left}" if left else ""
        area = self.blocks.extent(self.wanted[number]) if part < 1 else None
        notify(self.progress, ProgressEvent("everything", words, min((number + part) / total, 1.0), 1.0, area=area))

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.001, self.deadline - time.monotonic())

    def _end(self) -> float | None:
        return self.deadline


def is_within(region: Region, within: Box | None) -> bool:
    """Return whether a region's centroid is in a box; in none every one is."""
    if within is None:
        return True
    x, y = region.centroid_xy
    return within[0] <= x < within[2] and within[1] <= y < within[3]


def _in_image(region: Region, image: BlockImage, image_hw: tuple[int, int]) -> Region:
    """Return a region that was drawn in a block's pixels, in those of the image."""
    origin, step = np.array(image.origin_xy, np.int32), image.step
    # The last pixel that is drawn may stick out of an image whose sides are no multiples of it.
    limit = np.array(image_hw[::-1], np.int32)
    rings = tuple(np.minimum(ring * step + origin, limit) for ring in region.rings)
    x, y = _point_of(region)
    # Half a pixel's middle, so that whole numbers are never taken for the middles of pixels.
    x, y = (_unlike_whole(value * step + first) for value, first in zip((x, y), image.origin_xy, strict=True))
    return replace(region, rings=rings, shape=image_hw, prompt=Prompt(points=[(x, y)]).to_dict())


def _point_of(region: Region) -> tuple[float, float]:
    """Return where a region was asked for, in continuous coordinates."""
    x, y = (region.prompt or {})["points"][0]
    return (x + 0.5, y + 0.5) if float(x).is_integer() and float(y).is_integer() else (x, y)


def _unlike_whole(value: float) -> float:
    return value + 1e-3 if value % 1 == 0 else value


def _has(region: Region, point: tuple[float, float]) -> bool:
    x0, y0, x1, y1 = region.bbox_xyxy
    x, y = point
    if not (x0 <= x < x1 and y0 <= y < y1):
        return False
    return bool(region.crop()[0][int(y) - y0, int(x) - x0])
