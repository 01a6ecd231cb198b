"""What is remembered of one object in one direction, and what of it a plane looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from samj_bridge.worker.nets.memory.network import SLOTS, Kept

__all__ = ["Memory", "Sight", "sight"]

POINTERS = 16
"""Planes whose pointers are looked at, the one that looks among them."""


class Sight(NamedTuple):
    """What a plane looks at: the arguments of ``MemoryNet.look``."""

    cells: list[tuple[int, Tensor]]
    pointers: list[tuple[int, Tensor]]
    most: int


def sight(
    plane: int,
    step: int,
    planes: int,
    given: Mapping[int, Kept],
    cells: Mapping[int, Tensor],
    pointers: Mapping[int, Tensor],
) -> Sight:
    """Choose what a plane looks at, in the order that the published network is used to.

    Parameters
    ----------
    plane, step, planes : int
        Which plane, in which direction the stack is walked (1 or -1), how many planes it has.
    given : mapping
        Planes that somebody drew on, in the order in which that was done.
    cells, pointers : mapping
        Of planes that were followed: more than is looked at does no harm.
    """
    seen = [(SLOTS - 1, kept.cells) for kept in given.values()]
    before = [(back - 1, cells.get(plane - step * back)) for back in range(SLOTS - 1, 0, -1)]
    seen += [(slot, there) for slot, there in before if there is not None]
    most = min(planes, POINTERS)
    # Of what was drawn ahead, only the cells are looked at.
    told = [(step * (plane - at), kept.pointer) for at, kept in given.items() if step * (plane - at) >= 0]
    for back in range(1, most):
        at = plane - step * back
        if at in pointers:
            told.append((back, pointers[at]))
    return Sight(seen, told, most)


@dataclass
class Memory:
    """Of one object in one direction: what was given, and of what was followed only what is still looked at."""

    planes: int
    """How many planes the stack has."""
    step: int
    """1 or -1."""
    given: dict[int, Kept] = field(default_factory=dict)
    """By plane, in the order of being given."""
    cells: dict[int, Tensor] = field(default_factory=dict)
    """Of the last six planes that were followed."""
    pointers: dict[int, Tensor] = field(default_factory=dict)
    """Of the last fifteen."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        held = sum(kept.nbytes for kept in self.given.values())
        return held + sum(t.numel() * t.element_size() for t in (*self.cells.values(), *self.pointers.values()))

    def give(self, plane: int, kept: Kept) -> None:
        """Remember for good what somebody drew."""
        self.given[plane] = kept
        self.cells.pop(plane, None)
        self.pointers.pop(plane, None)

    def follow(self, plane: int, kept: Kept) -> None:
        """Remember what was found, and forget what the next plane doesn't look at any more."""
        self.cells[plane], self.pointers[plane] = kept.cells, kept.pointer
        following = plane + self.step
        for kept_planes, most in ((self.cells, SLOTS), (self.pointers, POINTERS)):
            for at in [at for at in kept_planes if not 0 < self.step * (following - at) < most]:
                del kept_planes[at]

    def sight(self, plane: int) -> Sight:
        """Return what a plane looks at."""
        return sight(plane, self.step, self.planes, self.given, self.cells, self.pointers)
