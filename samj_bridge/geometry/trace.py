"""Mask to outline: exact crack following, without a loop over pixels.

A mask's boundary runs along the cracks between pixels. Each row of pixel corners holds horizontal stretches of
boundary, each column vertical ones, and every stretch ends at two turning corners. So the turning corners, taken
two by two along the rows, are the horizontal stretches, and taken two by two along the columns, the vertical ones:
following an outline means going from partner to partner. numpy finds the corners and the partners; only the walk
from stretch to stretch is a Python loop, as long as the outline has corners.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["as_mask", "trace"]

# A corner's code: 1, 2, 4, 8 for foreground to its north west, north east, south west, south east.
_NE_SW = 2 + 4
_NW_SE = 1 + 8
_STRAIGHT = (0, 3, 5, 10, 12, 15)
_TURNS = np.array([code not in _STRAIGHT for code in range(16)])


def trace(mask: ArrayLike, origin_xy: tuple[int, int] = (0, 0)) -> tuple[NDArray[np.int32], ...]:
    """Return the outline of `mask` as closed rings on pixel corners.

    Foreground is 4-connected: where two pixels touch by a corner only, the outline turns back there and never
    crosses. Each ring keeps the foreground on its right as seen on screen (y down): exteriors run clockwise, holes
    the other way. Rings come in the raster order of their topmost, then leftmost horizontal edge, and begin with
    that edge's first vertex, so that equal masks have equal outlines.

    Parameters
    ----------
    mask : (Y, X) bool array
        Numbers are taken as foreground where they are not zero.
    origin_xy : (int, int)
        Image pixel of ``mask[0, 0]``; added to every vertex.

    Returns
    -------
    tuple of (n, 2) int32 arrays
        (x, y) vertices, read-only, n even and at least 4; first vertex not repeated, no collinear vertices. Empty
        for an empty mask.

    Raises
    ------
    TypeError
        `mask` is not an array of numbers or bools.
    ValueError
        `mask` is not two-dimensional, or an outline leaves the range of 32-bit coordinates.

    Examples
    --------
    >>> trace(np.ones((2, 3), bool))[0].tolist()
    [[0, 0], [3, 0], [3, 2], [0, 2]]
    """
    pixels = as_mask(mask)
    x0, y0 = _check_origin(origin_xy, pixels.shape)
    rows = np.flatnonzero(pixels.any(axis=1))
    if not rows.size:
        return ()
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(pixels[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    padded = np.zeros((bottom - top + 2, right - left + 2), np.uint8)
    padded[1:-1, 1:-1] = pixels[top:bottom, left:right]

    corners_xy, below, saddles = _turning_corners(padded)
    column_partner = _column_partners(corners_xy[:, 0], saddles)
    walk, lengths = _walk(column_partner, below)
    corners_xy += np.array([x0 + left, y0 + top], np.int32)
    # Each stretch is walked from its first corner to its second: two vertices per step.
    steps = 2 * walk
    start = ~below[walk]
    vertices = np.empty((len(walk), 2, 2), np.int32)
    vertices[:, 0] = corners_xy[steps + start]
    vertices[:, 1] = corners_xy[steps + ~start]
    outline = vertices.reshape(-1, 2)
    outline.flags.writeable = False
    ends = np.cumsum(2 * np.asarray(lengths)).tolist()
    return tuple(outline[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True))


def as_mask(mask: ArrayLike, name: str = "mask") -> NDArray[np.bool_]:
    """Return `mask` as a two-dimensional bool array, without a copy where it is one.

    Raises
    ------
    TypeError
        It holds neither bools nor numbers.
    ValueError
        It is not two-dimensional.
    """
    array: NDArray[Any] = np.asarray(mask)
    if array.dtype.kind not in "buif":
        message = f"A {name} must hold bools or numbers, not {array.dtype}."
        raise TypeError(message)
    if array.ndim != 2:
        message = f"A {name} must be two-dimensional (Y, X), not of shape {array.shape}."
        raise ValueError(message)
    return array if array.dtype == np.bool_ else array != 0


def _check_origin(origin_xy: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    try:
        x0, y0 = (int(value) for value in origin_xy)
        whole = (x0, y0) == tuple(origin_xy)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"origin_xy must be two whole numbers (x, y), not {origin_xy!r}."
        raise TypeError(message) from error
    if not whole:
        message = f"origin_xy must be two whole numbers (x, y), not {origin_xy!r}."
        raise TypeError(message)
    limit = 2**31 - 1
    if min(x0, y0) < -limit or x0 + shape[1] > limit or y0 + shape[0] > limit:
        message = f"A mask of shape {shape} at {origin_xy} leaves the range of 32-bit coordinates."
        raise ValueError(message)
    return x0, y0


def _turning_corners(
    padded: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.intp]]:
    """Find the corners where the boundary turns, in raster order, twice where two outlines touch.

    Returns the (n, 2) corners; for each pair (2k, 2k+1), a horizontal stretch, whether foreground is below it; and
    the first index of each doubled corner whose foreground is north east and south west.
    """
    code = padded[:-1, :-1] + (padded[:-1, 1:] << 1)
    code += padded[1:, :-1] << 2
    code += padded[1:, 1:] << 3
    width = code.shape[1]
    flat = code.ravel()
    index = np.flatnonzero(_TURNS[flat])
    codes = flat[index]
    crossing = (codes == _NE_SW) | (codes == _NW_SE)
    if crossing.any():
        repeats = np.where(crossing, 2, 1)
        firsts = np.cumsum(repeats) - repeats
        saddles = firsts[codes == _NE_SW]
        index, codes = np.repeat(index, repeats), np.repeat(codes, repeats)
    else:
        saddles = np.empty(0, np.intp)
    corners = np.empty((len(index), 2), np.int32)
    np.divmod(index, width, out=(corners[:, 1], corners[:, 0]), casting="unsafe")
    # Even indices are western ends, and the pixel south east of a western end lies below the stretch.
    below = (codes[0::2] & 8) != 0
    return corners, below, saddles


def _column_partners(x: NDArray[np.int32], saddles: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return, for each corner, the index of the corner at the other end of its vertical stretch."""
    sequence = np.arange(len(x))
    # Of a doubled corner, raster order has the western stretch first. Turning right means that, with foreground in
    # the north east and south west, west belongs to south: there the column order is the other way round.
    sequence[saddles], sequence[saddles + 1] = saddles + 1, saddles
    narrow = x.astype(np.uint16) if int(x.max()) < 2**16 else x  # 16-bit keys are sorted by radix: linear time
    order = sequence[np.argsort(narrow, kind="stable")]
    partner = np.empty_like(order)
    partner[order[0::2]] = order[1::2]
    partner[order[1::2]] = order[0::2]
    return partner


def _walk(column_partner: NDArray[np.intp], below: NDArray[np.bool_]) -> tuple[NDArray[np.intp], list[int]]:
    """Follow every outline; return the horizontal stretches in the order of the walk, and each ring's count."""
    stretches = np.arange(0, 2 * len(below), 2)
    # With foreground below, a stretch is walked eastwards: it ends at its second corner.
    following = (column_partner[stretches + below] >> 1).tolist()
    walk: list[int] = []
    lengths: list[int] = []
    for first in range(len(following)):
        if following[first] < 0:
            continue
        begun, step = len(walk), first
        while following[step] >= 0:
            walk.append(step)
            following[step], step = -1, following[step]
        lengths.append(len(walk) - begun)
    return np.array(walk, np.intp), lengths
