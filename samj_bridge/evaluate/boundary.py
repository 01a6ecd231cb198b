"""How well outlines of all objects together agree, within a tolerance in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.evaluate.objects import Objects

__all__ = ["boundary_scores"]


def boundary_scores(true: Objects, found: Objects, tolerance_px: float = 2.0) -> tuple[float, float, float]:
    """Return precision, recall and F of boundary pixels.

    A pixel of an object is a boundary pixel if one of its four neighbours is not of the same object; the image's
    edge is no boundary. It is right if a boundary pixel of the other side is at most `tolerance_px` away, measured
    between pixel centres. F = 2 P R / (P + R). Martin, Fowlkes, Malik, IEEE PAMI 26 (2004), 530, without their
    one-to-one assignment of pixels.

    Returns
    -------
    precision, recall, f : float
        All 1 where neither side has a boundary; 0 where one has none.

    Raises
    ------
    InputError
        The tolerance is negative or not finite.
    """
    if not 0 <= tolerance_px < np.inf:
        message = f"tolerance_px is {tolerance_px}; it is a distance in pixels."
        raise InputError(message, code="tolerance", hint="Give 0 or more.")
    there, here = _boundary(true), _boundary(found)
    if not there.any() and not here.any():
        return 1.0, 1.0, 1.0
    precision = _share(here, _near(there, tolerance_px))
    recall = _share(there, _near(here, tolerance_px))
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def _share(boundary: NDArray[np.bool_], right: NDArray[np.bool_]) -> float:
    count = int(boundary.sum())
    return int((boundary & right).sum()) / count if count else 0.0


def _boundary(objects: Objects) -> NDArray[np.bool_]:
    edge = np.zeros(objects.shape, np.bool_)
    if objects.image is not None:
        image = objects.image
        down, right = image[1:] != image[:-1], image[:, 1:] != image[:, :-1]
        edge[1:] |= down
        edge[:-1] |= down
        edge[:, 1:] |= right
        edge[:, :-1] |= right
        return np.asarray(edge & (image > 0))
    height, width = objects.shape
    for mask, x, y in objects.regions:
        # A border of pixels that count as the object's own only where they lie outside the image.
        wide = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.bool_)
        wide[1:-1, 1:-1] = mask
        bottom, far = y + mask.shape[0] == height, x + mask.shape[1] == width
        wide[0, 1:-1] |= mask[0] & (y == 0)
        wide[-1, 1:-1] |= mask[-1] & bottom
        wide[1:-1, 0] |= mask[:, 0] & (x == 0)
        wide[1:-1, -1] |= mask[:, -1] & far
        inner = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
        edge[y : y + mask.shape[0], x : x + mask.shape[1]] |= mask & ~inner
    return edge


def _near(boundary: NDArray[np.bool_], tolerance_px: float) -> NDArray[np.bool_]:
    """Return the pixels that have a boundary pixel within the tolerance."""
    near = np.zeros_like(boundary)
    height, width = boundary.shape
    reach = int(tolerance_px)
    if reach >= max(height, width):
        near[:] = boundary.any()
        if not boundary.any() or reach * reach >= height * height + width * width:
            return near
        near[:] = False
    for dy in range(-min(reach, height - 1), min(reach, height - 1) + 1):
        side = min(int(np.sqrt(tolerance_px * tolerance_px - dy * dy)), width - 1)
        rows = boundary[max(dy, 0) : height + min(dy, 0)]
        # A row's boundary pixels, each made 2 * side + 1 wide, by running sums.
        sums = np.zeros((rows.shape[0], width + 1), np.int32)
        np.cumsum(rows, axis=1, out=sums[:, 1:])
        columns = np.arange(width)
        wide = sums[:, np.minimum(columns + side + 1, width)] > sums[:, np.maximum(columns - side, 0)]
        near[max(-dy, 0) : height + min(-dy, 0)] |= wide
    return near
