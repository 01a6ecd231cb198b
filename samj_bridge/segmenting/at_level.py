"""``--level``: an image is looked at in a coarser level of its file; people count in full resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import PromptError
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.trace import trace
from samj_bridge.session import Prompt, Wanted
from samj_bridge.session.prompts import continuous_point, message_of

__all__ = ["AtLevel"]


@dataclass(frozen=True)
class AtLevel:
    """The two frames: full resolution, in which people count, and the level that is looked at.

    Examples
    --------
    >>> level = AtLevel((100, 200), (25, 50))
    >>> level.prompt(Prompt(box=(40, 20, 80, 60))).box
    (10.0, 5.0, 20.0, 15.0)
    >>> level.region(Region.from_mask([[1, 1]], origin_xy=(10, 5))).bbox_xyxy
    (40, 20, 48, 24)
    """

    full_hw: tuple[int, int]
    """(Y, X) of the image in full resolution."""
    level_hw: tuple[int, int]
    """(Y, X) of the level."""

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Pixels of the full resolution for one of the level's."""
        return self.full_hw[1] / self.level_hw[1], self.full_hw[0] / self.level_hw[0]

    def prompt(self, prompt: Prompt, index: int = 0) -> Prompt:
        """Return a prompt in the level's pixels.

        Raises
        ------
        PromptError
            It lies outside the image, or its mask is too thin to be seen in the level.
        """
        if self.full_hw == self.level_hw:
            return prompt
        told = message_of(prompt, self.full_hw, index)
        box = None if told.box is None else self._box(told.box)
        mask = Region(self._reduced(told.mask_rings), shape=self.level_hw) if told.mask_rings else None
        if mask is not None and mask.is_empty:
            message = f"The mask of prompt {index} is too small to be seen in this level."
            raise PromptError(message, hint="Choose a finer one with --level, or give a box.", prompt=index)
        points, negative = (
            [continuous_point(*self._point(point)) for point in group] for group in (told.points, told.negative)
        )
        return replace(prompt, box=box, points=points, negative=negative, mask=mask)

    def region(self, region: Region, prompts: Sequence[Prompt] = ()) -> Region:
        """Return a region in full resolution; its prompt is the one of `prompts` that it answers."""
        if self.full_hw == self.level_hw:
            return region
        scale, limit = np.array(self.scale_xy), np.array(self.full_hw[::-1])
        rings = tuple(np.minimum(np.rint(ring * scale), limit).astype(np.int32) for ring in region.rings)
        told = prompts[region.prompt_index].to_dict() if prompts else self._told(region.prompt)
        return replace(region, rings=rings, shape=self.full_hw, prompt=told)

    def reduced(self, region: Region) -> Region:
        """Return a region of the full resolution in the level's pixels; one that came from there as it was."""
        if self.full_hw == self.level_hw:
            return region
        scale = np.array(self.scale_xy)
        rings = tuple(np.rint(ring / scale).astype(np.int32) for ring in region.rings)
        return replace(region, rings=rings, shape=self.level_hw)

    def wanted(self, wanted: Wanted) -> Wanted:
        """Return what is kept of answers, with areas in the level's pixels."""
        across, down = self.scale_xy
        return replace(wanted, min_area=-(-wanted.min_area // max(1, round(across * down))))

    def everything(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of everything mode with their lengths in the level's pixels."""
        found = dict(options)
        if "within" in found:
            found["within"] = self._box(found["within"])
        if "object_px" in found:
            found["object_px"] = found["object_px"] / max(self.scale_xy)
        return found

    def _point(self, xy: Sequence[float]) -> tuple[float, float]:
        across, down = self.scale_xy
        return xy[0] / across, xy[1] / down

    def _box(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        return *self._point(box[:2]), *self._point(box[2:])

    def _reduced(self, flat: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], ...]:
        scale = np.array(self.scale_xy)
        rings = [np.rint(np.array(ring).reshape(-1, 2) / scale).astype(np.int32) for ring in flat]
        corners = np.concatenate(rings)
        (x0, y0), (x1, y1) = corners.min(0).tolist(), corners.max(0).tolist()
        # Rounded outlines may touch themselves: they are drawn, and traced again.
        return tuple(trace(rasterise(rings, (y1 - y0, x1 - x0), (x0, y0)), (x0, y0))) if x1 > x0 and y1 > y0 else ()

    def _told(self, prompt: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return the point that everything mode has asked, in full resolution."""
        if prompt is None:
            return None
        across, down = self.scale_xy
        points = [
            (x + 0.5, y + 0.5) if float(x).is_integer() and float(y).is_integer() else (x, y)
            for x, y in prompt["points"]
        ]
        return {**prompt, "points": [list(continuous_point(x * across, y * down)) for x, y in points]}
