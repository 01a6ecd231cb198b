"""Everything mode with few points: object by object, nothing asked twice, results as soon as they are there.

SAM's generator asks 32 x 32 points whatever is in the image, and throws nearly all of its masks away. Here a point
that lies in an object found before is not asked at all. Points come from the network itself where it can say where
objects are (`SeedingModel`), the surest first; else from a grid of half the density, and then from one of the full
density only where the objects found are small against the first grid's step. Of a point's masks the one with the
best predicted IoU is taken that is stable and mostly free; what others have taken is cut off, so that objects never
overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.worker.everything.batches import propose
from samj_bridge.worker.everything.grid import Box
from samj_bridge.worker.everything.masks import Found, found_in, mended
from samj_bridge.worker.everything.parameters import Parameters
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.families.base import Proposals, ProposingModel, SoftMask, part_of

__all__ = ["find_fast"]

HALF = 0.5
LEAST_STEP_PX = 4.0
"""Points of a grid are no closer than this: smaller objects would have a few pixels only."""
LARGEST_PART = 0.5
"""Masks of more than this part of the image are its ground, not an object."""
_LOOKED_AT = 4
"""Of so many times as many sketches as are asked at once those are chosen that are apart."""
SMALL = 2.0
"""Objects shorter than this many steps of the first grid have neighbours that it may have missed."""


def find_fast(
    model: ProposingModel,
    encoding: Any,
    shape_hw: tuple[int, int],
    parameters: Parameters,
    tally: Tally,
    check: Callable[[float], None],
    area: tuple[float, float, float, float] | None = None,
) -> Iterator[Found]:
    """Yield objects as they are found.

    Parameters
    ----------
    model, encoding : ProposingModel, Any
        The network and its encoding of the whole image.
    shape_hw : (int, int)
        (Y, X) of the image.
    parameters : Parameters
        ``points_per_side`` is the densest grid along the image's longer side; ``points_per_batch`` how many points
        are asked at once; ``box_nms_thresh`` the part of a mask that may be taken already. Crops are not used.
    tally : Tally
        Counts what happens.
    check : callable
        Called with the fraction done; raises when the call is cancelled.
    area : (x0, y0, x1, y1), optional
        Only points in this box are asked: what lies around it is there to be seen. A `SketchingModel` is asked with
        its sketches then.
    """
    search = _Search(model, encoding, parameters, tally, np.zeros(shape_hw, bool))
    sketches = getattr(model, "sketches", None)
    if sketches is not None and area is not None:
        check(0.0)
        drawn = _within(sketches(encoding, part_of(check, 0.0, 0.2)), area)
        yield from search.ask(drawn, part_of(check, 0.2, 0.8))
        return
    seeds = getattr(model, "seeds", None)
    if seeds is not None:
        check(0.0)
        # Reduced images may have to be encoded for it.
        points = np.asarray(seeds(encoding, part_of(check, 0.0, 0.2))[0], np.float64).reshape(-1, 2)
        yield from search.ask(_within(points, area), part_of(check, 0.2, 0.8))
        return
    coarse, (steps_y, steps_x) = _grid(shape_hw, -(-parameters.points_per_side // 2))
    near = np.zeros((steps_y, steps_x), bool)
    for found in search.ask(_within(coarse, area), part_of(check, 0.0, 0.5)):
        _mark(near, found, shape_hw)
        yield found
    fine, _ = _grid(shape_hw, parameters.points_per_side)
    if len(fine) <= len(coarse):
        return
    fine = _within(fine, area)
    cells = fine / (shape_hw[1] / steps_x, shape_hw[0] / steps_y)
    wanted = near[cells[:, 1].astype(int), cells[:, 0].astype(int)]
    tally.skipped += int(np.count_nonzero(~wanted))
    yield from search.ask(fine[wanted], part_of(check, 0.5, 0.5))


@dataclass(frozen=True)
class _Search:
    """What has been found so far."""

    model: ProposingModel
    encoding: Any
    parameters: Parameters
    tally: Tally
    taken: NDArray[np.bool_]
    """(Y, X), True where an object was found."""

    def ask(self, points_xy: NDArray[np.float64], check: Callable[[float], None]) -> Iterator[Found]:
        """Ask the points that are still free, in their order; or sketches, which begin with their points."""
        left, total = points_xy, len(points_xy)
        while len(left):
            check(1.0 - len(left) / total)
            columns, rows = (np.minimum(left[:, i].astype(int), self.taken.shape[1 - i] - 1) for i in (0, 1))
            free = ~self.taken[rows, columns]
            self.tally.skipped += int(np.count_nonzero(~free))
            left = left[free]
            batch, left = _batch_of(left, self.parameters.points_per_batch)
            if len(batch):
                yield from self._batch(batch, part_of(check, 1.0 - (len(left) + len(batch)) / total, 1.0 / total))

    def _batch(self, points_xy: NDArray[np.float64], check: Callable[[float], None]) -> Iterator[Found]:
        drawn = points_xy.shape[1] > 2
        ask: Any = self.model.propose_sketched if drawn else self.model.propose  # type: ignore[attr-defined]
        proposals = propose(ask, self.encoding, points_xy, check)
        self.tally.points += len(points_xy)
        self.tally.masks += proposals.scores.size
        # Seeds keep their order, the surest first: how many are asked at once changes nothing.
        seeded = drawn or hasattr(self.model, "seeds")
        order = range(len(points_xy)) if seeded else np.argsort(-proposals.scores.max(1), kind="stable")
        for n in order:
            found = self._best(proposals, int(n), (float(points_xy[n, 0]), float(points_xy[n, 1])))
            if found is not None:
                yield found

    def _best(self, proposals: Proposals, n: int, point_xy: tuple[float, float]) -> Found | None:
        height, width = self.taken.shape
        if self.taken[min(int(point_xy[1]), height - 1), min(int(point_xy[0]), width - 1)]:
            # A neighbour of the same batch has just been given this place.
            self.tally.overlapping += proposals.scores.shape[1]
            return None
        order = np.argsort(-proposals.scores[n], kind="stable")
        for rank, k in enumerate(order):
            score = float(proposals.scores[n, k])
            if self.parameters.pred_iou_thresh > 0 and not score > self.parameters.pred_iou_thresh:
                self.tally.low_score += len(order) - rank
                return None
            soft = proposals.soft(n, int(k), min(-self.parameters.stability_score_offset, 0.0))
            found = self._free(soft, score, point_xy)
            if found is not None:
                self.tally.overlapping += len(order) - rank - 1
                return found
        return None

    def _free(self, soft: SoftMask, score: float, point_xy: tuple[float, float]) -> Found | None:
        """Return the mask as an object with what is free of it, taken from now on; or None, counting why."""
        shape, parameters, tally = self.taken.shape, self.parameters, self.tally
        corner = (point_xy[0] - HALF, point_xy[1] - HALF)
        found = found_in(soft, score, parameters.stability_score_offset, corner, _whole(shape))
        if parameters.stability_score_thresh > 0 and not found.stability >= parameters.stability_score_thresh:
            tally.unstable += 1
            return None
        if not found.area or found.area > LARGEST_PART * self.taken.size:
            tally.small += not found.area
            tally.large += bool(found.area)
            return None
        if parameters.min_mask_region_area > 0:
            found, _ = mended(found, parameters.min_mask_region_area, (shape[0], shape[1]))
        mask, (x, y) = found.mask, found.origin_xy
        place = self.taken[y : y + mask.shape[0], x : x + mask.shape[1]]
        mine = mask & ~place
        if np.count_nonzero(mine) < max(1.0, (1 - parameters.box_nms_thresh) * found.area):
            tally.overlapping += 1
            return None
        place |= mine
        return found if np.count_nonzero(mine) == found.area else found.with_mask(mine, (x, y))


def _batch_of(left: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Split what is asked next from what waits: of sketches also those that lie in the box of one that is asked."""
    if left.shape[1] == 2:
        return left[:size], left[size:]
    now: list[int] = []
    for number, (x, y) in enumerate(left[:, :2].tolist()):
        x0, y0, x1, y1 = left[now, 2:6].T
        if not bool(((x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)).any()):
            now.append(number)
        if len(now) == size or number >= _LOOKED_AT * size:
            break
    rest = np.ones(len(left), bool)
    rest[now] = False
    return left[now], left[rest]


def _grid(shape_hw: tuple[int, int], along: int) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Middles of equal parts, `along` of them on the longer side; fewer where the image has few pixels."""
    longest = max(shape_hw)
    step = max(longest / max(along, 1), LEAST_STEP_PX)
    down, across = (max(1, round(side / step)) for side in shape_hw)
    ys, xs = (np.arange(down) + 0.5) / down * shape_hw[0], (np.arange(across) + 0.5) / across * shape_hw[1]
    gx, gy = np.meshgrid(xs, ys)
    return np.stack([gx.ravel(), gy.ravel()], 1), (down, across)


def _within(points_xy: NDArray[np.float64], area: tuple[float, float, float, float] | None) -> NDArray[np.float64]:
    if area is None:
        return points_xy
    inside = (points_xy[:, :2] >= area[:2]) & (points_xy[:, :2] < area[2:])
    return points_xy[inside.all(1)]


def _mark(near: NDArray[np.bool_], found: Found, shape_hw: tuple[int, int]) -> None:
    """Mark the cells of the first grid around an object that is small against them."""
    step_y, step_x = shape_hw[0] / near.shape[0], shape_hw[1] / near.shape[1]
    if found.area**0.5 >= SMALL * max(step_x, step_y):
        return
    x0, y0, x1, y1 = found.box
    rows = slice(max(0, int(y0 / step_y) - 1), int(y1 / step_y) + 2)
    near[rows, max(0, int(x0 / step_x) - 1) : int(x1 / step_x) + 2] = True


def _whole(shape_hw: tuple[int, ...]) -> Box:
    return 0, 0, shape_hw[1], shape_hw[0]
