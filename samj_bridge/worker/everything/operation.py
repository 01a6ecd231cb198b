"""The operation ``everything`` of docs/reference/protocol.md: one image or a large one, its outcome in words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from samj_bridge.protocol.everything import EverythingReply, EverythingRequest, ObjectMessage
from samj_bridge.worker.blank import WORDS, Blank
from samj_bridge.worker.cut.uncut import Uncut
from samj_bridge.worker.engine import Engine
from samj_bridge.worker.everything.decoded import chosen, said
from samj_bridge.worker.everything.in_blocks import BlockSearch, within
from samj_bridge.worker.everything.parameters import Parameters
from samj_bridge.worker.everything.searching import objects_of, parameters_of, sent_pixels
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.loop import Context

__all__ = ["everything"]

_SENT_AT_ONCE = 64
"""Objects per UPDATE where all are there at once."""


def everything(engine: Engine, inputs: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Find every object of an encoded image."""
    request = EverythingRequest.from_wire(inputs)
    entry = engine.encoding(request.encoding)
    begun, tally = time.perf_counter(), Tally()
    context.check()
    if isinstance(entry.encoding, Uncut):
        search = BlockSearch(engine, entry, request, tally, context.check)
        regions, count = _told(search.objects(), request, tally, context)
        words = search.words()
    else:
        request = replace(request, mode=chosen(request, entry.model, entry.reply.shape))
        parameters, shape = parameters_of(request, entry), entry.reply.shape
        part_of = None if request.image is None else lambda: sent_pixels(request, shape)
        found = within(objects_of(entry, request, parameters, tally, context.check, part_of), request.within)
        regions, count = _told(found, request, tally, context)
        blank = isinstance(entry.encoding, Blank)
        words = WORDS if blank else _words(count, tally, parameters, request.mode)
    engine.encodings.weigh(request.encoding)
    reply = EverythingReply(tuple(regions), count, tally.to_wire(), words, time.perf_counter() - begun)
    return reply.to_wire()


def _told(
    found: Iterable[ObjectMessage], request: EverythingRequest, tally: Tally, context: Context
) -> tuple[list[ObjectMessage], int]:
    """Send objects as they are found, or gather them; returns those gathered, and how many there were."""
    gathered: list[ObjectMessage] = []
    count = 0
    for messages in _batches(found, 1 if request.mode == "fast" else _SENT_AT_ONCE):
        count += len(messages)
        if request.stream:
            context.update(info={"regions": [message.to_wire() for message in messages], **_progress(tally)})
        else:
            gathered += messages
    return gathered, count


def _batches(found: Iterable[ObjectMessage], size: int) -> Iterator[list[ObjectMessage]]:
    batch: list[ObjectMessage] = []
    for item in found:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _progress(tally: Tally) -> dict[str, int]:
    return {"points": tally.points, "skipped": tally.skipped}


def _words(count: int, tally: Tally, parameters: Parameters, mode: str) -> str:
    if mode == "decoder" or (mode == "apg" and (count or not tally.points)):
        return said(count, tally)
    asked = f"{tally.points} points were asked"
    if tally.skipped:
        asked += f", {tally.skipped} skipped (inside an object, or where nothing small was found)"
    if count:
        return f"{count} object{'s' if count > 1 else ''} found; {asked}."
    if not tally.masks:
        return "Nothing was found: the model sees no object in this image."
    reasons = {
        f"have a predicted IoU of {parameters.pred_iou_thresh:g} or less (pred_iou_thresh)": tally.low_score,
        f"have a stability below {parameters.stability_score_thresh:g} (stability_score_thresh)": tally.unstable,
        "are cut by the edge of a crop": tally.cut,
        "have no pixel, or fewer than min_area": tally.small,
        "are more than half of the image": tally.large,
    }
    why = ", ".join(f"{number} {reason}" for reason, number in reasons.items() if number)
    return f"Nothing was found: {asked}, and of the {tally.masks} masks {why}."
