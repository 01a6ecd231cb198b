"""One ROI file, byte by byte: what ImageJ's decoder finds in it.

The format is that of ImageJ 1.54p (``ij.io.RoiDecoder``, in the public domain). roifile, which others use, goes
by the 16-bit bounds where floats stand beside them, and does not know the frames of points (`decision 0023
<docs/decisions/0023-our-own-reader-of-roi-files.md>`_).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AREAS", "RoiFile", "parse_roi"]

AREAS = {"polygon", "freehand", "traced", "rectangle", "oval", "composite", "ellipse", "rotated rectangle"}
"""Kinds that enclose pixels."""

_KINDS = {
    0: "polygon", 1: "rectangle", 2: "oval", 3: "line", 4: "freehand line", 5: "segmented line", 7: "freehand",
    8: "traced", 9: "angle", 10: "point",
}  # fmt: skip
_WITH_VERTICES = {"polygon", "freehand", "traced", "segmented line", "freehand line", "angle", "point"}
_TEXT, _ARROW, _ELLIPSE, _IMAGE, _ROTATED = 1, 2, 3, 4, 5
_SPLINE, _SUB_PIXEL = 1, 128
_SECOND_HEADER = 36
"""So much of the second header must be there for ImageJ to look at it."""


@dataclass
class RoiFile:
    """What a ROI file says; coordinates are those of the whole image."""

    kind: str
    """One of `AREAS`, or ``line``, ``arrow``, ``segmented line``, ``freehand line``, ``angle``, ``point``,
    ``text``, ``pasted image``; ``nothing`` for vertices of which there is none."""
    name: str
    """Its own name, or the one of the file or member."""
    bounds: tuple[int, int, int, int]
    """(left, top, right, bottom), as ImageJ unwraps 16-bit numbers."""
    float_bounds: tuple[float, float, float, float] | None = None
    """(x, y, width, height) of a rectangle or oval; None: the whole numbers hold."""
    corner: int = 0
    """Diameter of a rectangle's round corners."""
    vertices: NDArray[Any] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(n, 2) int64, or float32 where they are sub-pixel ones."""
    path: NDArray[np.float32] | None = None
    """A composite's segments: kind, then up to three pairs of coordinates."""
    axis: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """x1, y1, x2, y2 and ratio or width of an ellipse or rotated rectangle."""
    spline: bool = False
    """Whether a curve through the vertices is meant."""
    index: int = 0
    """Plane of a stack, from 1; 0: not set, or (c, z, t) is."""
    position: tuple[int, int, int] = (0, 0, 0)
    """(c, z, t) in a hyperstack, from 1; 0: every one."""
    point_indices: NDArray[np.int64] | None = None
    """For each point, the plane of the stack that it was set on; 0: every one."""
    group: int = 0
    """Number of its group; 0: none."""
    properties: str = ""
    """``key: value`` lines."""


def parse_roi(data: bytes, name: str = "") -> RoiFile:
    """Return what ImageJ's decoder finds in a ROI file.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        Its name, or that of the zip's member; the ROI's, less ``.roi``, where it has none of its own.

    Raises
    ------
    ValueError
        It is no ROI file, or damaged; the text says how, to go after "can't be read: ".
    """
    if data[:2] != b"Io" or len(data) < 64:
        raise ValueError("it is no ImageJ ROI" if data[:2] != b"Io" else "it ends within its first header")
    try:
        return _parse(data, name)
    except (struct.error, IndexError) as error:
        raise ValueError("it ends too early") from error


def _parse(data: bytes, name: str) -> RoiFile:
    version, options, subtype = _short(data, 4), _short(data, 50), _short(data, 48)
    top, left, bottom, right = (_short(data, at) for at in (8, 10, 12, 14))
    kind = _kind(data, version, subtype)
    sub_pixel = bool(options & _SUB_PIXEL) and version >= 222
    roi = RoiFile(kind, name.removesuffix(".roi"), (left, top, right, bottom))
    count = 0
    if kind == "composite":
        roi.path = np.array(_numbers(data, ">f4", 64, _int(data, 36)))
    elif kind in _WITH_VERTICES:
        count = struct.unpack_from(">H", data, 16)[0] or _int(data, 18)
        roi.vertices = _vertices(data, max(count, 0), sub_pixel, (left, top))
        roi.kind = kind if count > 0 else "nothing"
        roi.spline = version >= 218 and bool(options & _SPLINE) and kind != "point"
    elif kind in {"ellipse", "rotated rectangle"}:
        roi.axis = struct.unpack_from(">4f", data, 18) + struct.unpack_from(">f", data, 52)
    elif kind in {"rectangle", "oval"}:
        if sub_pixel and version >= 223:
            roi.float_bounds = struct.unpack_from(">4f", data, 18)
        roi.corner = max(_short(data, 54), 0) if kind == "rectangle" else 0
    _read_second_header(roi, data, version, count)
    return roi


def _kind(data: bytes, version: int, subtype: int) -> str:
    if _int(data, 36) > 0:
        if data[6] != 1:
            raise ValueError("it is a composite of a kind that ImageJ does not know")
        return "composite"
    kind = _KINDS.get(data[6])
    if kind is None:
        message = f"it is of kind {data[6]}, which ImageJ does not know"
        raise ValueError(message)
    if kind == "freehand" and subtype in {_ELLIPSE, _ROTATED}:
        return "ellipse" if subtype == _ELLIPSE else "rotated rectangle"
    if version >= 218 and subtype == _TEXT:
        return "text"
    second = _int(data, 60)
    pasted = version >= 221 and subtype == _IMAGE and 0 < second <= len(data) - _SECOND_HEADER
    if pasted and _int(data, second + 32) > 0:
        return "pasted image"
    return "arrow" if kind == "line" and subtype == _ARROW else kind


def _vertices(data: bytes, count: int, sub_pixel: bool, low: tuple[int, int]) -> NDArray[Any]:
    if sub_pixel:
        # The whole numbers before them are not looked at: they may have wrapped.
        return np.stack(
            [_numbers(data, ">f4", 64 + 4 * count + 4 * count * axis, count) for axis in (0, 1)], axis=1
        )
    raw = np.stack([_numbers(data, ">i2", 64 + 2 * count * axis, count) for axis in (0, 1)], axis=1)
    whole = raw.astype(np.int64)
    whole[whole < -5000] += 65536
    return np.maximum(whole, 0) + np.array(low, np.int64)


def _numbers(data: bytes, kind: str, at: int, count: int) -> NDArray[Any]:
    size = np.dtype(kind).itemsize
    if count < 0 or at + size * count > len(data):
        raise ValueError("it ends too early")
    return np.frombuffer(data, kind, count, at).astype(kind[1:])


def _read_second_header(roi: RoiFile, data: bytes, version: int, count: int) -> None:
    second = _int(data, 60)
    roi.index = max(_int(data, 56), 0)
    if second == 0:
        return
    if 0 < second <= len(data) - _SECOND_HEADER:
        c, z, t = (_int(data, second + at) for at in (4, 8, 12))
        if c > 0 or z > 0 or t > 0:
            roi.index, roi.position = 0, (max(c, 0), max(z, 0), max(t, 0))
        if version >= 228:
            roi.group = data[second + 30]
    roi.name = _text(data, second + 16) or roi.name
    if version >= 224:
        roi.properties = _text(data, second + 40)
    if roi.kind == "point" and version >= 227:
        counters = _int(data, second + 48)
        if counters and counters + 4 * count <= len(data):
            roi.point_indices = _numbers(data, ">i4", counters, count).astype(np.int64) >> 8


def _text(data: bytes, at: int) -> str:
    """Return a text of the second header, of which place and length stand at `at`; empty where it is not there."""
    place, length = _int(data, at), _int(data, at + 4)
    if place <= 0 or length <= 0 or place + 2 * length > len(data):
        return ""
    return data[place : place + 2 * length].decode("utf-16-be", "replace")


def _short(data: bytes, at: int) -> int:
    """Return a 16-bit number as ImageJ does: below -5000 it is taken for one beyond 32,767."""
    (value,) = struct.unpack_from(">h", data, at)
    return int(value) + 65536 if value < -5000 else int(value)


def _int(data: bytes, at: int) -> int:
    if at < 0:
        raise IndexError(at)
    return int(struct.unpack_from(">i", data, at)[0])
