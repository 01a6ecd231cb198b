"""Where each object of a label image lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["deepest", "extents"]


def extents(labels: NDArray[np.int32], count: int) -> list[tuple[slice, slice]]:
    """Return the rows and the columns that each of the labels 1 to `count` needs; each has a pixel."""
    rows, columns = np.nonzero(labels)
    owner = labels[rows, columns] - 1
    low = np.full((2, count), max(labels.shape, default=0), np.int64)
    high = np.zeros((2, count), np.int64)
    for axis, places in enumerate((rows, columns)):
        np.minimum.at(low[axis], owner, places)
        np.maximum.at(high[axis], owner, places + 1)
    bounds = zip(low[0].tolist(), high[0].tolist(), low[1].tolist(), high[1].tolist(), strict=True)
    return [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in bounds]


def deepest(labels: NDArray[np.int32], boundary: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return pixel (x, y) of each object, 1 to the largest label: where the boundary is farthest.

    Examples
    --------
    >>> deepest(np.array([[1, 1, 2]], np.int32), np.array([[0.4, 0.2, 0.9]], np.float32)).tolist()
    [[1, 0], [2, 0]]
    """
    places = np.flatnonzero(labels)
    owner, depth = labels.ravel()[places], boundary.ravel()[places]
    order = np.lexsort((depth, owner))
    owner = owner[order]
    first = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]])) if owner.size else order
    best = places[order][first]
    return np.stack([best % labels.shape[1], best // labels.shape[1]], 1)
