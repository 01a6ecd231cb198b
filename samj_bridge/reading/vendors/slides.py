"""Slides that nothing else reads: MRXS, VMS, DICOM. openslide decodes them as RGB of 8 bits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError
from samj_bridge.reading.description import Description, PixelSize, Series
from samj_bridge.reading.levels import fitting_levels
from samj_bridge.reading.opened import PlaneSource
from samj_bridge.reading.vendors.extras import need

__all__ = ["SlideSource", "open_slide"]

_NAMES = {
    ".mrxs": "a 3DHISTECH slide (MRXS)",
    ".vms": "a Hamamatsu slide (VMS)",
    ".vmu": "a Hamamatsu slide (VMU)",
}


@contextmanager
def open_slide(path: Path) -> Iterator[SlideSource]:
    """Open a slide; whatever openslide raises comes through."""
    name = _NAMES.get(path.suffix.lower(), "a DICOM image")
    openslide = need("openslide", path, name if name != "a DICOM image" else "a DICOM image (perhaps a slide)")
    kind = openslide.OpenSlide.detect_format(str(path))
    if kind is None:
        message = f"{path.name} is {name}, but no slide that openslide reads."
        hint = "Open it in ImageJ and save it as TIFF." if "DICOM" in name else "Are its other files beside it?"
        raise FileError(message, code="unread-format", hint=hint, path=str(path))
    with openslide.OpenSlide(str(path)) as slide:
        yield SlideSource(path, slide, kind)


class SlideSource(PlaneSource):
    """An open slide."""

    def __init__(self, path: Path, slide: Any, kind: str) -> None:
        self.path, self._slide = path, slide
        width, height = slide.dimensions
        series = Series(
            index=0,
            name="",
            width=int(width),
            height=int(height),
            dtype="uint8",
            axes="",
            counts=(),
            colour=True,
            pixel_size=_pixel_size(slide.properties),
        )
        self.description = Description(f"openslide ({kind})", (series,))

    def files(self) -> list[Path]:
        """Return the file, and the folder of its parts where it has one."""
        return [self.path]

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> _SlidePlane:
        """Return the slide; there is one plane."""
        assert series.index == 0
        assert not place
        return _SlidePlane(self._slide, channels)


class _SlidePlane:
    """A slide's levels."""

    def __init__(self, slide: Any, channels: tuple[int, ...]) -> None:
        self._slide, self._channels = slide, channels
        sizes = [(int(height), int(width)) for width, height in slide.level_dimensions]
        kept, self.notes = fitting_levels(sizes[0], [(size, at) for at, size in enumerate(sizes) if at])
        self._numbers = [0, *kept]
        self.levels = [sizes[number] for number in self._numbers]
        colour = str(slide.properties.get("openslide.background-color", "ffffff"))
        self._background = np.array([int(colour[at : at + 2], 16) for at in (0, 2, 4)], np.uint8)
        # openslide may be asked from several threads, but an error of one ends all that are under way.
        self._lock = threading.Lock()

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level; where the slide was not scanned, the colour of its background."""
        number = self._numbers[level]
        (full_h, full_w), (high, wide) = self.levels[0], self.levels[level]
        # Places are those of the finest level, whatever the level.
        place = (round(x0 * full_w / wide), round(y0 * full_h / high))
        with self._lock:
            rgba = np.asarray(self._slide.read_region(place, number, (width, height)))
        pixels = np.where(rgba[..., 3:] == 0, self._background, rgba[..., :3])
        if self._channels:
            return pixels[..., self._channels[0]] if len(self._channels) == 1 else pixels[..., list(self._channels)]
        return np.ascontiguousarray(pixels)


def _pixel_size(properties: Any) -> PixelSize | None:
    try:
        x, y = (float(properties[f"openslide.mpp-{axis}"]) for axis in "xy")
    except (KeyError, ValueError):
        return None
    return PixelSize(x, y, "um") if x > 0 and y > 0 else None
