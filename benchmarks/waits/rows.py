"""One line of what is measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """Ours beside theirs: the earlier build's, or stock code's."""

    name: str
    ours: float
    theirs: float
    unit: str
    target: float
    """What the ratio of ours to theirs may be at most; with `least`, what it has to be."""
    note: str = ""
    least: bool = False
    """Whether more is better."""

    @property
    def ratio(self) -> float:
        """How many times theirs ours is."""
        return self.ours / self.theirs

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ratio >= self.target if self.least else self.ratio <= self.target

    def __str__(self) -> str:
        mark, kind = "met   " if self.met else "MISSED", "least" if self.least else "most"
        figures = f"{self.ours:.4g} against {self.theirs:.4g} {self.unit}"
        return (
            f"{mark} {self.ratio:6.2f} x (at {kind} {self.target:g})  {self.name}: {figures}. {self.note}".rstrip()
        )
