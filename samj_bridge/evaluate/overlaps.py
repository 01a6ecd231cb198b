"""How many pixels true and found objects share, for the pairs that share any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.evaluate.objects import Objects, counted

__all__ = ["Overlaps", "overlaps"]


@dataclass(frozen=True)
class Overlaps:
    """Pairs of a true and a found object that share pixels, in the order of the true ones."""

    true: Objects
    found: Objects
    i: NDArray[np.int64]
    """(n,) index of the true object."""
    j: NDArray[np.int64]
    """(n,) index of the found object."""
    shared: NDArray[np.int64]
    """(n,) pixels that both have."""

    @property
    def union(self) -> NDArray[np.int64]:
        """(n,) pixels that one or both have."""
        return np.asarray(self.true.areas[self.i] + self.found.areas[self.j] - self.shared)

    @property
    def iou(self) -> NDArray[np.float64]:
        """(n,) shared pixels as a part of the union."""
        return np.asarray(self.shared / self.union)


def overlaps(true: Objects, found: Objects) -> Overlaps:
    """Return all pairs that share pixels.

    Only those are kept, so that many objects with large numbers need no table of all against all.

    Raises
    ------
    InputError
        ``shapes-differ``.
    """
    if true.shape != found.shape:
        sizes = [f"{height} x {width}" for height, width in (true.shape, found.shape)]
        message = f"The truth is {sizes[0]} pixels (rows x columns), what was found {sizes[1]}."
        raise InputError(message, code="shapes-differ", hint="Compare labels of the same image at the same scale.")
    if true.image is not None and found.image is not None:
        count = len(found) + 1
        both = (true.image > 0) & (found.image > 0)
        pairs = true.image[both].astype(np.int64) * count + found.image[both]
        values, _, shared = counted(pairs)
        return Overlaps(true, found, values // count - 1, values % count - 1, shared.astype(np.int64))
    if found.image is not None:
        turned = overlaps(found, true)
        order = np.lexsort((turned.i, turned.j))
        return Overlaps(true, found, turned.j[order], turned.i[order], turned.shared[order])
    rows = _with_image(true.image, found) if true.image is not None else _of_regions(true, found)
    table = np.array(rows, np.int64).reshape(-1, 3)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    return Overlaps(true, found, table[:, 0], table[:, 1], table[:, 2])


def _with_image(image: NDArray[np.int32], found: Objects) -> list[tuple[int, int, int]]:
    rows = []
    for j, (mask, x, y) in enumerate(found.regions):
        there = image[y : y + mask.shape[0], x : x + mask.shape[1]][mask]
        values, shared = np.unique(there[there > 0], return_counts=True)
        rows += [(int(value) - 1, j, int(count)) for value, count in zip(values, shared, strict=True)]
    return rows


def _of_regions(true: Objects, found: Objects) -> list[tuple[int, int, int]]:
    if not (len(true) and len(found)):
        return []
    boxes = np.array([(x, y, x + m.shape[1], y + m.shape[0]) for m, x, y in found.regions])
    rows = []
    for i, (mask, x, y) in enumerate(true.regions):
        right, bottom = x + mask.shape[1], y + mask.shape[0]
        meets = (boxes[:, 0] < right) & (boxes[:, 2] > x) & (boxes[:, 1] < bottom) & (boxes[:, 3] > y)
        for j in np.flatnonzero(meets).tolist():
            other, left, top = found.regions[j]
            x0, y0 = max(x, left), max(y, top)
            x1, y1 = min(right, boxes[j, 2]), min(bottom, boxes[j, 3])
            shared = mask[y0 - y : y1 - y, x0 - x : x1 - x] & other[y0 - top : y1 - top, x0 - left : x1 - left]
            if shared.any():
                rows.append((i, j, int(shared.sum())))
    return rows
