"""Masks with scores made objects that do not overlap, as micro-sam's automatic prompt generation does it.

Of two masks that are nearly the same the better one stays. The rest is laid down with the largest first, and
smaller ones take only what is still free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import label_components

__all__ = ["Piece", "laid_down", "suppressed"]


@dataclass(frozen=True)
class Piece:
    """A mask in the image."""

    mask: NDArray[np.bool_]
    """(h, w) crop, tight or not."""
    origin_xy: tuple[int, int]
    """Image pixel of ``mask[0, 0]``."""
    score: float
    """How good it is: predicted IoU times stability."""


def suppressed(
    pieces: Sequence[Piece], min_size: int, threshold: float, *, over_smaller: bool = False
) -> list[Piece]:
    """Return what stays, best first.

    Parameters
    ----------
    pieces : sequence of Piece
        Masks of `min_size` pixels or fewer go first.
    min_size : int
        Pixels.
    threshold : float
        Of two masks with a larger overlap than this, the one with the lower score goes.
    over_smaller : bool
        Whether the overlap is a part of the smaller mask, instead of both together.
    """
    areas = np.array([np.count_nonzero(piece.mask) for piece in pieces], np.int64)
    scores = np.array([piece.score for piece in pieces], np.float64)
    order = [int(i) for i in np.argsort(-scores, kind="stable") if areas[i] > min_size]
    boxes = np.array([_box(pieces[i]) for i in order], np.int64).reshape(-1, 4)
    kept: list[int] = []
    gone = np.zeros(len(order), bool)
    for rank, i in enumerate(order):
        if gone[rank]:
            continue
        kept.append(i)
        x0, y0, x1, y1 = boxes[rank]
        rest = boxes[rank + 1 :]
        near = (np.minimum(rest[:, 2], x1) > np.maximum(rest[:, 0], x0)) & (
            np.minimum(rest[:, 3], y1) > np.maximum(rest[:, 1], y0)
        )
        for other in np.flatnonzero(near & ~gone[rank + 1 :]) + rank + 1:
            j = order[other]
            shared = _shared(pieces[i], pieces[j])
            whole = min(areas[i], areas[j]) if over_smaller else areas[i] + areas[j] - shared
            gone[other] = shared / whole > threshold
    return [pieces[i] for i in kept]


def laid_down(pieces: Sequence[Piece], shape_hw: tuple[int, int], min_size: int) -> NDArray[np.int32]:
    """Return labels (Y, X): the largest first, then what is free; each connected part is an object.

    Parts of fewer than `min_size` pixels go.
    """
    labels = np.zeros(shape_hw, np.int32)
    order = sorted(range(len(pieces)), key=lambda i: -int(np.count_nonzero(pieces[i].mask)))
    count = 0
    for i in order:
        x, y = pieces[i].origin_xy
        height, width = pieces[i].mask.shape
        under = labels[y : y + height, x : x + width]
        parts, found = label_components(pieces[i].mask & (under == 0))
        # Smaller parts hold their place all the same: nobody else gets it.
        sizes = np.bincount(parts.ravel(), minlength=found + 1)[1:]
        large = sizes >= min_size
        numbers = np.concatenate([[0], np.where(large, count + np.cumsum(large), -1)]).astype(np.int32)
        count += int(np.count_nonzero(large))
        np.copyto(under, numbers[parts], where=parts > 0)
    np.maximum(labels, 0, out=labels)
    return labels


def _box(piece: Piece) -> tuple[int, int, int, int]:
    """Return the extremes of a mask's pixels, the last ones among them, as SAM has boxes."""
    rows, columns = np.flatnonzero(piece.mask.any(1)), np.flatnonzero(piece.mask.any(0))
    x, y = piece.origin_xy
    return x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]), y + int(rows[-1])


def _shared(one: Piece, other: Piece) -> int:
    (x, y), (u, v) = one.origin_xy, other.origin_xy
    top, left = max(y, v), max(x, u)
    bottom = min(y + one.mask.shape[0], v + other.mask.shape[0])
    right = min(x + one.mask.shape[1], u + other.mask.shape[1])
    if bottom <= top or right <= left:
        return 0
    first = one.mask[top - y : bottom - y, left - x : right - x]
    second = other.mask[top - v : bottom - v, left - u : right - u]
    return int(np.count_nonzero(first & second))
