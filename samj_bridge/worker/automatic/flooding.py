"""A watershed from seeds, of a whole image at once: no queue of pixels, a few passes over all of them.

Flooding (Meyer 1994) takes the pixels from a queue, lowest first; a pixel gets its label from the neighbour that
was taken first. When that is, is known without a queue: at the lowest level at which water from any seed reaches
it. So each pixel's label is that of its neighbour with the lowest such level. Levels come from basins: water that
flows down from a pixel ends in a seed or in a minimum without one, and reaches that over the lowest pass.

Where levels are equal, on plateaus and in basins without a seed, the nearer side gets the pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import join
from samj_bridge.worker.automatic.passes import lowest_passes

__all__ = ["flood"]

_Places = NDArray[np.int32]
"""Places in a padded image that is read as one long line."""


def flood(heights: NDArray[np.float32], seeds: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give each pixel of `mask` the label of the seed whose water reaches it first, over edges of pixels.

    Parameters
    ----------
    heights : (Y, X) float32 array
        Finite.
    seeds : (Y, X) int32 array
        Labels above 0 where water comes from, 0 elsewhere; what lies outside of `mask` is not looked at.
    mask : (Y, X) bool array
        Pixels that can be flooded.

    Returns
    -------
    (Y, X) int32 array
        0 outside of `mask` and where no seed can be reached.

    Examples
    --------
    >>> flood(np.array([[0, 2, 1, 3, 0]], np.float32), np.array([[1, 0, 0, 0, 2]]), np.ones((1, 5), bool)).tolist()
    [[1, 1, 1, 2, 2]]
    """
    height, width = mask.shape
    # One column between the rows is enough: what lies left of a row's first pixel is the end of the row above.
    line = width + 1
    level = np.full((height + 2) * line + 1, np.inf, np.float32)
    inside = level[line + 1 : -line].reshape(height, line)[:, :width]
    np.copyto(inside, heights, where=mask)
    labels = np.zeros(level.size, np.int32)
    np.copyto(labels[line + 1 : -line].reshape(height, line)[:, :width], seeds, where=mask, casting="same_kind")
    places = np.flatnonzero(level < np.inf).astype(np.int32)
    steps = (-line, -1, 1, line)
    down, flat = _descent(level, labels, places, steps)
    changed = _raise(level, labels, places, steps, down)
    if changed.size or flat.size:
        _turn(level, labels, changed, flat, steps, down)
    found = labels[_ends(down)]
    found[level == np.inf] = 0
    return np.ascontiguousarray(found[line + 1 : -line].reshape(height, line)[:, :width])


def _descent(
    height: NDArray[np.float32], labels: NDArray[np.int32], places: _Places, steps: tuple[int, ...]
) -> tuple[_Places, _Places]:
    """Return where water flows from each place, and the places of plateaus, from which it flows some way.

    It flows to the lowest neighbour; from a seed and a minimum, nowhere.
    """
    down = np.arange(height.size, dtype=np.int32)
    free = places[labels[places] == 0]
    lowest, to = _lowest(height, free, steps)
    own = height[free]
    lower = lowest < own
    down[free[lower]] = to[lower]
    flat = free[lowest == own]
    if flat.size:
        _level_out(height, labels, flat, steps, down)
    return down, flat


def _lowest(
    height: NDArray[np.float32], places: _Places, steps: tuple[int, ...]
) -> tuple[NDArray[np.float32], _Places]:
    to = places + np.int32(steps[0])
    lowest = height[to]
    for step in steps[1:]:
        other = places + np.int32(step)
        its = height[other]
        lower = its < lowest
        np.copyto(lowest, its, where=lower)
        np.copyto(to, other, where=lower)
    return lowest, to


def _level_out(
    height: NDArray[np.float32],
    labels: NDArray[np.int32],
    flat: _Places,
    steps: tuple[int, ...],
    down: _Places,
) -> None:
    """Let each plateau flow off where it can, or make it one minimum."""
    one, other = _pairs(height, flat, steps)
    number = np.zeros(height.size, np.intp)
    number[one] = number[other] = 1
    members = np.flatnonzero(number).astype(np.int32)
    number[members] = np.arange(members.size)
    plateau = join(members.size, number[one], number[other])
    exits = np.full(len(members), -1, np.int32)
    leads = (down[members] != members) | (labels[members] > 0)
    exits[plateau[leads]] = members[leads]
    target = np.where(exits[plateau] >= 0, exits[plateau], members[plateau])
    down[members[~leads]] = target[~leads]


def _pairs(height: NDArray[np.float32], flat: _Places, steps: tuple[int, ...]) -> tuple[_Places, _Places]:
    """Return each place of `flat` with its neighbours of the same height, two of `flat` once."""
    is_flat = np.zeros(height.size, bool)
    is_flat[flat] = True
    ones, others = [], []
    for step in steps:
        other = flat + np.int32(step)
        same = height[other] == height[flat]
        if step < 0:
            same &= ~is_flat[other]
        ones.append(flat[same])
        others.append(other[same])
    return np.concatenate(ones), np.concatenate(others)


def _ends(down: _Places) -> _Places:
    """Return where the water of each place ends."""
    while True:
        further: _Places = down[down]
        if np.array_equal(further, down):
            return further
        down = further


def _raise(
    level: NDArray[np.float32],
    labels: NDArray[np.int32],
    places: _Places,
    steps: tuple[int, ...],
    down: _Places,
) -> _Places:
    """Raise heights to the level at which water reaches each place; return where that changed them."""
    minima: _Places = places[(down[places] == places) & (labels[places] == 0)]
    if not minima.size:
        return minima
    ends = _ends(down)
    number = np.zeros(level.size, np.int32)
    number[minima] = np.arange(1, minima.size + 1, dtype=np.int32)
    basin = number[ends]
    reached = _passes(level, basin, places, steps, minima.size)
    unseeded = places[basin[places] > 0]
    over = reached[basin[unseeded]]
    below = over > level[unseeded]
    changed: _Places = unseeded[below]
    level[changed] = over[below]
    return changed


def _passes(
    height: NDArray[np.float32], basin: _Places, places: _Places, steps: tuple[int, ...], count: int
) -> NDArray[np.float32]:
    """Return the level of the lowest way from each basin to a seed; basin 0 is what flows to seeds."""
    one, other, level = [], [], []
    for step in steps[2:]:
        there = places + np.int32(step)
        apart = (basin[there] != basin[places]) & (height[there] < np.inf)
        here, there = places[apart], there[apart]
        one.append(basin[here])
        other.append(basin[there])
        level.append(np.maximum(height[here], height[there]))
    return lowest_passes(np.concatenate(one), np.concatenate(other), np.concatenate(level), count + 1)


def _turn(
    level: NDArray[np.float32],
    labels: NDArray[np.int32],
    changed: _Places,
    flat: _Places,
    steps: tuple[int, ...],
    down: _Places,
) -> None:
    """Let water come from where it comes first: where levels changed, beside that, and on plateaus."""
    near = np.zeros(level.size, bool)
    near[flat] = True
    for step in (0, *steps):
        near[changed + np.int32(step)] = True
    near &= (level < np.inf) & (labels == 0)
    places = np.flatnonzero(near).astype(np.int32)
    lowest, to = _lowest(level, places, steps)
    lower = lowest < level[places]
    down[places[lower]] = to[lower]
    # The rest lies in water of one level, which comes in from its shore.
    waiting = np.zeros(level.size, bool)
    rest = places[~lower]
    waiting[rest] = True
    down[rest] = rest
    front = [_follow(level, waiting, rest, step, down, inwards=True) for step in steps]
    while sum(part.size for part in front):
        shore = np.concatenate(front)
        front = [_follow(level, waiting, shore, step, down, inwards=False) for step in steps]


def _follow(
    level: NDArray[np.float32],
    waiting: NDArray[np.bool_],
    places: _Places,
    step: int,
    down: _Places,
    *,
    inwards: bool,
) -> _Places:
    """Give the water of a decided place to its waiting neighbour of the same level; return which got it."""
    there = places + np.int32(step)
    here, source = (places, there) if inwards else (there, places)
    goes = waiting[here] & ~waiting[source] & (level[here] == level[source])
    got: _Places = here[goes]
    down[got] = source[goes]
    waiting[got] = False
    return got
