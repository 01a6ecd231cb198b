"""The lowest pass from each basin to the sea: a minimum spanning tree after Borůvka, all basins at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["lowest_passes"]


def lowest_passes(
    one: NDArray[np.int32], other: NDArray[np.int32], heights: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    """Return for each basin the height of the highest pass on the best way to basin 0.

    Parameters
    ----------
    one, other : (E,) int32 arrays
        The basins on both sides of each pass; two basins may have many.
    heights : (E,) float32 array
        Height of each pass.
    count : int
        Number of basins, 0 among them.

    Returns
    -------
    (count,) float32 array
        -inf for basin 0, inf where no way leads to it.

    Examples
    --------
    >>> lowest_passes(np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([5.0, 3.0, 9.0], np.float32), 3).tolist()
    [-inf, 5.0, 5.0]
    """
    order = np.argsort(heights, kind="stable")
    # Each pass both ways, one right after the other: the order is the same for both basins, so no circle arises.
    source = np.stack([one[order], other[order]], 1).ravel()
    target = np.stack([other[order], one[order]], 1).ravel()
    over = np.repeat(heights[order], 2)
    rounds: list[tuple[NDArray[np.float32], NDArray[np.intp]]] = []
    while source.size:
        # Water leaves every basin but the sea over its lowest pass. What it then flows through to the sea has lower
        # passes still; and where it flows in a circle, between two basins, all that leads there becomes one basin.
        best = np.full(count, -1, np.intp)
        best[source[::-1]] = np.arange(source.size - 1, -1, -1)
        best[0] = -1
        leaves = np.flatnonzero(best >= 0)
        to, over_own = np.arange(count), np.full(count, -np.inf, np.float32)
        to[leaves], over_own[leaves] = target[best[leaves]], over[best[leaves]]
        circle = leaves[(to[to[leaves]] == leaves) & (leaves < to[leaves])]
        to[circle] = circle
        while not np.array_equal(further := to[to], to):
            to = further
        ends = to == np.arange(count)
        merged = (np.cumsum(ends) - 1)[to]
        rounds.append((over_own, merged))
        count = int(np.count_nonzero(ends))
        source, target = merged[source], merged[target]
        apart = source != target
        source, target, over = source[apart], target[apart], over[apart]
    reached = np.full(count, np.inf, np.float32)
    reached[0] = -np.inf
    for over_own, merged in reversed(rounds):
        reached = np.maximum(over_own, reached[merged])
    return reached
