"""Curves to straight edges, exactly as Java's ``FlatteningPathIterator`` does it for ImageJ's masks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOVE", "polygons_of", "round_rectangle", "segments_of"]

Segment = tuple[int, tuple[float, ...]]
"""Kind of a segment and its coordinates, x before y."""

MOVE, LINE, QUADRATIC, CUBIC, CLOSE = range(5)
_LENGTHS = {MOVE: 2, LINE: 2, QUADRATIC: 4, CUBIC: 6, CLOSE: 0}
_DEEPEST = 10


def segments_of(path: NDArray[np.float32]) -> list[Segment]:
    """Return the segments of a composite ROI; what ImageJ passes over is left out.

    Raises
    ------
    ValueError
        A segment is of no kind that there is, or the path begins without a place.
    """
    numbers = path.tolist()
    segments: list[Segment] = []
    at = 0
    while at < len(numbers):
        kind = int(numbers[at])
        if kind not in _LENGTHS:
            message = f"its outline has a segment of kind {kind}"
            raise ValueError(message)
        coordinates = tuple(numbers[at + 1 : at + 1 + _LENGTHS[kind]])
        at += 1 + _LENGTHS[kind]
        if at > len(numbers):
            break
        if not segments and kind != MOVE:
            raise ValueError("its outline begins without a place")
        if segments and kind == MOVE and segments[-1][0] == MOVE:
            segments.pop()
        if not (segments and kind == CLOSE and segments[-1][0] == CLOSE):
            segments.append((kind, coordinates))
    return segments


def polygons_of(segments: Iterable[Segment], flatness: float) -> list[NDArray[np.float64]]:
    """Return the polygons of a path, curves as edges that stray from them by less than `flatness`.

    Vertices are rounded to 32 bits, as ImageJ keeps them.
    """
    polygons: list[list[tuple[float, float]]] = [[]]
    here = start = (0.0, 0.0)
    for kind, numbers in segments:
        if kind == MOVE:
            polygons.append([])
        if kind == CLOSE:
            if polygons[-1] and polygons[-1][-1] == start:
                # ImageJ closes by itself what comes back to its beginning.
                polygons[-1].pop()
            polygons.append([])
            here = start
            continue
        if kind in {MOVE, LINE}:
            ends = [(numbers[0], numbers[1])]
        else:
            points = [here, *zip(numbers[0::2], numbers[1::2], strict=True)]
            ends = _flat(points, flatness * flatness, 0)
        rounded = np.array(ends, np.float32).astype(np.float64).tolist()
        polygons[-1] += [(x, y) for x, y in rounded]
        here = ends[-1]
        if kind == MOVE:
            start = polygons[-1][-1]
    return [np.array(polygon) for polygon in polygons if polygon]


def round_rectangle(x: int, y: int, width: int, height: int, diameter: int) -> list[Segment]:
    """Return the path of a rectangle with round corners, as ``java.awt.geom.RoundRectangle2D`` draws it."""
    across, down = float(min(width, diameter)), float(min(height, diameter))
    # A quarter of a circle as a cubic: how far its inner control points stand from the corner, in diameters.
    a = 1.0 - np.cos(np.pi / 4.0)
    b = np.tan(np.pi / 4.0)
    c = np.sqrt(1.0 + b * b) - 1.0 + a
    inner = float((1.0 - 4.0 / 3.0 * a * b / c) / 2.0)

    def place(right: int, dx: float, bottom: int, dy: float) -> tuple[float, float]:
        return x + right * float(width) + dx * across, y + bottom * float(height) + dy * down

    def corner(*places: tuple[int, float, int, float]) -> Segment:
        return CUBIC, tuple(number for one in places for number in place(*one))

    return [
        (MOVE, place(0, 0.0, 0, 0.5)),
        (LINE, place(0, 0.0, 1, -0.5)),
        corner((0, 0.0, 1, -inner), (0, inner, 1, 0.0), (0, 0.5, 1, 0.0)),
        (LINE, place(1, -0.5, 1, 0.0)),
        corner((1, -inner, 1, 0.0), (1, 0.0, 1, -inner), (1, 0.0, 1, -0.5)),
        (LINE, place(1, 0.0, 0, 0.5)),
        corner((1, 0.0, 0, inner), (1, -inner, 0, 0.0), (1, -0.5, 0, 0.0)),
        (LINE, place(0, 0.5, 0, 0.0)),
        corner((0, inner, 0, 0.0), (0, 0.0, 0, inner), (0, 0.0, 0, 0.5)),
        (CLOSE, ()),
    ]


def _flat(points: list[tuple[float, float]], limit: float, depth: int) -> list[tuple[float, float]]:
    """Return the ends of the edges that stand for a curve with these control points, but for its beginning."""
    if depth == _DEEPEST or max(_squared(points[0], points[-1], point) for point in points[1:-1]) < limit:
        return [points[-1]]
    left, right = [points[0]], [points[-1]]
    inner = points
    while len(inner) > 1:
        inner = [((ax + bx) / 2.0, (ay + by) / 2.0) for (ax, ay), (bx, by) in pairwise(inner)]
        left.append(inner[0])
        right.insert(0, inner[-1])
    return _flat(left, limit, depth + 1) + _flat(right, limit, depth + 1)


def _squared(start: tuple[float, float], end: tuple[float, float], point: tuple[float, float]) -> float:
    """Return the squared distance of a point from the stretch between two others."""
    ex, ey = end[0] - start[0], end[1] - start[1]
    px, py = point[0] - start[0], point[1] - start[1]
    along = px * ex + py * ey
    if along > 0.0:
        px, py = ex - px, ey - py
        along = px * ex + py * ey
    projected = 0.0 if along <= 0.0 else along * along / (ex * ex + ey * ey)
    return max(px * px + py * py - projected, 0.0)
