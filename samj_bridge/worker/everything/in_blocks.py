"""Everything mode on a large image that the worker itself cuts: block by block, as the host does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.blocks.grid import Box
from samj_bridge.geometry.blocks.walk import (
    Drawn,
    Point,
    Walk,
    as_point,
    asked_at,
    blocks_of,
    is_within,
    point_of,
    rule_of,
)
from samj_bridge.geometry.region import Region
from samj_bridge.protocol.everything import EverythingRequest, ObjectMessage
from samj_bridge.protocol.segment import PromptMessage, Wanted
from samj_bridge.worker.answering import answers
from samj_bridge.worker.cache import Entry
from samj_bridge.worker.cut.uncut import Uncut
from samj_bridge.worker.engine import Engine
from samj_bridge.worker.everything.decoded import chosen
from samj_bridge.worker.everything.grid import Box as Crop
from samj_bridge.worker.everything.searching import PartOf, objects_of, parameters_of
from samj_bridge.worker.everything.tally import Tally

__all__ = ["BlockSearch", "within"]


class BlockSearch:
    """A search for every object of a large image; the same steps as `samj_bridge.session.blocks.search`.

    Parameters
    ----------
    engine : Engine
        Encodes blocks and tiles.
    image : Entry
        The image, uncut.
    request : EverythingRequest
        What is wanted.
    tally : Tally
        Counts what happens in all blocks.
    check : callable
        Called with the fraction done; raises when the call is cancelled.
    """

    def __init__(
        self,
        engine: Engine,
        image: Entry,
        request: EverythingRequest,
        tally: Tally,
        check: Callable[[float | None], None],
    ) -> None:
        uncut = image.encoding
        assert isinstance(uncut, Uncut)
        self._engine, self._image, self._uncut = engine, image, uncut
        self._request, self._tally, self._check = request, tally, check
        self._given: list[Region] = []
        self._walk = Walk(
            blocks_of(uncut.tiling, int(getattr(image.model, "whole_px", 0))),
            rule_of(request.mode, request.box_nms_thresh, request.crop_nms_thresh, request.min_area),
            request.within,
            self._search,
            self._click,
            self._overlapping,
            self._given.append,
            request.pred_iou_thresh,
        )

    def objects(self) -> Iterator[ObjectMessage]:
        """Yield the objects as soon as each is settled."""
        for region in self._walk.objects():
            yield ObjectMessage(point_of(region), region.score, None, tuple(_plain(region)))

    def words(self) -> str:
        """Return the sentence at the end."""
        return self._walk.words(self._tally.points, self._tally.skipped, self._tally.masks, self._tally.seeds)

    def _search(self, number: int, block: int) -> list[Region]:
        request, blocks = self._request, self._walk.blocks
        drawn = Drawn.of(blocks, block, crops=bool(request.crop_n_layers))
        total = len(self._walk.wanted)

        def check(part: float | None) -> None:
            self._check(None if part is None else (number + part) / total)

        check(0.0)
        self._engine.tell(info={"tile": self._uncut.about_block(drawn, number, total)})
        entry = self._engine.encode_block(self._image, self._uncut, drawn, lambda _part: check(None))
        mode = chosen(request, entry.model, entry.reply.shape)
        area = drawn.asked if mode != "exact" else None
        small = replace(request, mode=mode, min_area=drawn.least(request.min_area), area=area)
        tally = Tally()
        try:
            parameters = parameters_of(small, entry)
            found = objects_of(entry, small, parameters, tally, check, lambda: self._part_of(drawn))
            regions = [drawn.in_image(_region(message, drawn.shape)) for message in found]
        finally:
            # It is not asked again.
            self._engine.release(entry.reply.encoding)
        for name, count in asdict(tally).items():
            setattr(self._tally, name, getattr(self._tally, name) + count)
        return regions

    def _part_of(self, drawn: Drawn) -> PartOf:
        """Return what cuts crops out of a block; where there are some it is drawn in its own pixels."""
        top, left, _, _ = drawn.blocks.pixels(drawn.number)

        def part(box: Crop) -> NDArray[Any]:
            x0, y0, x1, y1 = box
            return self._uncut.region(drawn.blocks.level, top + y0, left + x0, y1 - y0, x1 - x0)

        return part

    def _click(self, point: Point, _words: str) -> list[Region]:
        prompt, wanted = PromptMessage(None, (point,), (), ()), Wanted(min_area=self._request.min_area)
        ((_, found),) = answers(self._engine, self._image, [prompt], wanted, lambda _part: self._check(None))
        hw = self._uncut.tiling.image_hw
        return [Region(_rings(region.rings), shape=hw, score=region.score) for region in found]

    def _overlapping(self, box: tuple[int, int, int, int]) -> Iterator[Region]:
        x0, y0, x1, y1 = box
        for region in self._given:
            left, top, right, bottom = region.bbox_xyxy
            if left < x1 and right > x0 and top < y1 and bottom > y0:
                yield region


def within(found: Iterable[ObjectMessage], box: Box | None) -> Iterator[ObjectMessage]:
    """Yield the objects whose centroid is in a box; None: all."""
    return (one for one in found if box is None or is_within(Region(_rings(one.rings)), box))


def _region(found: ObjectMessage, shape: tuple[int, int]) -> Region:
    return Region(_rings(found.rings), shape=shape, score=found.score, prompt=asked_at(as_point(found.point)))


def _rings(rings: Iterable[Iterable[int]]) -> tuple[NDArray[np.int32], ...]:
    return tuple(np.array(ring, np.int32).reshape(-1, 2) for ring in rings)


def _plain(region: Region) -> Iterator[list[int]]:
    for ring in region.rings:
        yield ring.ravel().tolist()
