"""What goes first when a cache is full, in memory and on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["first_to_go"]

_Name = TypeVar("_Name")


def first_to_go(
    candidates: Sequence[tuple[_Name, str, int]], budget: int, of: Sequence[tuple[_Name, str, int]]
) -> _Name:
    """Return the name of what goes first of things, each with its group and size, the least recently used first.

    It is the first one of a group that takes more than half of `budget`, where there is such a group among all
    things (`of`); else the first of all.

    Examples
    --------
    >>> things = [("a", "", 2), ("b1", "slide", 3), ("b2", "slide", 4)]
    >>> first_to_go(things, 8, of=things), first_to_go(things, 20, of=things)
    ('b1', 'a')
    """
    taken: Counter[str] = Counter()
    for _, group, size in of:
        taken[group] += size if group else 0
    return next((name for name, group, _ in candidates if taken[group] * 2 > budget), candidates[0][0])
