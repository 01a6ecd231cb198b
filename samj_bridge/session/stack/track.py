"""What is known of an object while it is followed: where it was last, how it moves, how long it has been lost."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from samj_bridge.geometry.region import Region
from samj_bridge.session.stack.plan import Walk
from samj_bridge.session.stack.rules import StopRules, overlap
from samj_bridge.session.stack.step import FOLLOWED, LOST, REAPPEARED, Step

__all__ = ["Track", "moved"]

_SMOOTH = 0.5
"""How much of the motion so far is kept at each plane."""


@dataclass
class Track:
    """An object on its walk."""

    walk: Walk
    shape: tuple[int, int]
    """(Y, X) of the planes."""
    good: Region
    """Where it was last."""
    moves: bool = False
    """Whether it is expected to go on moving as it did."""
    at: int = 0
    """The plane of `good`."""
    motion_xy: tuple[float, float] = (0.0, 0.0)
    """Pixels by plane."""
    lost: int = 0
    """Planes since it was lost; 0: it is not."""
    given_up: bool = False
    """Whether it is no longer looked for."""
    _centre: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def __post_init__(self) -> None:
        self.at = self.walk.begin
        self._centre = self.good.centroid_xy

    def expected(self, plane: int) -> tuple[float, float]:
        """Return how far it should have moved since it was seen last."""
        count = abs(plane - self.at)
        return self.motion_xy[0] * count, self.motion_xy[1] * count

    def step(self, plane: int, region: Region, rules: StopRules, *, stops: bool) -> Step:
        """Judge what was found on a plane, and remember it if it is the object.

        `stops`: whether the rules say that it is lost; else they only note that it is doubtful.
        """
        _, iou = overlap(region, self.good, self.expected(plane))
        why = rules.why_lost(region, self.good, iou)
        if why and (stops or region.is_empty):
            self.lost += 1
            self.given_up = stops and self.lost > rules.patience
            nothing = Region((), shape=self.shape, score=region.score)
            return Step(plane, nothing, self.walk.number, LOST, iou, why)
        state = REAPPEARED if self.lost else FOLLOWED
        self.lost = 0
        x, y = region.centroid_xy
        if self.moves:
            count = abs(plane - self.at)
            shift = (x - self._centre[0]) / count, (y - self._centre[1]) / count
            # The first shift is all that is known; later ones are smoothed.
            kept = _SMOOTH if self.at != self.walk.begin else 0.0
            mixed = [kept * old + (1 - kept) * new for old, new in zip(self.motion_xy, shift, strict=True)]
            self.motion_xy = mixed[0], mixed[1]
        self.good, self.at, self._centre = region, plane, (x, y)
        return Step(plane, region, self.walk.number, state, iou, why)


def moved(region: Region, by_xy: tuple[float, float], shape: tuple[int, int]) -> Region:
    """Return a region moved by whole pixels; what leaves the image is cut off.

    Examples
    --------
    >>> moved(Region.from_mask([[1, 1, 0]]), (2, 0), (1, 3)).mask().astype(int).tolist()
    [[0, 0, 1]]
    """
    dx, dy = round(by_xy[0]), round(by_xy[1])
    x0, y0, x1, y1 = region.bbox_xyxy
    if (dx, dy) == (0, 0) and x0 >= 0 and y0 >= 0 and x1 <= shape[1] and y1 <= shape[0]:
        return region
    crop, (x, y) = region.crop()
    x, y = x + dx, y + dy
    left, top = max(0, -x), max(0, -y)
    inside = crop[top : max(top, shape[0] - y), left : max(left, shape[1] - x)]
    if not inside.size or not inside.any():
        return Region((), shape=shape)
    return Region.from_mask(np.ascontiguousarray(inside), origin_xy=(x + left, y + top), shape=shape)
