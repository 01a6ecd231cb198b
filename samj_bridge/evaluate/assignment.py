"""One partner for each, where objects have several to choose from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["largest_assignment"]


def largest_assignment(
    i: NDArray[np.int64], j: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return which of the pairs (i, j) to take: as many as possible, each i and j once, with the largest weight.

    Augmenting paths by largest gain (successive shortest paths; Kuhn, Naval Research Logistics Quarterly 2 (1955),
    83). Each path adds one pair, and the best sets of n pairs grow into the best one of n + 1. At an IoU of 0.5 or
    more groups have a handful of objects, so that plain searching is enough.

    Parameters
    ----------
    i, j : (n,) int64 arrays
        Pairs that are allowed.
    weight : (n,) float64 array
        Above 0 and at most 1.

    Returns
    -------
    (m,) int64 array
        Positions of the pairs that were taken, in rising order.
    """
    taken: list[int] = []
    for members in _groups(i, j):
        taken += _of_group(members, i, j, weight)
    return np.array(sorted(taken), np.int64)


def _groups(i: NDArray[np.int64], j: NDArray[np.int64]) -> list[list[int]]:
    """Return the pairs that hang together, through objects in common."""
    group: dict[tuple[str, int], tuple[str, int]] = {}

    def root(node: tuple[str, int]) -> tuple[str, int]:
        group.setdefault(node, node)
        while group[node] != node:
            group[node] = group[group[node]]
            node = group[node]
        return node

    for a, b in zip(i.tolist(), j.tolist(), strict=True):
        group[root(("true", a))] = root(("found", b))
    members: dict[tuple[str, int], list[int]] = {}
    for number, a in enumerate(i.tolist()):
        members.setdefault(root(("true", a)), []).append(number)
    return list(members.values())


def _of_group(
    members: list[int], i: NDArray[np.int64], j: NDArray[np.int64], weight: NDArray[np.float64]
) -> list[int]:
    if len(members) == 1:
        return members
    chosen: set[int] = set()
    while True:
        path = _best_path(members, chosen, i, j, weight)
        if not path:
            return list(chosen)
        # What was taken on the path is given up, the rest is taken: one more than before.
        chosen ^= set(path)


def _best_path(
    members: list[int],
    chosen: set[int],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> list[int]:
    """Return the pairs of the alternating path with the largest gain, from a free i to a free j (Bellman, Ford)."""
    partner = {int(i[number]): number for number in chosen}
    used = {int(j[number]): number for number in chosen}
    best: dict[int, tuple[float, list[int]]] = {}
    free = {int(i[number]) for number in members} - set(partner)
    gain_at: dict[int, tuple[float, list[int]]] = dict.fromkeys(free, (0.0, []))
    for _ in range(len(members) + 1):
        changed = False
        for number in members:
            a, b = int(i[number]), int(j[number])
            if a not in gain_at or number in chosen:
                continue
            gain, path = gain_at[a][0] + float(weight[number]), [*gain_at[a][1], number]
            if b not in best or gain > best[b][0] + 1e-12:
                best[b] = (gain, path)
                changed = True
                if b in used:
                    back = used[b]
                    gain_at[int(i[back])] = (gain - float(weight[back]), [*path, back])
        if not changed:
            break
    ends = [(gain, path) for b, (gain, path) in best.items() if b not in used]
    return max(ends)[1] if ends else []
