"""Objects through a stack as a table: one line for each object on each plane."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from samj_bridge.export.calibration import Calibration
from samj_bridge.export.output import replacing
from samj_bridge.geometry.region import Region

__all__ = ["COLUMNS", "Tracked", "write_tracks"]

COLUMNS = (
    "object",
    "name",
    "plane",
    "state",
    "area_px",
    "x",
    "y",
    "score",
    "iou",
    "area",
    "unit",
    "note",
)
"""What a line says. Planes count from 1, as in ImageJ. x and y are the centroid, in pixels. The area is also in
the unit squared, where the image has a scale."""


class Tracked(Protocol):
    """An object on a plane, as `Stack.propagate` gives it."""

    @property
    def plane(self) -> int:
        """From 0."""

    @property
    def region(self) -> Region:
        """Where it is."""

    @property
    def object(self) -> int:
        """Its number."""

    @property
    def state(self) -> str:
        """``prompted``, ``followed``, ``corrected``, ``lost`` or ``reappeared``."""

    @property
    def iou(self) -> float | None:
        """Overlap with the plane that it comes from."""

    @property
    def note(self) -> str:
        """Why it is lost or doubtful."""


def write_tracks(path: str | Path, steps: Iterable[Tracked], calibration: Calibration | None = None) -> Path:
    """Write what was found through a stack as CSV, by object and plane.

    Parameters
    ----------
    path : path
        File ending with ``.csv``; replaced if it is there, whole or not at all.
    steps : iterable
        What `Stack.propagate` yields, or its ``tracks``.
    calibration : Calibration, optional
        Scale of the image.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileError, NoSpaceError
        The file can't be written.
    """
    scale = calibration if calibration and calibration.unit else None
    with replacing(path, ".csv") as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for step in sorted(steps, key=lambda step: (step.object, step.plane)):
            region = step.region
            x, y = ("", "") if region.is_empty else (f"{value:.3f}" for value in region.centroid_xy)
            pixel = 0.0 if scale is None else scale.width * scale.height
            scaled = ("", "") if scale is None else (f"{region.area * pixel:.6g}", scale.unit)
            writer.writerow(
                [
                    step.object,
                    region.name,
                    step.plane + 1,
                    step.state,
                    region.area,
                    x,
                    y,
                    _digits(region.score),
                    _digits(step.iou),
                    *scaled,
                    step.note,
                ]
            )
    return Path(path)


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
