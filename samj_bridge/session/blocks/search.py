"""Everything mode on a large image, as the host does it: blocks are sent to the worker, what they hold is recorded.

How an image is walked through, and what becomes of the blocks' objects: `samj_bridge.geometry.blocks.walk`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from samj_bridge.geometry.blocks.grid import Blocks, Box
from samj_bridge.geometry.blocks.walk import Drawn, Point, Walk, blocks_of, rule_of
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify, time_left
from samj_bridge.protocol.everything import EverythingRequest
from samj_bridge.protocol.segment import SegmentRequest, Wanted
from samj_bridge.session.blocks.identity import about
from samj_bridge.session.blocks.image import BlockImage
from samj_bridge.session.blocks.record import Record
from samj_bridge.session.connection.supervisor import Supervisor
from samj_bridge.session.everything import Search
from samj_bridge.session.prompts import Prompt, message_of
from samj_bridge.session.tiles.answers import tile_answers
from samj_bridge.session.tiles.image import TiledImage

__all__ = ["BlockSearch"]


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
        blocks = blocks_of(self.image.tiling, int(running.loaded.get("whole_px", 0)), self.object_px)

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
            for number, region in enumerate(run.walk.objects()):
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
    searched: int = 0
    """Blocks that no record had."""
    seconds: float = 0.0
    """Time that these took."""

    def __post_init__(self) -> None:
        request = self.request
        self.walk = Walk(
            self.blocks,
            rule_of(request.mode, request.box_nms_thresh, request.crop_nms_thresh, request.min_area),
            self.search.within,
            self._block,
            self._click,
            self.record.given,
            self.record.give,
            request.pred_iou_thresh,
        )

    def words(self) -> str:
        """Return the sentence at the end."""
        return self.walk.words(*(self.counts[name] for name in ("points", "skipped", "masks", "seeds")))

    def _block(self, number: int, block: int) -> list[Region]:
        """Return what a block has found: from the record, or by a search in it."""
        self._check()
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
        request, search = self.request, self.search
        drawn = Drawn.of(self.blocks, block, crops=bool(request.crop_n_layers))
        self._tell(number, 0.0, "reading ")
        image = BlockImage(
            search.supervisor,
            search.image.source,
            search.image.ranges,
            drawn,
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
            drawn.shape,
            lambda running, left: image.encoding(running, tell, self.cancel, left),
            image.forget,
        )
        area = drawn.asked if request.mode != "exact" else None
        small = replace(request, min_area=drawn.least(request.min_area), area=area)
        try:
            found = [drawn.in_image(region) for region in inner.regions(small, tell, self.cancel, self._left())]
        finally:
            image.close()
        return found, {"counts": dict(inner.outputs["counts"])}

    def _click(self, point: Point, words: str) -> list[Region]:
        """Return what is answered to a click, from as far away as it takes."""
        self._check()
        notify(self.progress, ProgressEvent("everything", words, 1.0, 1.0))
        step = f"click {point[0]!r} {point[1]!r}"
        known = self.record.found(step)
        if known is not None:
            return known[0]
        prompt, search = Prompt(points=[point]), self.search
        message = message_of(prompt, self.blocks.image_hw)
        asked = SegmentRequest("", (message,), Wanted(min_area=self.request.min_area), stream=False)
        ((_, found),) = tile_answers(
            search.supervisor, search.image, asked, [prompt], self._clicking(words), self.cancel, self.deadline
        )
        self.record.add(step, found, {})
        return found

    def _clicking(self, words: str) -> Progress:
        """Return what tells of tiles that a click needs, in the search's words: it is never silent for long."""
        return lambda event: notify(self.progress, ProgressEvent("everything", words, 1.0, 1.0, area=event.area))

    def _check(self) -> None:
        if self.cancel is not None:
            self.cancel.check()

    def _tell(self, number: int, part: float, what: str) -> None:
        self._check()
        wanted = self.walk.wanted
        total = len(wanted)
        words = f"{self.walk.count} objects found, {what}tile {number + 1} of {total}"
        if self.searched:
            left = time_left((total - number - part) * self.seconds / self.searched)
            words += f", {left}" if left else ""
        area = self.blocks.extent(wanted[number]) if part < 1 else None
        notify(self.progress, ProgressEvent("everything", words, min((number + part) / total, 1.0), 1.0, area=area))

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.001, self.deadline - time.monotonic())
