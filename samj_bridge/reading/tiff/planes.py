"""One plane of a TIFF with its levels, read region by region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.reading.levels import fitting_levels
from samj_bridge.reading.tiff.regions import PageRegions
from samj_bridge.reading.tiff.shown import NotShown

__all__ = ["TiffPlane"]

Show = Callable[[NDArray[Any], Any], tuple[NDArray[Any], list[str]]]


class TiffPlane:
    """A plane's page, or one for each channel, and the pages of its levels.

    Parameters
    ----------
    pages : sequence of sequences of PageRegions
        For each channel that is a page, its levels in any order but for the first, which is the plane itself.
    show : callable
        Numbers and their page to what ImageJ shows, and what was done for it.
    picked : tuple of int
        Which of a page's own samples are wanted; empty: all.
    """

    def __init__(self, pages: Sequence[Sequence[PageRegions]], show: Show, picked: tuple[int, ...]) -> None:
        self._show, self._picked = show, picked
        first = pages[0][0]
        full = (first.height, first.width)
        kept, self.notes = fitting_levels(
            full, [(_size(page), number) for number, page in enumerate(pages[0]) if number]
        )
        kept = [number for number in kept if all(_same(channel, pages[0], number) for channel in pages)]
        self._levels = [[channel[number] for channel in pages] for number in (0, *kept)]
        self.levels = [_size(level[0]) for level in self._levels]
        """Height and width of each, largest first."""

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level as ImageJ shows it, (height, width) or (height, width, channels)."""
        read = []
        for regions in self._levels[level]:
            pixels, notes = self._show(regions.read(y0, x0, height, width), regions.page)
            self.notes += [note for note in notes if note not in self.notes]
            read.append(pixels)
        if len(read) > 1:
            if read[0].ndim > 2:
                raise NotShown("its channels have tables of colours")
            return np.stack(read, axis=-1)
        pixels = read[0]
        if self._picked:
            pixels = pixels[..., self._picked[0]] if len(self._picked) == 1 else pixels[..., list(self._picked)]
        return pixels


def _size(page: PageRegions) -> tuple[int, int]:
    return page.height, page.width


def _same(channel: Sequence[PageRegions], first: Sequence[PageRegions], number: int) -> bool:
    if number >= len(channel) or _size(channel[number]) != _size(first[number]):
        return False
    one, whole = channel[number].page, channel[0].page
    return bool(one.dtype == whole.dtype and one.samplesperpixel == whole.samplesperpixel)
