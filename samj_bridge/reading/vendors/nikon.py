"""Nikon's ND2, by nd2: positions are series, one frame is read at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.reading.description import Description, PixelSize, Series
from samj_bridge.reading.memory import check_fits
from samj_bridge.reading.opened import PlaneSource
from samj_bridge.reading.vendors.extras import need
from samj_bridge.reading.vendors.frames import FramePlane

__all__ = ["Nd2Source", "open_nd2"]


@contextmanager
def open_nd2(path: Path) -> Iterator[Nd2Source]:
    """Open an ND2; whatever nd2 raises comes through."""
    with need("nd2", path, "a Nikon image (ND2)").ND2File(str(path)) as file:
        yield Nd2Source(path, file)


class Nd2Source(PlaneSource):
    """An open ND2."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file
        self._lock = threading.Lock()
        self._sizes = {str(axis): int(count) for axis, count in file.sizes.items()}
        positions = self._sizes.get("P", 1)
        self.description = Description("ND2", tuple(self._describe(index) for index in range(positions)))

    def files(self) -> list[Path]:
        """Return the file."""
        return [self.path]

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> FramePlane:
        """Return a plane; see `Source.plane`."""
        loops = [axis for axis in self._sizes if axis not in "YXCS"]
        at = {**place, "P": series.index}
        number = 0
        for axis in loops:
            number = number * self._sizes[axis] + at.get(axis, 0)

        def read() -> NDArray[Any]:
            samples = 3 if series.colour else series.channels
            size = series.width * series.height * samples * np.dtype(series.dtype).itemsize
            check_fits(2 * size, f"{self.path.name}, {series.describe()},")
            with self._lock:
                frame = np.asarray(self._file.read_frame(number))
            if series.colour:
                # (Y, X, samples); nd2 puts them last, and red first.
                return frame[..., list(channels)] if channels else frame
            frame = frame.reshape(series.channels, series.height, series.width)
            planes = frame[list(channels)] if channels else frame
            return planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)

        return FramePlane((series.height, series.width), read)

    def _describe(self, index: int) -> Series:
        sizes, file = self._sizes, self._file
        colour = sizes.get("S", 1) == 3 and file.dtype == np.uint8
        outer = [axis for axis in sizes if axis not in "YXCSP" and sizes[axis] > 1]
        channels = 1 if colour else sizes.get("C", 1) * sizes.get("S", 1)
        found = getattr(file.metadata, "channels", None) or []
        names = tuple(str(item.channel.name) for item in found)
        size = file.voxel_size()
        return Series(
            index=index,
            name=f"position {index}" if sizes.get("P", 1) > 1 else "",
            width=sizes["X"],
            height=sizes["Y"],
            dtype=str(file.dtype),
            axes="".join(outer),
            counts=tuple(sizes[axis] for axis in outer),
            channels=channels,
            colour=colour,
            channel_names=names if len(names) == channels and any(names) and not colour else (),
            pixel_size=PixelSize(size.x, size.y, "um") if size.x > 0 and size.y > 0 else None,
        )
