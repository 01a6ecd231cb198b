"""What a file holds, and what was taken of it: facts that can be told before any pixel is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chosen", "Description", "PixelSize", "Series", "Taken", "axis_name", "range_of"]


@dataclass(frozen=True)
class PixelSize:
    """Extent of a pixel, as ImageJ would show it."""

    x: float
    """Width."""
    y: float
    """Height."""
    unit: str
    """ImageJ's word for it: ``um``, ``mm``, ``inch``, ..."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"x": self.x, "y": self.y, "unit": self.unit}

    def __str__(self) -> str:
        unit = "µm" if self.unit in {"um", "micron", "\\u00B5m"} else self.unit
        if abs(self.x - self.y) <= 1e-6 * abs(self.x):
            return f"{self.x:.5g} {unit}"
        return f"{self.x:.5g} x {self.y:.5g} {unit}"


@dataclass(frozen=True)
class Series:
    """One image of a file: planes of the same size and type."""

    index: int
    """What ``--series`` calls it."""
    name: str
    """Name in the file; may be empty."""
    width: int
    """Pixels in a row."""
    height: int
    """Rows."""
    dtype: str
    """Type of its numbers, as numpy calls it."""
    axes: str
    """Letters of the axes beside Y, X and the channels, slowest first: ``TZ``; ``I`` are mere pages."""
    counts: tuple[int, ...]
    """How many there are along each of them."""
    channels: int = 1
    """Channels; 1 for RGB, whose samples are no channels."""
    colour: bool = False
    """Whether a plane is RGB."""
    channel_names: tuple[str, ...] = ()
    """Names of the channels, where the file has them."""
    pixel_size: PixelSize | None = None
    """None: the file does not say."""
    channel_windows: tuple[tuple[float, float] | None, ...] = ()
    """What is shown as black and white of each channel, where the file says so."""
    thumbnail: bool = False
    """Whether the file calls it a reduced copy or a mask of another."""

    @property
    def planes(self) -> int:
        """Planes, all channels of a place counted as one."""
        return math.prod(self.counts)

    def describe(self) -> str:
        """Return it in a few words: ``series 1 'scene 1', 512 x 512, uint16, 3 channels, 4 slices (Z)``."""
        words = [f"series {self.index}" + (f" {self.name!r}" if self.name else "")]
        words += [f"{self.width} x {self.height}", "RGB" if self.colour else self.dtype]
        if self.channels > 1:
            words.append(f"{self.channels} channels")
        words += [
            f"{count} {axis_name(axis)}" for axis, count in zip(self.axes, self.counts, strict=True) if count > 1
        ]
        if self.thumbnail:
            words.append("a thumbnail or mask")
        return ", ".join(words)


@dataclass(frozen=True)
class Description:
    """What a file holds."""

    reader: str
    """Who reads it, and as what: ``TIFF (ImageJ)``."""
    series: tuple[Series, ...]
    """Its images."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """One plane of a file, and where it is."""

    channels: int | tuple[int, ...] | str | None
    """What ``Session.encode`` is told of its channels."""
    reader: str
    """Who reads it, and as what."""
    series: Series
    """The image that it is a plane of."""
    several: bool
    """Whether the file holds other images too."""
    place: dict[str, int]
    """Where along the axes, from 0: ``{"Z": 3, "T": 0}``."""
    taken_channels: tuple[int, ...]
    """Which channels, from 0; empty for RGB and for images with one channel."""
    level: int = 0
    """Which level of the file, from 0, the full resolution."""

    @property
    def plane(self) -> int:
        """The plane's number, as ``--plane`` counts."""
        number = 0
        for axis, count in zip(self.series.axes, self.series.counts, strict=True):
            number = number * count + self.place[axis]
        return number

    def words(self, shape: Sequence[int], kind: str) -> list[str]:
        """Return what was chosen, piece by piece.

        Parameters
        ----------
        shape : sequence of int
            Of its pixels.
        kind : str
            Their type, and perhaps their range.
        """
        series = self.series
        words = [self.reader]
        if self.several:
            words.append(f"series {series.index}" + (f" {series.name!r}" if series.name else ""))
        words += [
            f"{axis_name(axis, one=True)} {self.place[axis]} of {count}"
            for axis, count in zip(series.axes, series.counts, strict=True)
            if count > 1
        ]
        words.append(self._channel_words(is_rgb=self.is_rgb(shape)))
        size = f"{series.width} x {series.height}"
        words += [f"level {self.level}, {shape[1]} x {shape[0]} of {size}" if self.level else size, kind]
        words.append(f"pixel {series.pixel_size}" if series.pixel_size else "pixel size unknown")
        return words

    def as_data(self, shape: Sequence[int], dtype: str) -> dict[str, Any]:
        """Return what was chosen as plain data; parameters as for `words`."""
        series = self.series
        size = series.pixel_size
        return {
            "reader": self.reader,
            "series": series.index,
            "series_name": series.name,
            "plane": self.plane,
            "level": self.level,
            "place": {axis.lower(): at for axis, at in self.place.items()},
            "channels": "rgb" if self.is_rgb(shape) else list(self.taken_channels) or [0],
            "channel_names": [self._channel_name(at) for at in self.taken_channels],
            "dtype": dtype,
            "width": series.width,
            "height": series.height,
            "pixel_size": size.to_dict() if size else None,
        }

    def is_rgb(self, shape: Sequence[int]) -> bool:
        """Return whether pixels of a shape are RGB, by the file or by a table of colours."""
        return self.series.colour or (len(shape) == 3 and len(self.taken_channels) <= 1)

    def _channel_name(self, at: int) -> str:
        names = self.series.channel_names
        return names[at] if at < len(names) else ""

    def _channel_words(self, *, is_rgb: bool) -> str:
        series = self.series
        if is_rgb:
            return "RGB"
        if series.channels == 1:
            return "one channel"
        named = ((at, self._channel_name(at)) for at in self.taken_channels)
        names = [f"{at} ({name})" if name else f"{at}" for at, name in named]
        which = f"channel {names[0]}" if len(names) == 1 else f"channels {', '.join(names)}"
        merged = " merged" if self.channels == "merge" and len(names) > 1 else ""
        return f"{which} of {series.channels}{merged}"


@dataclass(frozen=True, kw_only=True)
class Taken(Chosen):
    """One plane of a file as an array, and where it was."""

    pixels: NDArray[Any]
    """(Y, X) or (Y, X, C) array as ImageJ shows it: tables of colours applied, inverted where ImageJ inverts."""
    notes: tuple[str, ...] = field(default=())
    """What was left out or turned round on the way."""

    @property
    def rgb(self) -> bool:
        """Whether the pixels are RGB, by the file or by a table of colours."""
        return self.is_rgb(self.pixels.shape)

    @property
    def range(self) -> tuple[float, float] | None:
        """Least and largest finite value; None where there is none."""
        return range_of(self.pixels)

    def describe(self) -> str:
        """Return what was taken in one line."""
        kind = f"{self.pixels.dtype}{_range_words(self.range)}"
        return ", ".join([*self.words(self.pixels.shape, kind), *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data."""
        limits = self.range
        told = self.as_data(self.pixels.shape, str(self.pixels.dtype))
        return {**told, "range": list(limits) if limits else None, "notes": list(self.notes)}


def range_of(pixels: NDArray[Any]) -> tuple[float, float] | None:
    """Return least and largest finite value of an array; None where there is none."""
    low, high = pixels.min(), pixels.max()
    if pixels.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
        finite = pixels[np.isfinite(pixels)]
        if not finite.size:
            return None
        low, high = finite.min(), finite.max()
    return float(low), float(high)


def axis_name(axis: str, *, one: bool = False) -> str:
    """Return a word for an axis's letter."""
    word = {"Z": "slices (Z)", "T": "frames (T)", "I": "planes", "Q": "planes", "C": "channels"}.get(axis)
    if word is None:
        return f"along {axis}" if not one else axis
    if one:
        return {"Z": "z", "T": "t", "C": "channel"}.get(axis, "plane")
    return word


def _range_words(limits: tuple[float, float] | None) -> str:
    return f" {limits[0]:.6g} to {limits[1]:.6g}" if limits else " without a finite value"
