"""In which order planes are done: pure functions of what was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samj_bridge.session.stack.given import Given

__all__ = ["Walk", "sweeps", "walks_of"]


@dataclass(frozen=True)
class Walk:
    """One object in one direction, from a plane where it was given."""

    number: int
    """Of the object."""
    begin: int
    """The plane where it was given."""
    step: int
    """1 or -1."""
    last: int
    """The last plane that it is followed to."""
    ahead: int | None
    """The next plane in this direction where it was given; None: there is none."""

    @property
    def planes(self) -> range:
        """Planes that it is followed on, in order."""
        return range(self.begin + self.step, self.last + self.step, self.step)


def walks_of(given: Given, start: int, stop: int) -> list[Walk]:
    """Return an object's walks between the planes `start` and `stop`, both among them.

    Between two planes where it was given it comes from both sides to the middle. It never goes past a plane that it
    is not on.

    Examples
    --------
    >>> from samj_bridge.session.prompts import Prompt
    >>> given = Given(1, "", dict.fromkeys((2, 7), Prompt(points=[(5, 5)])))
    >>> [(walk.begin, list(walk.planes)) for walk in walks_of(given, 0, 9)]
    [(2, [1, 0]), (2, [3, 4]), (7, [6, 5]), (7, [8, 9])]
    """
    there, found = sorted(given.planes), []
    for index, plane in enumerate(there):
        before = there[index - 1] if index else None
        after = there[index + 1] if index + 1 < len(there) else None
        back = start if before is None else (before + plane) // 2 + 1
        forth = stop if after is None else (plane + after) // 2
        back = max([back, start, *(end + 1 for end in given.ends if end < plane)])
        forth = min([forth, stop, *(end - 1 for end in given.ends if end > plane)])
        walks = [Walk(given.number, plane, -1, back, before), Walk(given.number, plane, 1, forth, after)]
        found += [walk for walk in walks if len(walk.planes)]
    return found


def sweeps(walks: Sequence[Walk]) -> Iterator[tuple[int, list[Walk]]]:
    """Yield planes and the walks that pass them: each plane once in each direction, for all objects together.

    Forwards first.
    """
    for step in (1, -1):
        these = [walk for walk in walks if walk.step == step]
        for plane in sorted({plane for walk in these for plane in walk.planes}, reverse=step < 0):
            yield plane, [walk for walk in these if plane in walk.planes]
