"""Anyone's outline to the one outline that its pixels have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.rasterise import edges_of, rasterise
from samj_bridge.geometry.trace import trace

__all__ = ["LARGEST_BOX", "normalise"]

# A box of 16,384 x 16,384 pixels: damaged files must not make us ask for more memory than there is.
LARGEST_BOX = 2**28


def normalise(rings: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int32], ...]:
    """Return the traced outline of the pixels whose centres lie inside `rings`, by the even-odd rule.

    The rings may run either way round, cross and touch, and have vertices to spare.

    Raises
    ------
    TypeError, ValueError
        `rings` are no rings of whole numbers; or have oblique edges and a box of more than 2**28 pixels.

    Examples
    --------
    >>> normalise([np.array([[0, 0], [0, 1], [0, 2], [2, 2], [2, 0]])])[0].tolist()
    [[0, 0], [2, 0], [2, 2], [0, 2]]
    """
    start, end = edges_of(rings)
    if not len(start):
        return ()
    if bool((start == end).any(axis=1).all()):
        # Between neighbouring coordinates nothing changes: one row or column stands for all.
        xs, ys = np.unique(start[:, 0]), np.unique(start[:, 1])
        small = [
            np.stack([np.searchsorted(xs, ring[:, 0]), np.searchsorted(ys, ring[:, 1])], axis=1) for ring in rings
        ]
        outline = trace(rasterise(small, (max(len(ys) - 1, 0), max(len(xs) - 1, 0))))
        return tuple(np.stack([xs[ring[:, 0]], ys[ring[:, 1]]], axis=1).astype(np.int32) for ring in outline)
    (x0, y0), (x1, y1) = start.min(axis=0).tolist(), start.max(axis=0).tolist()
    if (x1 - x0) * (y1 - y0) > LARGEST_BOX:
        message = f"an outline with oblique edges around {x1 - x0} x {y1 - y0} pixels is too large to be drawn"
        raise ValueError(message)
    return trace(rasterise(rings, (y1 - y0, x1 - x0), (x0, y0)), (x0, y0))
