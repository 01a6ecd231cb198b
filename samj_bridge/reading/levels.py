"""Which reduced copies of an image are levels of it: those that show all of it, each smaller than the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["fitting_levels", "is_reduced_copy"]

_Item = TypeVar("_Item")


def fitting_levels(
    full: tuple[int, int], others: Sequence[tuple[tuple[int, int], _Item]]
) -> tuple[list[_Item], list[str]]:
    """Return what fits as levels behind the first, largest first, and in words what does not.

    Parameters
    ----------
    full : (height, width)
        Size of the image.
    others : sequence of ((height, width), item)
        Its other levels as the file has them, in any order.
    """
    kept: list[_Item] = []
    notes: list[str] = []
    before = full
    for shape, item in sorted(others, key=lambda other: -other[0][0] * other[0][1]):
        if is_reduced_copy(full, shape) and shape[0] <= before[0] and shape[1] <= before[1] and shape != before:
            kept.append(item)
            before = shape
        else:
            notes.append(f"a level of {shape[1]} x {shape[0]} is no reduced copy and was left out")
    return kept, notes


def is_reduced_copy(full: tuple[int, int], reduced: tuple[int, int]) -> bool:
    """Return whether a size is that of an image reduced by the same factor in both directions, up to rounding.

    Examples
    --------
    >>> is_reduced_copy((1000, 3001), (250, 750)), is_reduced_copy((1000, 3001), (250, 900))
    (True, False)
    """
    height, width = reduced
    if not (0 < height <= full[0] and 0 < width <= full[1]):
        return False
    # A side of n stands for a factor between full / (n + 1) and full / (n - 1): the two ranges must meet.
    low = max(full[0] / (height + 1), full[1] / (width + 1))
    high = min(full[0] / max(height - 1, 0.5), full[1] / max(width - 1, 0.5))
    return low <= high
