"""How many points were asked, and what became of the masks: the words when nothing is left."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["Tally"]


@dataclass
class Tally:
    """Counts of one run of everything mode."""

    points: int = 0
    """Points that the network was asked with."""
    skipped: int = 0
    """Points of the grid that lay inside an object found before, or where nothing finer was to be expected."""
    seeds: int = 0
    """Objects that a decoder saw, before small ones went."""
    masks: int = 0
    """Masks that the network proposed for them."""
    low_score: int = 0
    """Masks dropped for their predicted IoU."""
    unstable: int = 0
    """Masks dropped for their stability."""
    cut: int = 0
    """Masks dropped because the edge of a crop cuts them."""
    overlapping: int = 0
    """Masks dropped because a better one has their place."""
    large: int = 0
    """Masks dropped because they are most of the image."""
    small: int = 0
    """Masks dropped for their few pixels, or because they have none."""

    def to_wire(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)
