"""Connected parts of a mask, by runs: labelling, filling holes, keeping what is large.

Foreground is 4-connected, hence background 8-connected, as everywhere in this package: a hole is background from
which not even diagonal steps lead out of the mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samj_bridge.geometry.trace import as_mask

__all__ = ["clean", "drop_small", "fill_holes", "join", "keep_largest", "label_components"]


@dataclass(frozen=True)
class _Runs:
    """The horizontal runs of a mask in raster order, and the component each belongs to."""

    lengths: NDArray[np.intp]
    """Pixels per run."""
    component: NDArray[np.intp]
    """Component of each run, from 0, in the raster order of the components' first pixels."""
    count: int
    """Number of components."""

    def areas(self) -> NDArray[np.float64]:
        """Count the pixels of each component."""
        return np.bincount(self.component, self.lengths, self.count).astype(np.float64)


def label_components(mask: ArrayLike, *, corners: bool = False) -> tuple[NDArray[np.int32], int]:
    """Give each connected part of `mask` a number.

    Parameters
    ----------
    mask : (Y, X) bool array
    corners : bool
        Whether pixels that touch by a corner hang together (8-connected), or only by an edge (4-connected).

    Returns
    -------
    labels : (Y, X) int32 array
        0 for background, else 1 to `count`, in the raster order of the parts' first pixels.
    count : int

    Examples
    --------
    >>> label_components([[1, 0, 1], [0, 1, 1]])[0].tolist()
    [[1, 0, 2], [0, 2, 2]]
    """
    pixels = as_mask(mask)
    runs = _find_runs(pixels, reach=int(corners))
    labels = np.zeros(pixels.shape, np.int32)
    labels[pixels] = np.repeat(runs.component + 1, runs.lengths)
    return labels, runs.count


def fill_holes(mask: ArrayLike) -> NDArray[np.bool_]:
    """Return `mask` with its holes filled; a new array."""
    pixels = as_mask(mask)
    background = np.ones((pixels.shape[0] + 2, pixels.shape[1] + 2), np.bool_)
    np.logical_not(pixels, out=background[1:-1, 1:-1])
    runs = _find_runs(background, reach=1)
    if runs.count == 1:
        return np.array(pixels)
    # The frame comes first in raster order: what hangs together with it is outside.
    background[background] = np.repeat(runs.component == 0, runs.lengths)
    return np.logical_not(background[1:-1, 1:-1])


def keep_largest(mask: ArrayLike) -> NDArray[np.bool_]:
    """Return the largest part of `mask`, the first in raster order among equals; a new array."""
    pixels = as_mask(mask)
    runs = _find_runs(pixels, reach=0)
    if runs.count <= 1:
        return np.array(pixels)
    return _select(pixels, runs, runs.component == np.argmax(runs.areas()))


def drop_small(mask: ArrayLike, min_area: float) -> NDArray[np.bool_]:
    """Return the parts of `mask` that have at least `min_area` pixels; a new array."""
    pixels = as_mask(mask)
    runs = _find_runs(pixels, reach=0)
    keep = runs.areas() >= min_area
    if keep.all():
        return np.array(pixels)
    return _select(pixels, runs, keep[runs.component])


def clean(
    mask: NDArray[np.bool_], *, fill: bool = False, largest: bool = False, min_area: int = 0
) -> NDArray[np.bool_]:
    """Return what is kept of an object: its holes filled first, then its largest part, then parts large enough.

    Parameters
    ----------
    mask : (Y, X) bool array
    fill, largest : bool
        Whether holes are filled; whether all parts but the largest are dropped.
    min_area : int
        Parts with fewer pixels are dropped.

    Returns
    -------
    (Y, X) bool array
        `mask` itself where nothing is asked for.
    """
    if fill:
        mask = fill_holes(mask)
    if largest:
        mask = keep_largest(mask)
    if min_area > 1:
        mask = drop_small(mask, min_area)
    return mask


def _select(pixels: NDArray[np.bool_], runs: _Runs, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    chosen = np.zeros_like(pixels)
    chosen[pixels] = np.repeat(keep, runs.lengths)
    return chosen


def _find_runs(pixels: NDArray[np.bool_], reach: int) -> _Runs:
    """Find the runs and join those that touch; `reach` 0: by an edge, 1: also by a corner."""
    width = pixels.shape[1] + 1
    # One empty column ends every row, so that the rows can be read as one long line.
    line = np.zeros(pixels.shape[0] * width + 1, np.int8)
    line[1:].reshape(pixels.shape[0], width)[:, :-1] = pixels
    steps = np.diff(line)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    # Runs of the next row that touch run i are those from first[i] to last[i]. A run moved down a row and grown by
    # `reach` stays clear of the rows beside it, thanks to the empty column.
    first = np.searchsorted(ends, starts + (width - reach), side="right")
    last = np.searchsorted(starts, ends + (width + reach), side="left")
    counts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(starts)), counts)
    below = np.arange(len(above)) - np.repeat(np.cumsum(counts) - counts, counts) + first[above]
    root = join(len(starts), above, below)
    is_root = root == np.arange(len(root))
    return _Runs(ends - starts, (np.cumsum(is_root) - 1)[root], int(np.count_nonzero(is_root)))


def join(count: int, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the smallest member of each element's set, after joining the pairs: union-find, all pairs at once."""
    parent = np.arange(count)
    while one.size:
        low, high = np.minimum(one, other), np.maximum(one, other)
        np.minimum.at(parent, high, low)
        # Every chain gets shorter by half each time round.
        while True:
            grandparent = parent[parent]
            if np.array_equal(grandparent, parent):
                break
            parent = grandparent
        one, other = parent[one], parent[other]
        apart = one != other
        one, other = one[apart], other[apart]
    return parent
