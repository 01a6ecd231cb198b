"""What an image file holds, in detail: levels, channels, the values that stand in it. Little is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from samj_bridge.errors import SamjError
from samj_bridge.reading.choosing import Wish, choose_series
from samj_bridge.reading.description import Series, axis_name, range_of
from samj_bridge.reading.image import describe_image, open_plane
from samj_bridge.reading.opened import OpenedImage

__all__ = ["SeriesDetails", "inspect_image"]

_MOST_SERIES = 20
"""As many are opened; of others only the description is told."""
_SAMPLE_PX = 1024
"""Values are those of so many pixels by as many, in the middle of the smallest level that has so many."""


@dataclass
class SeriesDetails:
    """One image of a file."""

    series: Series
    """What its description says."""
    levels: list[tuple[int, int]] = field(default_factory=list)
    """(height, width) of each, finest first; empty: it was not opened."""
    ranges: list[tuple[float, float] | None] = field(default_factory=list)
    """Least and largest value of each channel that was looked at; empty: none was."""
    sampled: str = ""
    """Where these values are from, in words."""
    notes: list[str] = field(default_factory=list)
    """What is odd about it."""

    @property
    def coordinates(self) -> str:
        """Return in words which pixels prompts count in."""
        series = self.series
        return (
            f"pixels of the full resolution: x from 0 to {series.width}, y from 0 to {series.height}, "
            "from the top left corner"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        series = self.series
        size = series.pixel_size
        named = [
            series.channel_names[at] if at < len(series.channel_names) else "" for at in range(series.channels)
        ]
        windows = [series.channel_windows[at] if series.channel_windows else None for at in range(series.channels)]
        ranges = self.ranges or [None] * len(named)
        return {
            "index": series.index,
            "name": series.name,
            "width": series.width,
            "height": series.height,
            "dtype": series.dtype,
            "colour": series.colour,
            "axes": {axis.lower(): count for axis, count in zip(series.axes, series.counts, strict=True)},
            "planes": series.planes,
            "channels": [
                {
                    "index": at,
                    "name": named[at],
                    "shown": list(window) if (window := windows[at]) else None,
                    "values": list(found) if at < len(ranges) and (found := ranges[at]) else None,
                }
                for at in range(series.channels)
            ],
            "values_from": self.sampled or None,
            "pixel_size": size.to_dict() if size else None,
            "levels": [{"width": width, "height": height} for height, width in self.levels],
            "thumbnail": series.thumbnail,
            "coordinates": self.coordinates,
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """Return it in sentences."""
        series = self.series
        found = [series.describe()]
        found.append(f"  pixel {series.pixel_size}" if series.pixel_size else "  pixel size unknown")
        if series.colour:
            found.append("  channels: RGB" + self._value_words(0))
        else:
            for at in range(series.channels):
                name = f" {series.channel_names[at]}" if at < len(series.channel_names) else ""
                shown = series.channel_windows[at] if series.channel_windows else None
                window = f", shown from {shown[0]:g} to {shown[1]:g}" if shown else ""
                found.append(f"  channel {at}{name}{self._value_words(at)}{window}")
        if self.levels:
            given = f" (--level 0 to {len(self.levels) - 1})" if len(self.levels) > 1 else ""
            found.append(f"  levels{given}: " + ", ".join(f"{width} x {height}" for height, width in self.levels))
        ways = [
            f"--{axis.lower()} 0 to {count - 1}" if axis in "ZT" else f"{count} along {axis_name(axis)}"
            for axis, count in zip(series.axes, series.counts, strict=True)
        ]
        if ways:
            found.append(f"  planes: {', '.join(ways)}, or --plane 0 to {series.planes - 1}")
        found.append(f"  prompts count in {self.coordinates}")
        return [*found, *(f"  {note}" for note in self.notes)]

    def _value_words(self, at: int) -> str:
        limits = self.ranges[at] if at < len(self.ranges) else None
        return f", values {limits[0]:g} to {limits[1]:g} ({self.sampled})" if limits else ""


def inspect_image(path: str | Path, series: int | None = None) -> tuple[str, list[SeriesDetails]]:
    """Return who reads a file, and its images in detail.

    Parameters
    ----------
    path : path
        As for `open_pyramid`.
    series : int, optional
        Only this one.

    Raises
    ------
    FileError
        The file can't be read.
    ImageError
        It has no such series.
    """
    path = Path(path)
    description = describe_image(path)
    wanted = description.series if series is None else (choose_series(description, series, path.name),)
    return description.reader, [
        _details(path, item, opened=number < _MOST_SERIES) for number, item in enumerate(wanted)
    ]


def _details(path: Path, series: Series, *, opened: bool) -> SeriesDetails:
    details = SeriesDetails(series)
    if not opened:
        return details
    try:
        with open_plane(path, Wish(series=series.index, plane=0)) as image:
            details.levels = [(level[0], level[1]) for level in image.levels]
            _look_at_values(details, image)
            details.notes += image.notes
    except SamjError as error:
        # Another image of the file may be whole.
        details.notes.append(error.message)
    return details


def _look_at_values(details: SeriesDetails, image: OpenedImage) -> None:
    enough = [number for number, level in enumerate(image.levels) if min(level[:2]) >= _SAMPLE_PX]
    number = enough[-1] if enough else 0
    height, width = image.levels[number][:2]
    high, wide = min(height, _SAMPLE_PX), min(width, _SAMPLE_PX)
    try:
        pixels = image.read(number, (height - high) // 2, (width - wide) // 2, high, wide)
    except SamjError as error:
        details.notes.append(error.message)
        return
    if details.series.colour or pixels.ndim == 2:
        details.ranges = [range_of(pixels)]
    else:
        details.ranges = [range_of(np.asarray(pixels[..., at])) for at in range(pixels.shape[2])]
    part = "" if (high, wide) == (height, width) else f", its middle {wide} x {high}"
    first = "first plane, " if details.series.planes > 1 else ""
    details.sampled = f"{first}level {number}{part}" if number or part or first else "all of it"
