"""When an object is lost: what is found on a plane is compared with what it was on the one before."""

from __future__ import annotations

from dataclasses import dataclass, fields

from samj_bridge.errors import InputError
from samj_bridge.geometry.region import Region

__all__ = ["StopRules", "overlap"]


@dataclass(frozen=True)
class StopRules:
    """What is lost. All of them hold; each can be turned off by its last value.

    Raises
    ------
    InputError
        A value is out of its range.
    """

    min_iou: float = 0.5
    """Least overlap with the object on the plane before, as a part of both together; 0: off."""
    max_area_ratio: float = 2.0
    """Most that it may grow or shrink by, as a ratio of areas; 0: off."""
    min_score: float = 0.55
    """Least score that the network gives it; 0: off."""
    patience: int = 2
    """Planes on which a lost object is looked for before it is given up."""

    def __post_init__(self) -> None:
        bounds = {"min_iou": (0, 1), "max_area_ratio": (0, None), "min_score": (0, 1), "patience": (0, None)}
        for field in fields(self):
            value, (low, high) = getattr(self, field.name), bounds[field.name]
            good = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= low
            if not good or (high is not None and value > high):
                most = "" if high is None else f" to {high}"
                message = f"{field.name} is {value!r:.40}."
                raise InputError(message, hint=f"Give a number from {low}{most}; 0 turns the rule off.")
        if 0 < self.max_area_ratio < 1:
            message = f"max_area_ratio is {self.max_area_ratio:g}: nothing could be followed."
            raise InputError(message, hint="Give 1 or more, for example 2 for twice and half; 0 turns it off.")

    def why_lost(self, region: Region, before: Region, iou: float) -> str:
        """Return why what was found is not the object, in words; empty where it is."""
        if region.is_empty:
            return "nothing was found"
        if iou < self.min_iou:
            return f"IoU with the plane before {iou:.2f} < {self.min_iou:g}"
        ratio = region.area / before.area
        if self.max_area_ratio and not 1 / self.max_area_ratio <= ratio <= self.max_area_ratio:
            return f"area {ratio:.2f} times that on the plane before"
        if region.score is not None and region.score < self.min_score:
            return f"score {region.score:.2f} < {self.min_score:g}"
        return ""


def overlap(one: Region, other: Region, move_xy: tuple[float, float] = (0.0, 0.0)) -> tuple[int, float]:
    """Return the pixels that two regions share, and their IoU; `other` is moved by whole pixels first.

    Examples
    --------
    >>> one = Region.from_mask([[1, 1, 0]])
    >>> overlap(one, Region.from_mask([[0, 1, 1]])), overlap(one, Region.from_mask([[0, 1, 1]]), (-1, 0))
    ((1, 0.3333333333333333), (2, 1.0))
    """
    if one.is_empty or other.is_empty:
        return 0, 0.0
    (a, (ax, ay)), (b, (bx, by)) = one.crop(), other.crop()
    bx, by = bx + round(move_xy[0]), by + round(move_xy[1])
    x0, y0 = max(ax, bx), max(ay, by)
    x1, y1 = min(ax + a.shape[1], bx + b.shape[1]), min(ay + a.shape[0], by + b.shape[0])
    if x0 >= x1 or y0 >= y1:
        return 0, 0.0
    shared = int((a[y0 - ay : y1 - ay, x0 - ax : x1 - ax] & b[y0 - by : y1 - by, x0 - bx : x1 - bx]).sum())
    return shared, shared / (one.area + other.area - shared)
