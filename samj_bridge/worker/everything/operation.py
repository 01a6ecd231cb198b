"""The operation ``everything`` of docs/reference/protocol.md: defaults, the search, its outcome in words."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from samj_bridge.geometry.trace import trace
from samj_bridge.protocol.arrays import ArrayDescription, attached
from samj_bridge.protocol.everything import EverythingReply, EverythingRequest, ObjectMessage
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker import devices, intensity
from samj_bridge.worker.blank import WORDS, Blank
from samj_bridge.worker.cache import Entry
from samj_bridge.worker.engine import Engine
from samj_bridge.worker.everything.decoded import chosen, find_decoded, said, thresholds_of
from samj_bridge.worker.everything.exact import HALF, find_all
from samj_bridge.worker.everything.fast import find_fast
from samj_bridge.worker.everything.grid import Box
from samj_bridge.worker.everything.masks import Found
from samj_bridge.worker.everything.parameters import Parameters
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.loop import Context

__all__ = ["everything"]

_TAKEN = 0.5
"""Fast mode: the part of a mask that may belong to others."""
_SENT_AT_ONCE = 64
"""Objects per UPDATE where all are there at once."""


def everything(engine: Engine, inputs: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Find every object of an encoded image."""
    request = EverythingRequest.from_wire(inputs)
    entry = engine.whole(engine.encoding(request.encoding), context.check)
    model: Any = entry.model
    request = replace(request, mode=chosen(request, model, entry.reply.shape))
    begun, tally = time.perf_counter(), Tally()
    parameters = _parameters(request, entry)
    context.check()
    if isinstance(entry.encoding, Blank):
        found: Iterable[Found] = ()
    elif request.mode == "decoder":
        found = find_decoded(model, entry.encoding, thresholds_of(request), tally, context.check, request.area)
    elif request.mode == "fast":
        found = find_fast(model, entry.encoding, entry.reply.shape, parameters, tally, context.check, request.area)
    else:
        encode = _encoder(request, entry, context)
        found = find_all(model, encode, entry.reply.shape, parameters, tally, context.check)
    regions: list[ObjectMessage] = []
    count = 0
    for messages in _batches(_kept(found, request.min_area, tally), 1 if request.mode == "fast" else _SENT_AT_ONCE):
        count += len(messages)
        if request.stream:
            context.update(info={"regions": [message.to_wire() for message in messages], **_progress(tally)})
        else:
            regions += messages
    engine.encodings.weigh(request.encoding)
    if isinstance(entry.encoding, Blank):
        words = WORDS
    else:
        words = said(count, tally) if request.mode == "decoder" else _words(count, tally, parameters)
    reply = EverythingReply(tuple(regions), count, tally.to_wire(), words, time.perf_counter() - begun)
    return reply.to_wire()


def _parameters(request: EverythingRequest, entry: Entry) -> Parameters:
    fast = request.mode == "fast"
    # What the network's own scores are good for; SAM's figures where a family says nothing.
    values: dict[str, Any] = {"box_nms_thresh": _TAKEN} if fast else {}
    values |= dict(getattr(entry.model, "everything_defaults", {}))
    sketched = fast and request.area is not None and hasattr(entry.model, "sketches")
    if sketched:
        values |= dict(getattr(entry.model, "sketches_defaults", {}))
    if not fast:
        values.pop("box_nms_thresh", None)
    given = {name: getattr(request, name) for name in Parameters.__dataclass_fields__ if hasattr(request, name)}
    values |= {name: value for name, value in given.items() if value is not None}
    if not request.points_per_side:
        values.pop("points_per_side")
    if fast:
        # One prompt on each core, or what fills a GPU: more at once would ask points that the first of them settle.
        together = 16 if "cpu" not in entry.device else devices.threads()
        values["points_per_batch"] = int(getattr(entry.model, "points_together", together))
        if sketched:
            values["points_per_batch"] = int(getattr(entry.model, "sketches_together", values["points_per_batch"]))
    return Parameters(**values)


def _encoder(request: EverythingRequest, entry: Entry, context: Context) -> Callable[[Box], Any]:
    height, width = entry.reply.shape
    image = request.image
    if image is not None and image.shape[:2] != (height, width):
        message = f"The image has the shape {image.shape}, but the one encoded was {height} x {width}."
        raise OperationFailed(FailureCode.BAD_IMAGE, message, hint="Send the image that was encoded.")

    def encode(box: Box) -> Any:
        if box == (0, 0, width, height) or image is None:
            return entry.encoding
        return entry.model.encode(_part_of(image, box, entry, request.channels), lambda _fraction: context.check())

    return encode


def _part_of(image: ArrayDescription, box: Box, entry: Entry, channels: str) -> Any:
    x0, y0, x1, y1 = box
    with attached(image) as view:
        pixels = np.frombuffer(view, dtype=image.dtype).reshape(image.shape)
        # Shown as the whole image was: a crop with a range of its own would be another image.
        part = intensity.to_unit(pixels[y0:y1, x0:x1], entry.reply.ranges, channels)
        del pixels
    return part


def _kept(found: Iterable[Found], min_area: int, tally: Tally) -> Iterator[Found]:
    for item in found:
        if item.area >= max(1, min_area):
            yield item
        else:
            tally.small += 1


def _batches(found: Iterable[Found], size: int) -> Iterator[list[ObjectMessage]]:
    batch: list[ObjectMessage] = []
    for item in found:
        batch.append(_message(item))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _message(found: Found) -> ObjectMessage:
    rings = trace(found.mask, found.origin_xy)
    x, y = found.point_xy
    return ObjectMessage(
        (x + HALF, y + HALF),
        min(max(found.score, 0.0), 1.0) if math.isfinite(found.score) else None,
        found.stability if math.isfinite(found.stability) else None,
        tuple(ring.ravel().tolist() for ring in rings),
    )


def _progress(tally: Tally) -> dict[str, int]:
    return {"points": tally.points, "skipped": tally.skipped}


def _words(count: int, tally: Tally, parameters: Parameters) -> str:
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
