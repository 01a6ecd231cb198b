"""Outline to mask: the inverse of `samj_bridge.geometry.trace`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.fill import crossings

__all__ = ["as_shape", "edges_of", "rasterise"]


def rasterise(
    rings: Sequence[NDArray[Any]], shape: tuple[int, int], origin_xy: tuple[int, int] = (0, 0)
) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside `rings`, by the even-odd rule.

    As in ImageJ, a centre on a left edge is outside, one on a right edge inside. For traced outlines this is
    exact: ``rasterise(trace(mask), mask.shape)`` equals ``mask``. What lies outside `shape` is cut off. Oblique
    edges (simplified outlines) are allowed.

    Parameters
    ----------
    rings : sequence of (n, 2) integer arrays
        (x, y) vertices on pixel corners; the last is joined to the first.
    shape : (int, int)
        (Y, X) of the mask.
    origin_xy : (int, int)
        Image pixel of the mask's first pixel.

    Returns
    -------
    (Y, X) bool array

    Examples
    --------
    >>> rasterise([np.array([[1, 0], [3, 0], [3, 1], [1, 1]])], (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    height, width = as_shape(shape)
    start, end = edges_of(rings)
    if not len(start) or not height or not width:
        return np.zeros((height, width), np.bool_)
    shift = np.array(origin_xy, np.int64)
    start, end = start - shift, end - shift
    low = start.min(axis=0)
    # Marks, summed up along both axes (modulo 2), give the mask: an upright edge is a mark where it begins and one
    # where it ends. Marks beyond the mask's far borders land in an extra row and column and are dropped.
    upright = (start[:, 0] == end[:, 0]) & (start[:, 1] != end[:, 1])
    oblique = (start[:, 0] != end[:, 0]) & (start[:, 1] != end[:, 1])
    x = np.concatenate([start[upright, 0], end[upright, 0]])
    y = np.concatenate([start[upright, 1], end[upright, 1]])
    if oblique.any():
        more_x, more_y = _oblique_marks(start[oblique], end[oblique], low)
        x, y = np.concatenate([x, more_x]), np.concatenate([y, more_y])
    marks = np.zeros((height + 1, width + 1), np.uint8)
    np.add.at(marks.reshape(-1), np.clip(y, 0, height) * (width + 1) + np.clip(x, 0, width), 1)
    marks &= 1
    np.bitwise_xor.accumulate(marks, axis=0, out=marks)
    np.bitwise_xor.accumulate(marks, axis=1, out=marks)
    return marks[:height, :width].astype(np.bool_)


def as_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return an image's (height, width) as two ints.

    Raises
    ------
    TypeError
        It is not two numbers.
    ValueError
        One of them is negative.
    """
    try:
        height, width = (int(size) for size in shape)
    except (TypeError, ValueError) as error:
        message = f"shape must be (height, width), not {shape!r}."
        raise TypeError(message) from error
    if height < 0 or width < 0:
        message = f"shape must be (height, width), neither negative, not {shape!r}."
        raise ValueError(message)
    return height, width


def edges_of(rings: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and second vertices, two (n, 2) arrays, of every edge of every ring.

    Raises
    ------
    TypeError
        A ring's coordinates are not whole numbers.
    ValueError
        A ring is not an (n, 2) array.
    """
    arrays = [np.asarray(ring) for ring in rings]
    for array in arrays:
        if array.ndim != 2 or array.shape[1] != 2:
            message = f"A ring must be an (n, 2) array of (x, y) vertices, not of shape {array.shape}."
            raise ValueError(message)
        if array.dtype.kind not in "iu":
            message = f"A ring's vertices lie on pixel corners and are whole numbers, not {array.dtype}."
            raise TypeError(message)
    arrays = [array for array in arrays if len(array)]
    if not arrays:
        return np.empty((0, 2), np.int64), np.empty((0, 2), np.int64)
    start = np.concatenate(arrays).astype(np.int64)
    lengths = np.array([len(array) for array in arrays])
    lasts = np.cumsum(lengths) - 1
    following = np.arange(1, len(start) + 1)
    following[lasts] = lasts + 1 - lengths
    return start, start[following]


def _oblique_marks(
    start: NDArray[np.int64], end: NDArray[np.int64], low: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (x, y) of the marks of oblique edges: for each row crossed, one in that row and one in the next.

    ImageJ fills a ROI in the frame of its bounds, which begin at `low`; so do we, for the same rounding.
    """
    height = int(max(start[:, 1].max(), end[:, 1].max()) - low[1])
    column, row = crossings((start - low).astype(np.float64), (end - low).astype(np.float64), height)
    x, y = column.astype(np.int64) + low[0], row + low[1]
    return np.concatenate([x, x]), np.concatenate([y, y + 1])
