"""Memories by name: those used least recently go when they take too much together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from samj_bridge.worker.families.base import RememberingModel

__all__ = ["Memories", "Remembered"]


@dataclass
class Remembered:
    """What a network remembers of one object in one direction."""

    model: RememberingModel
    """The network."""
    planes: int
    """How many planes the stack has."""
    step: int
    """1 or -1."""
    memory: Any
    """The network's own."""
    begun: bool = False
    """Whether anything was given: before that there is nothing to follow."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return int(self.memory.nbytes)


class Memories:
    """What a worker remembers.

    Parameters
    ----------
    budget : int
        Bytes. A client whose memory went builds it up again.
    """

    def __init__(self, budget: int = 1 << 30) -> None:
        self.budget = budget
        self._held: OrderedDict[str, Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes of all of them."""
        return sum(item.nbytes for item in self._held.values())

    def find(self, name: str) -> Remembered | None:
        """Return what has a name; it is now the most recently used."""
        found = self._held.get(name)
        if found is not None:
            self._held.move_to_end(name)
        return found

    def begin(self, name: str, model: RememberingModel, planes: int, step: int) -> Remembered:
        """Return an empty memory of that name."""
        self._held[name] = made = Remembered(model, planes, step, model.remember(planes, step))
        return made

    def fit(self, used: Iterable[str]) -> None:
        """Let others go until the budget holds; never those that are in use."""
        safe, held = set(used), self.nbytes
        for name in [name for name in self._held if name not in safe]:
            if held <= self.budget:
                return
            held -= self._held.pop(name).nbytes

    def remove(self, names: Iterable[str]) -> int:
        """Forget memories; returns how many of them there were."""
        return sum(self._held.pop(name, None) is not None for name in names)
