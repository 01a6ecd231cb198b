"""What was left out of a file of ROIs, and in which words it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from samj_bridge.geometry.region import Region

__all__ = ["Rois", "Skipped", "SkippedRois", "in_words"]

_NAMED = 5


@dataclass(frozen=True)
class Skipped:
    """One ROI that was left out."""

    name: str
    """Its name."""
    reason: str
    """Why, to go after its name: ``is a line, which has no area``."""

    def __str__(self) -> str:
        return f"{self.name or 'a ROI without a name'!r} {self.reason}"


class SkippedRois(UserWarning):
    """Some ROIs of a file were left out."""


class Rois(list[Region]):
    """The regions of a ROI file."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped: list[Skipped] = []
        """What is in the file and not in the list."""


def in_words(skipped: Sequence[Skipped]) -> str:
    """Return a few of the ROIs that were left out, and how many more there are."""
    told = "; ".join(str(one) for one in skipped[:_NAMED])
    return f"{told}; and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else told
