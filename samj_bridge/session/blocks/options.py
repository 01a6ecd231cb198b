"""What everything mode takes besides the worker's own options: where, how large, and where it is noted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samj_bridge.errors import InputError
from samj_bridge.geometry.blocks.grid import Box

__all__ = ["Looked", "looked_at"]


@dataclass(frozen=True)
class Looked:
    """Where objects are looked for."""

    within: Box | None
    """Only in this box; None: everywhere."""
    object_px: float
    """Their length; 0: as small as can be seen."""
    record: Path | None
    """File that keeps what was found."""


def looked_at(
    shape: tuple[int, int], within: Sequence[float] | None, object_px: float | None, record: str | Path | None
) -> Looked:
    """Check these options for an image of a shape (Y, X); a box that sticks out is cut to the image.

    Raises
    ------
    InputError
        The box is none, or not in the image; the length is not a positive number; the record's folder is missing.
    """
    if object_px is not None and not _is_positive(object_px):
        message = f"object_px is {object_px!r}."
        raise InputError(message, hint="Give the length of the objects in pixels of the image, above 0.")
    path = None if record is None else Path(record)
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        message = f"The record can't be at {str(path)!r}: it is a folder, or in none."
        raise InputError(message, hint="Name a file in a folder that exists.")
    return Looked(None if within is None else _box(within, shape), float(object_px or 0), path)


def _box(within: Sequence[float], shape: tuple[int, int]) -> Box:
    try:
        x0, y0, x1, y1 = (float(edge) for edge in within)
    except (TypeError, ValueError) as error:
        message = f"within is {within!r:.100}, not four numbers."
        raise InputError(message, hint="Give the edges x0, y0, x1, y1 in pixels.") from error
    height, width = shape
    box = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or box[0] >= box[2] or box[1] >= box[3]:
        message = f"The box {x0:g}, {y0:g}, {x1:g}, {y1:g} holds nothing of the image of {width} x {height} pixels."
        raise InputError(message, hint="Give its edges as x0, y0, x1, y1, smaller first.")
    return box


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0
