"""The objects of one encoded image: the search with its defaults, each object as a message."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.trace import trace
from samj_bridge.protocol.arrays import attached
from samj_bridge.protocol.everything import EverythingRequest, ObjectMessage
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker import devices, intensity
from samj_bridge.worker.blank import Blank
from samj_bridge.worker.cache import Entry
from samj_bridge.worker.everything.decoded import find_decoded, thresholds_of
from samj_bridge.worker.everything.exact import HALF, find_all
from samj_bridge.worker.everything.fast import find_fast
from samj_bridge.worker.everything.grid import Box
from samj_bridge.worker.everything.masks import Found
from samj_bridge.worker.everything.parameters import Parameters
from samj_bridge.worker.everything.prompted import Asking, find_prompted
from samj_bridge.worker.everything.tally import Tally

__all__ = ["PartOf", "objects_of", "parameters_of", "sent_pixels"]

Check = Callable[[float | None], None]
PartOf = Callable[[Box], NDArray[Any]]
"""Returns the pixels under a box."""

_TAKEN = 0.5
"""Fast mode: the part of a mask that may belong to others."""


def objects_of(
    entry: Entry,
    request: EverythingRequest,
    parameters: Parameters,
    tally: Tally,
    check: Check,
    part_of: Callable[[], PartOf] | None,
) -> Iterator[ObjectMessage]:
    """Yield the objects of an encoded image as they are found.

    Parameters
    ----------
    entry : Entry
        The image.
    request, parameters : EverythingRequest, Parameters
        What is wanted; see `parameters_of`.
    tally : Tally
        Counts what happens.
    check : callable
        Called with the fraction done; raises when the call is cancelled.
    part_of : callable, optional
        Gives what cuts crops, where these are looked at.
    """
    if isinstance(entry.encoding, Blank):
        return
    model: Any = entry.model
    found: Iterable[Found]
    if request.mode == "fast":
        found = find_fast(model, entry.encoding, entry.reply.shape, parameters, tally, check, request.area)
    elif request.mode == "decoder":
        found = find_decoded(model, entry.encoding, thresholds_of(request), tally, check, request.area)
    elif request.mode == "apg":
        found = find_prompted(model, entry.encoding, Asking.of(request), tally, check, request.area)
    else:
        encode = _encoder(entry, request.channels, part_of() if part_of else None, check)
        found = find_all(model, encode, entry.reply.shape, parameters, tally, check)
    yield from map(_message, _kept(found, request.min_area, tally))


def parameters_of(request: EverythingRequest, entry: Entry) -> Parameters:
    """Return the figures of a search: what the request leaves open is the model's own, or SAM's."""
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


def sent_pixels(request: EverythingRequest, shape: tuple[int, int]) -> PartOf:
    """Return what cuts crops out of the image that was sent along.

    Raises
    ------
    OperationFailed
        ``bad-image``: it has another shape than what was encoded.
    """
    image = request.image
    assert image is not None
    if image.shape[:2] != shape:
        message = f"The image has the shape {image.shape}, but the one encoded was {shape[0]} x {shape[1]}."
        raise OperationFailed(FailureCode.BAD_IMAGE, message, hint="Send the image that was encoded.")

    def part(box: Box) -> NDArray[Any]:
        x0, y0, x1, y1 = box
        with attached(image) as view:
            pixels = np.frombuffer(view, dtype=image.dtype).reshape(image.shape)
            copied: NDArray[Any] = pixels[y0:y1, x0:x1].copy()
            del pixels
        return copied

    return part


def _encoder(entry: Entry, channels: str, part_of: PartOf | None, check: Check) -> Callable[[Box], Any]:
    height, width = entry.reply.shape

    def encode(box: Box) -> Any:
        if box == (0, 0, width, height) or part_of is None:
            return entry.encoding
        # Shown as the whole image was: a crop with a range of its own would be another image.
        unit = intensity.to_unit(part_of(box), entry.reply.ranges, channels)
        return entry.model.encode(unit, lambda _fraction: check(None))

    return encode


def _kept(found: Iterable[Found], min_area: int, tally: Tally) -> Iterator[Found]:
    for item in found:
        if item.area >= max(1, min_area):
            yield item
        else:
            tally.small += 1


def _message(found: Found) -> ObjectMessage:
    rings = trace(found.mask, found.origin_xy)
    x, y = found.point_xy
    return ObjectMessage(
        (x + HALF, y + HALF),
        min(max(found.score, 0.0), 1.0) if math.isfinite(found.score) else None,
        found.stability if math.isfinite(found.stability) else None,
        tuple(ring.ravel().tolist() for ring in rings),
    )
