"""Objects from a decoder's maps, and which way is taken: a decoder knows of touching cells what points do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from samj_bridge.protocol.everything import OF_DECODER, EverythingRequest
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker.automatic.distances import Thresholds, objects
from samj_bridge.worker.automatic.extents import deepest, extents
from samj_bridge.worker.everything.masks import Found
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.families.base import MappingModel, part_of

__all__ = ["BY_MAPS", "MOST_PIXELS", "chosen", "find_decoded", "said", "thresholds_of"]

BY_MAPS = ("decoder", "apg")
"""Modes that need a decoder."""
MOST_PIXELS = 1 << 25
"""Larger images have to come in parts: maps and flooding take some 60 bytes per pixel."""


def chosen(request: EverythingRequest, model: Any, shape_hw: tuple[int, int]) -> str:
    """Return the mode: that of the request, or the best that the model has for what is asked.

    Raises
    ------
    OperationFailed
        ``bad-prompt``: the model has no such way, or none at all. ``image-too-large``: for its decoder.
    """
    maps, points = hasattr(model, "maps"), hasattr(model, "propose")
    fits = shape_hw[0] * shape_hw[1] <= MOST_PIXELS
    wanted = request.mode
    if wanted == "auto":
        decoder = request.for_decoder() or (maps and fits and not request.for_points())
        wanted = "decoder" if decoder or not points else "fast"
    if not points and (wanted != "decoder" or not maps):
        message = "This model can't be asked by points, so that it can't find objects by itself."
        hint = "Use another model for everything mode, for example starter, or give boxes."
        raise OperationFailed(FailureCode.BAD_PROMPT, message, hint=hint)
    if wanted in BY_MAPS and not maps:
        message = "This model has no decoder that finds objects by itself."
        hint = "Use the mode 'fast', or a micro-sam model with its decoder."
        raise OperationFailed(FailureCode.BAD_PROMPT, message, hint=hint)
    if wanted in BY_MAPS and not fits:
        message = f"The image of {shape_hw[1]} x {shape_hw[0]} pixels is too large for the decoder at once."
        hint = "Send parts of it, or use the mode 'fast'."
        raise OperationFailed(FailureCode.IMAGE_TOO_LARGE, message, hint=hint)
    return wanted


def thresholds_of(request: EverythingRequest) -> Thresholds:
    """Return how maps become objects: what was given, else micro-sam's own numbers."""
    given: dict[str, Any] = {name: getattr(request, name) for name in OF_DECODER}
    return Thresholds(**{name: value for name, value in given.items() if value is not None})


def find_decoded(
    model: MappingModel,
    encoding: Any,
    thresholds: Thresholds,
    tally: Tally,
    check: Callable[[float], None],
    area: tuple[float, float, float, float] | None = None,
) -> Iterator[Found]:
    """Yield the objects in the raster order of their seeds.

    Parameters
    ----------
    model, encoding : MappingModel, Any
        The network and its encoding of the whole image.
    thresholds : Thresholds
        How maps become objects.
    tally : Tally
        Counts what happens.
    check : callable
        Called with the fraction done; raises when the call is cancelled.
    area : (x0, y0, x1, y1), optional
        Only objects whose deepest pixel is in this box are given: what lies around it is there to be seen.
    """
    check(0.0)
    maps = model.maps(encoding, part_of(check, 0.0, 0.8))
    labels = objects(maps, thresholds)
    check(0.9)
    places = deepest(labels, maps[2])
    tally.seeds = tally.masks = len(places)
    height, width = labels.shape
    for index, (rows, columns) in enumerate(extents(labels, len(places))):
        if index % 64 == 0:
            check(0.9 + 0.1 * index / len(places))
        x, y = places[index].tolist()
        if area is not None and not (area[0] <= x + 0.5 < area[2] and area[1] <= y + 0.5 < area[3]):
            continue
        mask = labels[rows, columns] == index + 1
        yield Found(
            np.packbits(mask),
            (mask.shape[0], mask.shape[1]),
            (columns.start, rows.start),
            (columns.start, rows.start, columns.stop - 1, rows.stop - 1),
            int(np.count_nonzero(mask)),
            float("nan"),
            float("nan"),
            (float(x), float(y)),
            (0, 0, width, height),
        )


def said(count: int, tally: Tally) -> str:
    """Return the sentence at the end."""
    if count:
        how = "by the model's decoder, without points"
        if tally.points:
            how = f"by {tally.points} points that the model's decoder gave"
        return f"{count} object{'s' if count > 1 else ''} found {how}."
    if tally.seeds:
        return f"Nothing was found: the model's decoder saw {tally.seeds} objects, all smaller than min_area."
    return "Nothing was found: the model's decoder sees no object in this image."
