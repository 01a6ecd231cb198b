"""A watershed from seeds, of a whole image at once: no queue of pixels, a few passes over all of them.

Flooding (Meyer 1994) takes the pixels from a queue, lowest first; a pixel gets its label from the neighbour that
was taken first. When that is, is known without a queue: at the lowest level at which water from any seed reaches
it. So each pixel's label is that of its neighbour with the lowest such level. Levels come from basins: water that
flows down from a pixel ends in a seed or in a minimum without one, and reaches that over the lowest pass.

Where levels are equal, on plateaus and in basins without a seed, the nearer side gets the pixel.
"""

from __future__ import annotations

import itertools
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import join
from samj_bridge.worker.automatic.passes import lowest_passes

__all__ = ["flood"]

_Places = NDArray[np.intp]
"""Places in a padded image that is read as one long line."""
_Pointers = NDArray[np.intp]
"""For each place another one."""
_NOWHERE = np.zeros(0, np.intp)
_ROWS = 32
_UNSEEN = 2
_Number = TypeVar("_Number", np.float32, np.int32)


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
    _inner(level, height, line)[...] = np.where(mask, heights, np.float32(np.inf))
    labels = np.zeros(level.size, np.int32)
    np.multiply(seeds, mask, out=_inner(labels, height, line))
    steps = (-line, -1, 1, line)
    down, lowest, flat = _descent(level, labels, line)
    if flat.size:
        _level_out(level, labels, flat, steps, down)
    ends = _ends(down)
    minima = lowest[down[lowest] == lowest]
    changed = _raise(level, minima, ends, steps) if minima.size else minima
    if changed.size or flat.size:
        _turn(level, labels, changed, flat, steps, down)
        ends = _ends(down)
    found: NDArray[np.int32] = _inner(labels.take(ends), height, line).copy()
    return found


def _inner(padded: NDArray[_Number], height: int, line: int) -> NDArray[_Number]:
    """Return the image in a padded line, as a view."""
    return padded[line + 1 : -line].reshape(height, line)[:, : line - 1]


def _descent(
    height: NDArray[np.float32], labels: NDArray[np.int32], line: int
) -> tuple[_Pointers, _Places, _Places]:
    """Return where water flows from each place; the places from which it flows nowhere, but for seeds; plateaus.

    It flows to the lowest neighbour, among equals up before left before right before down.
    """
    down = np.arange(height.size)
    still, flat = [_NOWHERE], [_NOWHERE]
    # Some rows at a time, which stay in the cache through all that is done to them.
    for start in range(line + 1, height.size - line, line * _ROWS):
        stop = min(start + line * _ROWS, height.size - line)
        own, free = height[start:stop], labels[start:stop] == 0
        free &= own < np.inf
        up, left, right, below = (height[start + step : stop + step] for step in (-line, -1, 1, line))
        before, after = np.minimum(up, left), np.minimum(right, below)
        first = np.where(left < up, np.int32(-1), np.int32(-line))
        second = np.where(below < right, np.int32(line), np.int32(1))
        step = np.where(after < before, second, first)
        lowest = np.minimum(before, after)
        flows = lowest < own
        flows &= free
        step *= flows
        down[start:stop] += step
        free &= ~flows
        rest = np.flatnonzero(free)
        if rest.size:
            still.append(rest + start)
            flat.append(rest[lowest[rest] == own[rest]] + start)
    return down, np.concatenate(still), np.concatenate(flat)


def _lowest(
    height: NDArray[np.float32], places: _Places, steps: tuple[int, ...]
) -> tuple[NDArray[np.float32], _Places]:
    to = places + np.int32(steps[0])
    lowest = height[to]
    for step in steps[1:]:
        other = places + step
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
    down: _Pointers,
) -> None:
    """Let each plateau flow off where it can, or make it one minimum."""
    one, other = _pairs(height, flat, steps)
    number = np.zeros(height.size, np.intp)
    number[one] = number[other] = 1
    members = np.flatnonzero(number)
    number[members] = np.arange(members.size)
    plateau = join(members.size, number[one], number[other])
    exits = np.full(len(members), -1)
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
        other = flat + step
        same = height[other] == height[flat]
        if step < 0:
            same &= ~is_flat[other]
        ones.append(flat[same])
        others.append(other[same])
    return np.concatenate(ones), np.concatenate(others)


def _ends(down: _Pointers) -> _Pointers:
    """Return where the water of each place ends."""
    ends, further = down.take(down), np.empty_like(down)
    for steps in itertools.count(1):
        ends.take(ends, out=further, mode="clip")
        # Looking whether that was the end takes as long as going on, and few ways are shorter than eight pixels.
        if steps > _UNSEEN and np.array_equal(ends, further):
            break
        ends, further = further, ends
    return ends


def _raise(level: NDArray[np.float32], minima: _Places, ends: _Pointers, steps: tuple[int, ...]) -> _Places:
    """Raise heights to the level at which water reaches each place; return where that changed them."""
    places = np.flatnonzero(level < np.inf)
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
    height: NDArray[np.float32],
    basin: NDArray[np.int32],
    places: _Places,
    steps: tuple[int, ...],
    count: int,
) -> NDArray[np.float32]:
    """Return the level of the lowest way from each basin to a seed; basin 0 is what flows to seeds."""
    one, other, level = [], [], []
    for step in steps[2:]:
        there = places + step
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
    down: _Pointers,
) -> None:
    """Let water come from where it comes first: where levels changed, beside that, and on plateaus."""
    near = np.zeros(level.size, bool)
    near[flat] = True
    for step in (0, *steps):
        near[changed + step] = True
    near &= (level < np.inf) & (labels == 0)
    places = np.flatnonzero(near)
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
    down: _Pointers,
    *,
    inwards: bool,
) -> _Places:
    """Give the water of a decided place to its waiting neighbour of the same level; return which got it."""
    there = places + step
    here, source = (places, there) if inwards else (there, places)
    goes = waiting[here] & ~waiting[source] & (level[here] == level[source])
    got: _Places = here[goes]
    down[got] = source[goes]
    waiting[got] = False
    return got
