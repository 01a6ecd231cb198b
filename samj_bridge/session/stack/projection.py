"""Following by projection: where an object was on the plane before becomes the prompt on this one; any model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from samj_bridge.errors import InputError
from samj_bridge.geometry.innermost import innermost
from samj_bridge.geometry.region import Region
from samj_bridge.session.prompts import Prompt
from samj_bridge.session.scene import Scene
from samj_bridge.session.stack.plan import Walk
from samj_bridge.session.stack.track import Track, moved

__all__ = ["BY_AXIS", "PARTS", "Projection", "ProjectionEngine", "project"]

PARTS = ("box", "mask", "point")
"""What of a region becomes the prompt."""

BY_AXIS = {"z": ("mask", "point"), "t": ("box",)}
"""What of a region becomes the prompt where nobody says it: in time an object moves and turns, from slice to slice
it grows and shrinks in place (``python -m benchmarks.propagation`` compares them)."""

_GROWN = 0.05
"""How much a box is grown on each side, as a part of its own."""


@dataclass(frozen=True)
class Projection:
    """How a region becomes a prompt.

    Raises
    ------
    InputError
        There is no such part, or the box would shrink.
    """

    parts: tuple[str, ...] = BY_AXIS["z"]
    """Of `PARTS`: the box of the region, grown a little; the region itself; its innermost point."""
    grown: float = _GROWN
    """How much the box is grown on each side, as a part of its own side."""

    def __post_init__(self) -> None:
        wrong = [part for part in self.parts if part not in PARTS]
        if wrong or not self.parts:
            message = f"The parts {self.parts!r:.60} can't become a prompt."
            raise InputError(message, hint=f"Give one or more of {', '.join(PARTS)}.")
        if not 0 <= self.grown <= 1:
            message = f"grown is {self.grown!r:.40}."
            raise InputError(message, hint="Give a part of the box's side, from 0 to 1, for example 0.05.")

    def for_model(self, taken: Sequence[str]) -> Projection:
        """Return the same without what a model does not take; its box is what every model takes."""
        parts = tuple(part for part in self.parts if part != "point" or "points" in taken)
        return Projection(parts or ("box",), self.grown)


def project(region: Region, shape: tuple[int, int], how: Projection) -> Prompt:
    """Return the prompt that a region, which is not empty, becomes.

    Examples
    --------
    >>> square = Region.from_mask([[0, 1, 1, 0], [0, 1, 1, 0]])
    >>> project(square, (2, 4), Projection(("box", "point"), 0.25)).box
    (0.5, 0.0, 3.5, 2.0)
    """
    parts: dict[str, Any] = {}
    if "box" in how.parts:
        x0, y0, x1, y1 = region.bbox_xyxy
        dx, dy = how.grown * (x1 - x0), how.grown * (y1 - y0)
        height, width = shape
        parts["box"] = max(0.0, x0 - dx), max(0.0, y0 - dy), min(width, x1 + dx), min(height, y1 + dy)
    if "mask" in how.parts:
        parts["mask"] = region
    if "point" in how.parts:
        crop, (x, y) = region.crop()
        px, py = innermost(crop)
        parts["points"] = [(x + px, y + py)]
    return Prompt(**parts)


class ProjectionEngine:
    """Asks a model with projected prompts.

    Parameters
    ----------
    scene_of : callable
        Returns the scene of a plane, encoded now if it was not.
    shape : (int, int)
        (Y, X) of the planes.
    how : Projection
        What of a region becomes the prompt.
    """

    together = 1 << 30
    """Nothing is kept of an object but its region."""
    stops = True
    """Whether what the rules call lost is lost; the network can't say it."""

    def __init__(self, scene_of: Callable[[int], Scene], shape: tuple[int, int], how: Projection) -> None:
        self._scene_of, self._shape, self._how = scene_of, shape, how

    def answer(self, plane: int, prompts: Sequence[Prompt]) -> list[Region]:
        """Answer what the user drew on a plane."""
        return self._scene_of(plane).segment(prompts)

    def given(self, plane: int, walks: Sequence[tuple[Walk, Prompt | Region]]) -> None:
        """Nothing is noted: the track has the region."""

    def finish(self, walks: Sequence[Walk]) -> None:
        """Nothing was noted."""

    def close(self) -> None:
        """Nothing was noted."""

    def follow(self, plane: int, tracks: Sequence[Track]) -> list[Region]:
        """Find objects on a plane."""
        there = [moved(track.good, track.expected(plane), self._shape) for track in tracks]
        asked = [project(region, self._shape, self._how) for region in there if not region.is_empty]
        # One that has moved out of the image is not asked for.
        found = iter(self._scene_of(plane).segment(asked) if asked else ())
        return [region if region.is_empty else next(found) for region in there]
