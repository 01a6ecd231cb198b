"""Which plane of a stack is looked at, and what belongs to it: as ImageJ decides what it shows there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from samj_bridge.session.prompts import Prompt

__all__ = ["Place"]

Position = tuple[int, int, int]


@dataclass(frozen=True)
class Place:
    """A plane of a hyperstack, counted from 1.

    Examples
    --------
    >>> slice_2 = Place((1, 2, 1), (1, 3, 1))
    >>> [slice_2.has(Prompt(points=[(5, 5)], stack_index=index)) for index in (0, 1, 2)]
    [True, False, True]
    """

    at: Position
    """(c, z, t); channel 0: several channels at once."""
    counts: Position
    """How many channels, slices and frames there are."""

    @property
    def position(self) -> Position:
        """The position of what is found here, as ImageJ gives it to a ROI; zeros where there is one plane only."""
        (c, z, t), (channels, slices, frames) = self.at, self.counts
        if slices == frames == 1 and (channels == 1 or c == 0):
            return 0, 0, 0
        # A slice alone is the plane of a simple stack; all three are understood in every kind of stack.
        return (0, z, 0) if channels == frames == 1 else (c, z, t)

    def has(self, prompt: Prompt) -> bool:
        """Whether a prompt belongs to this plane: it has its position, or none, or there is no other plane."""
        channels, slices, frames = self.counts
        if channels * slices * frames == 1:
            return True
        known = prompt.stack_index > 0
        c, z, t = self._of_index(prompt.stack_index) if known else self._as_shown(prompt.position)
        return (c in {0, self.at[0]} or self.at[0] == 0) and z in {0, self.at[1]} and t in {0, self.at[2]}

    def words(self) -> str:
        """Return the place in words: ``z 2, t 5``."""
        named = zip(("channel", "z", "t"), self.at, self.counts, strict=True)
        return ", ".join(f"{name} {at}" for name, at, count in named if count > 1 and at)

    def _of_index(self, index: int) -> Position:
        """Return the position of a plane that has a number: channels run fastest, frames slowest."""
        channels, slices, _ = self.counts
        rest, c = divmod(index - 1, channels)
        t, z = divmod(rest, slices)
        return c + 1, z + 1, t + 1

    def _as_shown(self, position: Sequence[int]) -> Position:
        """Return a hyperstack's position as ImageJ takes it: in a simple stack the one of z and t that is not 1."""
        c, z, t = position
        channels, slices, frames = self.counts
        if channels == 1 and 1 in {slices, frames} and c == 1 and 1 in {z, t}:
            return self._of_index(max(z, t, 1))
        return c, z, t
