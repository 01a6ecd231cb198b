"""Masks with scores made objects that do not overlap, as micro-sam's automatic prompt generation does it.

Of two masks that are nearly the same the better one stays. The rest is laid down with the largest first, and
smaller ones take only what is still free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samj_bridge.geometry.components import label_components

__all__ = ["Piece", "laid_down", "suppressed"]

Box = tuple[int, int, int, int]
_ROUNDING = 1e-9


class Piece(Protocol):
    """A mask in the image."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) crop, tight or not."""

    @property
    def origin_xy(self) -> tuple[int, int]:
        """Image pixel of ``mask[0, 0]``."""

    @property
    def box(self) -> Box:
        """Extremes of its pixels in the image, the last ones among them, as SAM has boxes."""

    @property
    def area(self) -> int:
        """Pixels."""


def suppressed(
    pieces: Sequence[Piece],
    scores: ArrayLike,
    min_size: int,
    threshold: float,
    *,
    over_smaller: bool = False,
) -> list[int]:
    """Return the indices of what stays, best first.

    Parameters
    ----------
    pieces : sequence of Piece
        Masks of `min_size` pixels or fewer go first.
    scores : (N,) array
        How good each is: predicted IoU times stability.
    min_size : int
        Pixels.
    threshold : float
        Of two masks with a larger overlap than this, the one with the lower score goes.
    over_smaller : bool
        Whether the overlap is a part of the smaller mask, instead of both together.
    """
    order = [int(i) for i in np.argsort(-np.asarray(scores), kind="stable") if pieces[i].area > min_size]
    areas = np.array([pieces[i].area for i in order], np.int64)
    boxes = np.array([pieces[i].box for i in order], np.int64).reshape(-1, 4)
    kept: list[int] = []
    gone = np.zeros(len(order), bool)
    for rank, i in enumerate(order):
        if gone[rank]:
            continue
        kept.append(i)
        most = _most_shared(boxes[rank], areas[rank], boxes[rank + 1 :], areas[rank + 1 :])
        smaller, both = np.minimum(areas[rank], areas[rank + 1 :]), areas[rank] + areas[rank + 1 :]
        # Masks are looked at only where boxes and areas leave it open: for nearly no pair.
        near = most > (threshold - _ROUNDING) * (smaller if over_smaller else both - most)
        for other in np.flatnonzero(near & (most > 0) & ~gone[rank + 1 :]):
            shared = _shared(pieces[i], pieces[order[rank + 1 + other]])
            whole = int(smaller[other] if over_smaller else both[other] - shared)
            gone[rank + 1 + other] = shared / whole > threshold
    return kept


def laid_down(
    pieces: Sequence[Piece], shape_hw: tuple[int, int], min_size: int
) -> tuple[NDArray[np.int32], list[int]]:
    """Return labels (Y, X), and which piece each object is of: the largest first, then what is free.

    Each connected part is an object; parts of fewer than `min_size` pixels go.
    """
    labels = np.zeros(shape_hw, np.int32)
    owners: list[int] = []
    for i in sorted(range(len(pieces)), key=lambda i: -pieces[i].area):
        mask, (x, y) = pieces[i].mask, pieces[i].origin_xy
        under = labels[y : y + mask.shape[0], x : x + mask.shape[1]]
        parts, found = label_components(mask & (under == 0))
        # Smaller parts hold their place all the same: nobody else gets it.
        sizes = np.bincount(parts.ravel(), minlength=found + 1)[1:]
        large = sizes >= min_size
        numbers = np.concatenate([[0], np.where(large, len(owners) + np.cumsum(large), -1)]).astype(np.int32)
        owners += [i] * int(np.count_nonzero(large))
        np.copyto(under, numbers[parts], where=parts > 0)
    np.maximum(labels, 0, out=labels)
    return labels, owners


def _most_shared(
    box: NDArray[np.int64], area: np.int64, boxes: NDArray[np.int64], areas: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many pixels a mask can share with each of others; none where boxes touch by an edge only."""
    width = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    height = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    most = np.minimum(np.minimum(areas, area), (width + 1) * (height + 1))
    return np.where((width > 0) & (height > 0), most, 0)


def _shared(one: Piece, other: Piece) -> int:
    (x, y), (u, v) = one.origin_xy, other.origin_xy
    mine, its = one.mask, other.mask
    top, left = max(y, v), max(x, u)
    bottom, right = min(y + mine.shape[0], v + its.shape[0]), min(x + mine.shape[1], u + its.shape[1])
    if bottom <= top or right <= left:
        return 0
    first = mine[top - y : bottom - y, left - x : right - x]
    return int(np.count_nonzero(first & its[top - v : bottom - v, left - u : right - u]))
