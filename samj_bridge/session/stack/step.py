"""One object on one plane: what propagation yields."""

from __future__ import annotations

from typing import NamedTuple

from samj_bridge.geometry.region import Region

__all__ = ["CORRECTED", "FOLLOWED", "LOST", "PROMPTED", "REAPPEARED", "Step"]

PROMPTED, FOLLOWED, CORRECTED, LOST, REAPPEARED = "prompted", "followed", "corrected", "lost", "reappeared"
"""States of a step."""


class Step(NamedTuple):
    """One object on one plane of a stack."""

    plane: int
    """From 0."""
    region: Region
    """Where it is, with its score, name and position; empty where it is lost."""
    object: int
    """Its identity, the same on all planes."""
    state: str
    """``prompted``: the user said so; ``followed``; ``corrected``: the user said so where it had been followed;
    ``lost``; ``reappeared``: found again after it was lost."""
    iou: float | None = None
    """Overlap with the plane it comes from, moved as it was expected to move; None where it was given."""
    note: str = ""
    """Why it is lost or doubtful, in words."""

    @property
    def doubt(self) -> float:
        """How doubtful it is, 0 to 1: what a *Next doubtful* button goes by."""
        if self.state in (PROMPTED, CORRECTED):
            return 0.0
        if self.state == LOST:
            return 1.0
        sure = [value for value in (self.region.score, self.iou) if value is not None]
        # Something is wrong about what has a note, however sure the network is.
        return max(1 - min(sure, default=0.0), 0.5 if self.note else 0.0)
