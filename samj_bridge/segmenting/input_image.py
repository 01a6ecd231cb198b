"""The image that is segmented: a small one read whole, a large one read in place, its results made for its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.export.calibration import Calibration, read_calibration
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.reading import Chosen, Wish, choose_series, describe_image, open_plane, take
from samj_bridge.reading.pyramid import HalvedPyramid, as_pyramid
from samj_bridge.segmenting.at_level import AtLevel

__all__ = ["InputImage", "Overview", "open_input"]

IN_PLACE_PX = 4096 * 4096
"""Planes of more pixels are not read whole."""
_OVERVIEW_PX = 2_000
"""No side of a large image's overlay is longer."""
_AROUND_PX = 200
"""As much is shown around its objects at least."""


_READ_PX = 1 << 23
"""Pixels of the file that are read between two looks at whether to go on."""


@dataclass(frozen=True)
class Overview:
    """Pixels to draw on, and where they are."""

    pixels: NDArray[Any]
    """(Y, X) or (Y, X, C) array."""
    times: int = 0
    """How often the image was halved."""
    origin_xy: tuple[int, int] = (0, 0)
    """Their first pixel, in the halved image."""
    words: str = ""
    """What they show, where that isn't the whole image."""
    at: AtLevel | None = None
    """The level that was looked at, where regions are in full resolution; None: they are in its pixels."""

    def placed(self, regions: Sequence[Region]) -> list[Region]:
        """Return regions as they lie in these pixels: each keeps a pixel at least."""
        if self.at is not None:
            regions = [self.at.reduced(region) for region in regions]
        if not self.times and self.origin_xy == (0, 0):
            return list(regions)
        return [region if region.is_empty else self._placed(region) for region in regions]

    def _placed(self, region: Region) -> Region:
        mask, (x, y) = region.crop()
        rows, columns = np.nonzero(mask)
        small_y = ((rows + y) >> self.times) - self.origin_xy[1]
        small_x = ((columns + x) >> self.times) - self.origin_xy[0]
        top, left = int(small_y.min()), int(small_x.min())
        small = np.zeros((int(small_y.max()) - top + 1, int(small_x.max()) - left + 1), bool)
        small[small_y - top, small_x - left] = True
        return Region.from_mask(small, origin_xy=(left, top))


@dataclass(frozen=True)
class InputImage:
    """One plane, and what is told of it."""

    image: Any
    """What a session is given: an array, or an `OpenedImage`."""
    chosen: Chosen
    """Which plane it is."""
    words: str
    """What was taken, in one line."""
    data: dict[str, Any]
    """The same as data."""
    calibration: Calibration | None
    """Its scale in full resolution; None: the file says nothing."""

    @property
    def at(self) -> AtLevel:
        """The level that is looked at, and the full resolution."""
        series = self.chosen.series
        return AtLevel((series.height, series.width), (self.image.shape[0], self.image.shape[1]))

    @property
    def in_place(self) -> bool:
        """Whether its pixels are not in memory."""
        return not isinstance(self.image, np.ndarray)

    @property
    def same_everywhere(self) -> bool:
        """Whether all pixels are equal; of an image that is not in memory nobody knows."""
        return not self.in_place and bool((self.image == self.image.ravel()[0]).all())

    def overview(
        self, regions: Sequence[Region], progress: Progress = ignore_progress, cancel: CancelToken | None = None
    ) -> Overview:
        """Return what an overlay is drawn on: of an image that is read in place, the part that has the regions.

        Regions are those that were found, in the level's pixels; the overview takes them in full resolution.
        A level that the file does not have is made of a finer one, piece by piece: that is told and can be stopped.
        """
        if not self.in_place:
            return Overview(self.image, at=self.at)
        image: HalvedPyramid = as_pyramid(self.image)
        x0, y0, x1, y1 = _part_of(image.shape[:2], [region.bbox_xyxy for region in regions if not region.is_empty])
        times = next(n for n in range(len(image.levels)) if max(x1 - x0, y1 - y0) >> n <= _OVERVIEW_PX)
        high, wide = image.levels[times][:2]
        left, top = x0 >> times, y0 >> times
        right, bottom = min(-(-x1 >> times), wide), min(-(-y1 >> times), high)
        pixels = np.empty((bottom - top, right - left, *image.shape[2:]), image.dtype)
        # As much of the file at a time as is soon read.
        rows = max(1, _READ_PX // ((right - left) * image.cost(times)))
        for first in range(0, bottom - top, rows):
            if cancel is not None:
                cancel.check()
            notify(progress, ProgressEvent("save", "Reading for the overlay", first / (bottom - top), 1.0))
            deep = min(rows, bottom - top - first)
            pixels[first : first + deep] = image.read(times, top + first, left, deep, right - left)
        scale = f", reduced {1 << times} times" if times else ""
        words = f"The overlay shows the part from ({x0}, {y0}) to ({x1}, {y1}){scale}."
        return Overview(pixels, times, (left, top), words, self.at)


@contextmanager
def open_input(path: Path, wish: Wish) -> Iterator[InputImage]:
    """Open the plane of a file that is to be segmented.

    Raises
    ------
    FileError, ImageError
        As `samj_bridge.reading.read_image` has them.
    """
    if _pixels_of(path, wish) <= IN_PLACE_PX:
        taken = take(path, wish)
        yield InputImage(taken.pixels, taken, taken.describe(), taken.to_dict(), _calibration(path, taken))
        return
    with open_plane(path, wish) as opened:
        data = {**opened.to_dict(), "range": None}
        yield InputImage(opened, opened.chosen, opened.describe(), data, _calibration(path, opened.chosen))


def _pixels_of(path: Path, wish: Wish) -> int:
    """Return how many pixels the plane has, at the level that is to be looked at."""
    if wish.level:
        with open_plane(path, wish) as opened:
            return opened.shape[0] * opened.shape[1]
    series = choose_series(describe_image(path), wish.series, path.name)
    return series.width * series.height


def _part_of(shape: tuple[int, ...], boxes: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    """Return the part of a large image that has these boxes and what is around them; without any its middle."""
    height, width = shape
    if not boxes:
        x, y, around = width // 2, height // 2, _OVERVIEW_PX // 2
        return max(0, x - around), max(0, y - around), min(width, x + around), min(height, y + around)
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[2] for box in boxes), max(box[3] for box in boxes)
    around = max(_AROUND_PX, max(x1 - x0, y1 - y0) // 8)
    return max(0, x0 - around), max(0, y0 - around), min(width, x1 + around), min(height, y1 + around)


def _calibration(path: Path, chosen: Chosen) -> Calibration | None:
    """Return what ImageJ's and OME's own words say, slices and origin included; else the pixel size alone."""
    size = chosen.series.pixel_size
    told = read_calibration(path) if path.is_file() and chosen.series.index == 0 else None
    if told is None and size is not None:
        return Calibration(size.x, size.y, size.unit)
    return told
