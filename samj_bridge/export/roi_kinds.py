"""The pixels of every kind of ROI, as ImageJ 1.54p's own masks have them.

Each kind is drawn by the arithmetic of ImageJ (``getMask`` of its classes), 32-bit where it is, in the frame of the
ROI's bounds; tests/fiji compares thousands of ROIs of every kind with a real ImageJ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samj_bridge.export.roi_file import AREAS, RoiFile
from samj_bridge.geometry.curves import polygons_of, round_rectangle, segments_of
from samj_bridge.geometry.fill import fill
from samj_bridge.geometry.normalise import LARGEST_BOX, normalise
from samj_bridge.geometry.trace import trace

__all__ = ["NoArea", "bounds_of", "rings_of"]

Rings = tuple[NDArray[np.int32], ...]
Box = tuple[int, int, int, int]

_FILL_FLATNESS = 0.01
_ELLIPSE_VERTICES = 72
_FARTHEST = 2**31 - 1
# Java's Float.MIN_VALUE, from which ImageJ looks for the largest coordinate.
_SMALLEST_FLOAT = np.float32(1.4e-45)


class NoArea(Exception):
    """A ROI encloses no pixel; the text says why, to go after "it"."""


def rings_of(roi: RoiFile) -> Rings:
    """Return the traced outline of a ROI's pixels, in the image's frame.

    Raises
    ------
    NoArea
        It is a line, a text and so on, or there is no pixel within its outline.
    ValueError
        Its pixels can't be told without ImageJ: a fitted spline, wrapped bounds, a huge oval.
    """
    box, polygons = _drawn(roi)
    if polygons is None:
        x0, y0, x1, y1 = box
        return (np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.int32),)
    rings = _upright(polygons)
    if rings is not None:
        found = normalise([ring + np.array(box[:2], np.int64) for ring in rings])
    else:
        found = trace(_mask(roi, box, polygons), box[:2])
    if not found:
        raise NoArea("encloses no pixel")
    return found


def bounds_of(roi: RoiFile) -> Box:
    """Return the edges (x0, y0, x1, y1) of the rectangle that ImageJ names as an area's bounds.

    Raises
    ------
    NoArea, ValueError
        As `rings_of`.
    """
    box, polygons = _drawn(roi)
    if polygons is not None and (box[0] >= box[2] or box[1] >= box[3]):
        raise NoArea("encloses no pixel")
    return box


def _drawn(roi: RoiFile) -> tuple[Box, Sequence[NDArray[np.float64]] | None]:
    """Return a ROI's bounds and its polygons within them; None: it fills its bounds, or is an oval."""
    if roi.kind == "nothing":
        raise NoArea("encloses no pixel")
    if roi.kind not in AREAS:
        article = "an" if roi.kind[0] in "aeiou" else "a"
        message = f"is {article} {roi.kind}, which has no area"
        raise NoArea(message)
    if roi.spline:
        raise ValueError("a spline is fitted to its vertices")
    if roi.kind in {"rectangle", "oval"}:
        box = _rectangle(roi)
        if roi.kind == "oval":
            return box, ()
        return (box, None) if roi.corner == 0 else _path(round_rectangle(*_sized(box), roi.corner))
    if roi.kind == "composite":
        segments = segments_of(np.asarray(roi.path))
        _check_finite(np.array([number for _, numbers in segments for number in numbers]))
        return _path(segments)
    if roi.kind in {"ellipse", "rotated rectangle"}:
        _check_finite(np.array(roi.axis))
        return _turned(_ellipse(roi) if roi.kind == "ellipse" else _rotated(roi))
    _check_finite(roi.vertices)
    if roi.vertices.dtype == np.float32:
        return _sub_pixel(roi.vertices)
    low, high = roi.vertices.min(axis=0), roi.vertices.max(axis=0)
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])), [(roi.vertices - low).astype(np.float64)]


def _rectangle(roi: RoiFile) -> Box:
    left, top, right, bottom = roi.bounds
    if roi.float_bounds is not None:
        _check_finite(np.array(roi.float_bounds))
        x, y, width, height = roi.float_bounds
        # ImageJ cuts the place and rounds the size up; it has no rectangle without a pixel.
        left, top = int(x), int(y)
        right, bottom = left + max(math.ceil(width), 1), top + max(math.ceil(height), 1)
    elif right <= left or bottom <= top:
        message = f"its bounds, {left} to {right} and {top} to {bottom}, have wrapped round 16 bits"
        raise ValueError(message)
    return left, top, right, bottom


def _sized(box: Box) -> Box:
    return box[0], box[1], box[2] - box[0], box[3] - box[1]


def _check_finite(numbers: NDArray[np.generic]) -> None:
    if not len(numbers):
        raise NoArea("encloses no pixel")
    if not np.isfinite(numbers.astype(np.float64)).all() or np.abs(numbers.astype(np.float64)).max() > _FARTHEST:
        raise ValueError("its coordinates are no places in an image")


def _sub_pixel(vertices: NDArray[np.float32]) -> tuple[Box, list[NDArray[np.float64]]]:
    low = vertices.min(axis=0)
    high = np.maximum(vertices.max(axis=0), _SMALLEST_FLOAT)
    size = (high - low).astype(np.float64)
    base = low.astype(np.float64)
    whole, far = np.floor(base), np.ceil(base + size)
    polygon = (vertices - low).astype(np.float64) + (base - whole)
    return (int(whole[0]), int(whole[1]), int(far[0]), int(far[1])), [polygon]


def _turned(vertices: NDArray[np.float32]) -> tuple[Box, list[NDArray[np.float64]]]:
    """Return bounds and polygon of an ellipse or rotated rectangle: ImageJ rounds their size, and cuts it off."""
    low = np.floor(vertices.min(axis=0)).astype(np.int64)
    high = np.maximum(vertices.max(axis=0), _SMALLEST_FLOAT)
    size = ((high - low.astype(np.float32)).astype(np.float64) + 0.5).astype(np.int64)
    polygon = (vertices - low.astype(np.float32)).astype(np.float64)
    return (int(low[0]), int(low[1]), int(low[0] + size[0]), int(low[1] + size[1])), [polygon]


def _ellipse(roi: RoiFile) -> NDArray[np.float32]:
    x1, y1, x2, y2, ratio = roi.axis
    dx, dy = x2 - x1, y2 - y1
    major = math.sqrt(dx * dx + dy * dy)
    minor = major * min(max(ratio, 0.0), 1.0)
    turned = math.atan2(dy, dx) * 180.0 / math.pi
    points = []
    for number in range(_ELLIPSE_VERTICES):
        angle = number * 360.0 / _ELLIPSE_VERTICES / 180.0 * math.pi
        dx, dy = math.cos(angle) * major / 2.0, math.sin(angle) * minor / 2.0
        there = math.atan2(dy, dx) + turned / 180.0 * math.pi
        far = math.sqrt(dx * dx + dy * dy)
        points.append(((x1 + x2) / 2.0 + math.cos(there) * far, (y1 + y2) / 2.0 + math.sin(there) * far))
    return np.array(points, np.float32)


def _rotated(roi: RoiFile) -> NDArray[np.float32]:
    x1, y1, x2, y2, width = roi.axis
    length = math.sqrt((x2 - x1) * (x2 - x1) + (y2 - y1) * (y2 - y1))
    if length == 0.0:
        raise NoArea("encloses no pixel")
    across = 0.5 * width * (y2 - y1) / length
    down = -0.5 * width * (x2 - x1) / length
    corners = [
        (x1 + across, y1 + down),
        (x2 + across, y2 + down),
        (x2 - across, y2 - down),
        (x1 - across, y1 - down),
    ]
    return np.array(corners, np.float32)


def _path(segments: Sequence[tuple[int, tuple[float, ...]]]) -> tuple[Box, list[NDArray[np.float64]]]:
    if len(segments) < 2:
        raise NoArea("encloses no pixel")
    # Control points count for the bounds.
    x, y = (
        np.array([number for _, numbers in segments for number in numbers[axis::2]], np.float32) for axis in (0, 1)
    )
    # In 64 bits: places of 32 bits far from the origin keep too few digits for what is subtracted from them.
    low = np.floor(np.array([x.min(), y.min()], np.float64))
    far = np.ceil([float(axis.min()) + float(axis.max() - axis.min()) for axis in (x, y)])
    shifted = [
        (kind, tuple(float(np.float32(number - low[at % 2])) for at, number in enumerate(numbers)))
        for kind, numbers in segments
    ]
    return (int(low[0]), int(low[1]), int(far[0]), int(far[1])), polygons_of(shifted, _FILL_FLATNESS)


def _upright(polygons: Sequence[NDArray[np.float64]]) -> list[NDArray[np.int64]] | None:
    """Return the polygons as rings of whole numbers where no edge is oblique; None otherwise."""
    for polygon in polygons:
        if (polygon != np.floor(polygon)).any() or (polygon != np.roll(polygon, -1, axis=0)).all(axis=1).any():
            return None
    return [polygon.astype(np.int64) for polygon in polygons] or None


def _mask(roi: RoiFile, box: Box, polygons: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    _, _, width, height = _sized(box)
    if width * height > LARGEST_BOX:
        message = f"it is {width} x {height} pixels, too large to be drawn"
        raise ValueError(message)
    if roi.kind == "oval":
        return _oval(width, height)
    return fill(polygons, width, height)


def _oval(width: int, height: int) -> NDArray[np.bool_]:
    across, down = (
        (np.arange(size) - (size / 2.0 - 0.5)) ** 2 / (size / 2.0 * (size / 2.0)) for size in (width, height)
    )
    mask = np.empty((height, width), np.bool_)
    for y in range(height):
        mask[y] = across + down[y] <= 1.0
    return mask
