"""Leica's LIF, LOF, XLIF and XLEF, by liffile: its images are series, one frame is read at a time."""

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
from samj_bridge.reading.memory import check_fits
from samj_bridge.reading.opened import PlaneSource
from samj_bridge.reading.vendors.extras import need
from samj_bridge.reading.vendors.frames import FramePlane

__all__ = ["LifSource", "open_lif"]


@contextmanager
def open_lif(path: Path) -> Iterator[LifSource]:
    """Open a Leica file; whatever liffile raises comes through."""
    with need("liffile", path, "a Leica image (LIF)").LifFile(str(path)) as file:
        yield LifSource(path, file)


class LifSource(PlaneSource):
    """An open Leica file."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._images = [image for image in file.images if not image.is_flim and {"X", "Y"} <= set(image.dims)]
        if not self._images:
            message = f"{path.name} holds no image that is a plane or a stack."
            raise FileError(message, code="no-image-inside", hint="Open it in Fiji, whose Bio-Formats reads more.")
        described = tuple(_describe(index, image) for index, image in enumerate(self._images))
        self.description = Description("LIF", described)

    def files(self) -> list[Path]:
        """Return the file."""
        return [self.path]

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> FramePlane:
        """Return a plane; see `Source.plane`."""
        image = self._images[series.index]
        wanted = channels or tuple(range(series.channels))

        def read() -> NDArray[Any]:
            each = series.width * series.height * np.dtype(series.dtype).itemsize
            check_fits(2 * each * (3 if series.colour else len(wanted)), f"{self.path.name}, {series.describe()},")
            with self._lock:
                if series.colour or series.channels == 1 or "C" not in image.dims:
                    pixels = self._frame(image, place)
                    return pixels[..., list(channels)] if channels and pixels.ndim == 3 else pixels
                planes = [self._frame(image, {**place, "C": channel}) for channel in wanted]
            return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)

        return FramePlane((series.height, series.width), read)

    def _frame(self, image: Any, place: dict[str, int]) -> NDArray[Any]:
        block = image.memory_block
        if block.offset >= 0 and not block.frames and block.offset + block.size > self.path.stat().st_size:
            raise ValueError("its pixels lie beyond the end of the file, which was cut off")
        pixels = np.asarray(image.frame(**place))
        letters = image.frames.frame_dims
        order = [letters.index(axis) for axis in ("Y", "X", "S") if axis in letters]
        return np.transpose(pixels, order)


def _describe(index: int, image: Any) -> Series:
    sizes = dict(image.sizes)
    colour = sizes.get("S", 1) == 3 and image.dtype == np.uint8
    outer = [axis for axis in image.dims if axis not in "YXCS" and sizes[axis] > 1]
    names = _channel_names(image)
    channels = 1 if colour else int(sizes.get("C", 1))
    return Series(
        index=index,
        name=str(image.name),
        width=int(sizes["X"]),
        height=int(sizes["Y"]),
        dtype=str(image.dtype.newbyteorder("=")),
        axes="".join(outer),
        counts=tuple(int(sizes[axis]) for axis in outer),
        channels=channels,
        colour=colour,
        channel_names=names if len(names) == channels and any(names) else (),
        pixel_size=_pixel_size(image),
    )


def _channel_names(image: Any) -> tuple[str, ...]:
    found = image.xml_element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    return tuple(str(item.get("LUTName", "")) for item in found)


def _pixel_size(image: Any) -> PixelSize | None:
    """Return it by the places of its first two pixels, which are in metres."""
    sizes = []
    for axis in "XY":
        places = np.asarray(image.coords.get(axis, ()), float)
        sizes.append(abs(float(places[1] - places[0])) * 1e6 if len(places) > 1 else 0.0)
    return PixelSize(sizes[0], sizes[1], "um") if all(0 < size < 1e6 for size in sizes) else None
