"""TIFF in all its dialects: what is in it, and one plane of it with the memory of one plane."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError, ImageError
from samj_bridge.reading.bilevel import decoded
from samj_bridge.reading.description import Description, Series
from samj_bridge.reading.memory import check_fits
from samj_bridge.reading.tiff.facts import missing_files, ome_images, parse_xml, pixel_size, set_files
from samj_bridge.reading.tiff.layout import Stack, is_plain, stacks_of
from samj_bridge.reading.tiff.planes import TiffPlane
from samj_bridge.reading.tiff.regions import Decoded, PageRegions, reader_at
from samj_bridge.reading.tiff.shown import NotShown, shown, what_samples_are

__all__ = ["TiffSource", "open_tiff"]

# What tifffile thinks of odd tags is told by our own errors, or no news to the user.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@contextmanager
def open_tiff(path: Path) -> Iterator[TiffSource]:
    """Open a TIFF; whatever tifffile raises comes through."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        source = TiffSource(path, file)
        try:
            yield source
        finally:
            source.close_others()


class TiffSource:
    """An open TIFF."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        self._file = file
        if file.pages.first is None:
            raise ValueError("no image inside")
        self._ome = parse_xml(file.ome_metadata or "") if file.pages.first.is_ome else None
        self._refuse_incomplete()
        self._opened: list[Any] = []
        self._decoded: dict[str, Decoded] = {}
        self._readers: dict[str, Callable[[int, int], bytes]] = {}
        self._kind, self._stacks = stacks_of(file, self._ome)
        self.description = Description(f"TIFF ({self._kind})" if self._kind else "TIFF", self._describe())

    def read(
        self, series: Series, place: dict[str, int], channels: tuple[int, ...]
    ) -> tuple[NDArray[Any], list[str]]:
        """Return a plane as ImageJ shows it, and what was done for it.

        Parameters
        ----------
        series : Series
            One of `description`.
        place : dict
            Where along its axes.
        channels : tuple of int
            Which channels, in this order; empty: all that a plane has.

        Returns
        -------
        pixels : (Y, X) or (Y, X, C) array
        notes : list of str
        """
        stack = self._stacks[series.index]
        rgb, inner, _alpha = self._samples(stack)
        paged = "C" in stack.axes and "C" not in series.axes
        wanted = [{**place, "C": channel} for channel in channels or (0,)] if paged else [place]
        size = int(stack.first.nbytes)
        decoding = 2 if stack.first.compression == 1 else 3
        check_fits(size * (len(wanted) + decoding - 1), f"{self._path.name}, {series.width} x {series.height},")
        read = [
            self._plane(stack, self._number(stack, at), several=paged and self._kind == "ImageJ") for at in wanted
        ]
        notes = list(dict.fromkeys(note for _pixels, found in read for note in found))
        if len(read) > 1:
            if read[0][0].ndim > 2:
                raise NotShown("its channels have tables of colours")
            return np.stack([pixels for pixels, _found in read], axis=-1), notes
        pixels = read[0][0]
        if channels and (rgb or inner > 1) and not paged:
            pixels = pixels[..., channels[0]] if len(channels) == 1 else pixels[..., list(channels)]
        return pixels, notes

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> TiffPlane:
        """Return a plane whose regions are read when they are asked for; parameters as for `read`."""
        stack = self._stacks[series.index]
        rgb, inner, _alpha = self._samples(stack)
        paged = "C" in stack.axes and "C" not in series.axes
        several = paged and self._kind == "ImageJ"
        wanted = [{**place, "C": channel} for channel in channels or (0,)] if paged else [place]
        pages = [self._pages_of(stack, self._number(stack, at)) for at in wanted]
        picked = channels if (rgb or inner > 1) and not paged else ()
        return TiffPlane(pages, lambda numbers, page: self._shown(stack, page, numbers, several=several), picked)

    def files(self) -> list[Path]:
        """Return the file, and those of its set that lie beside it."""
        others = set_files(self._ome) if self._ome is not None else []
        there = [self._path.parent / name for name in others if (self._path.parent / name).is_file()]
        return list(dict.fromkeys([self._path, *there]))

    def _pages_of(self, stack: Stack, number: int) -> list[PageRegions]:
        """Return a plane's page and its reduced copies, as regions."""
        first = stack.first
        if stack.page_at is None:
            straight = stack.offset + number * int(first.nbytes)
            if straight + int(first.nbytes) > self._file.filehandle.size:
                raise ValueError("the plane lies beyond the end of the file, which was cut off")
            return [self._regions(first, straight)]
        page = stack.page_at(number)
        if page is None:
            self._refuse_missing(number)
        _check_like(page, first, number)
        found = []
        for one in (page, *stack.reduced_pages(number, page)):
            handle = one.parent.filehandle
            if handle.closed:
                # A file of the same set; it is closed with this one.
                handle.open()
                self._opened.append(handle)
            self._check_whole(one, handle.size)
            found.append(self._regions(one, int(one.dataoffsets[0]) if is_plain(one) else None))
        return found

    def _regions(self, page: Any, straight: int | None) -> PageRegions:
        handle = page.parent.filehandle
        decoded = self._decoded.setdefault(handle.path, Decoded())
        read_at = self._readers.setdefault(handle.path, reader_at(handle))
        return PageRegions(page, read_at, decoded, self._path.name, straight)

    def _plane(self, stack: Stack, number: int, *, several: bool) -> tuple[NDArray[Any], list[str]]:
        page, numbers = self._numbers(stack, number)
        if stack.first.samplesperpixel > 1:
            numbers = self._samples_last(numbers, page)
        elif numbers.ndim != 2:
            message = f"its planes have the shape {numbers.shape}"
            raise NotShown(message)
        return self._shown(stack, page, numbers, several=several)

    def _shown(
        self, stack: Stack, page: Any, numbers: NDArray[Any], *, several: bool
    ) -> tuple[NDArray[Any], list[str]]:
        """Return a page's numbers, or a part of them, samples last, as ImageJ shows them; what was done for it."""
        rgb, inner, alpha = self._samples(stack)
        if stack.first.samplesperpixel > 1 and int(stack.first.photometric) != 5:
            numbers = numbers[..., :3] if rgb else numbers[..., :inner]
            notes = ["alpha left out"] if alpha else []
            return (numbers[..., 0] if numbers.shape[2] == 1 else numbers), notes
        described = bool(self._file.pages.first.description)
        return shown(numbers, page, stack.first, several=several, described=described)

    def _numbers(self, stack: Stack, number: int) -> tuple[Any, NDArray[Any]]:
        first = stack.first
        if stack.page_at is None:
            stride = int(first.nbytes)
            return first, self._straight(stack.offset + number * stride, first)
        page = stack.page_at(number)
        if page is None:
            self._refuse_missing(number)
        handle = page.parent.filehandle
        closed = bool(handle.closed)
        if closed:
            handle.open()
        try:
            self._check_whole(page, handle.size)
            _check_like(page, first, number)
            return page, decoded(page)
        finally:
            if closed:
                handle.close()

    def _straight(self, offset: int, first: Any) -> NDArray[Any]:
        """Return a plane that stands in the file as it is."""
        count = math.prod(first.shape)
        dtype = np.dtype(first.dtype).newbyteorder(self._file.byteorder)
        if offset + count * dtype.itemsize > self._file.filehandle.size:
            raise ValueError("the plane lies beyond the end of the file, which was cut off")
        numbers = np.fromfile(self._path, dtype, count, offset=offset)
        numbers = numbers.astype(dtype.newbyteorder("="), copy=False)
        return numbers.reshape(tuple(int(extent) for extent in first.shape))

    def close_others(self) -> None:
        """Close the other files of its set that regions were read from."""
        for handle in self._opened:
            handle.close()
        self._opened.clear()

    def _check_whole(self, page: Any, size: int) -> None:
        ends = [at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if ends and max(ends) > size:
            message = f"its pixels should reach to byte {max(ends)}, but the file has {size}: it was cut off"
            raise ValueError(message)

    def _samples_last(self, numbers: NDArray[Any], page: Any) -> NDArray[Any]:
        if numbers.ndim != 3:
            message = f"its planes have the shape {numbers.shape}"
            raise NotShown(message)
        return np.moveaxis(numbers, 0, -1) if int(page.keyframe.planarconfig) == 2 else numbers

    def _number(self, stack: Stack, place: dict[str, int]) -> int:
        number = 0
        for axis, count in zip(stack.axes, stack.counts, strict=True):
            number = number * count + place[axis]
        return number

    def _samples(self, stack: Stack) -> tuple[bool, int, int]:
        return what_samples_are(stack.first, channels=stack.sample_axis == "C")

    def _describe(self) -> tuple[Series, ...]:
        images = ome_images(self._ome) if self._kind == "OME" else []
        described = []
        for index, stack in enumerate(self._stacks):
            first = stack.first
            try:
                rgb, inner, _alpha = self._samples(stack)
            except NotShown:
                # Told when it is read: another image of the file may be the one that is wanted.
                rgb, inner = True, 1
            image = images[index] if len(images) == len(self._stacks) else None
            outer = dict(zip(stack.axes, stack.counts, strict=True))
            if len(outer) != len(stack.axes):
                message = f"it has the axes {stack.axes}, one of them twice"
                raise NotShown(message)
            pages = outer.get("C", 1)
            # RGB planes for each of several channels: the channel is one more axis to choose along.
            beside = [axis for axis in stack.axes if axis != "C" or (inner > 1 or rgb)]
            names = image.channels if image else ()
            described.append(
                Series(
                    index=index,
                    name=stack.name,
                    width=int(first.imagewidth),
                    height=int(first.imagelength),
                    dtype=str(first.dtype),
                    axes="".join(beside),
                    counts=tuple(outer[axis] for axis in beside),
                    channels=pages if "C" not in beside and pages > 1 else inner,
                    colour=rgb,
                    channel_names=names if any(names) else (),
                    pixel_size=image.size if image else pixel_size(self._file, first, self._kind),
                    thumbnail=stack.thumbnail,
                )
            )
        return tuple(described)

    def _refuse_incomplete(self) -> None:
        """Refuse a set whose missing files keep tifffile from telling what is in it."""
        missing = missing_files(self._ome, self._path.parent)
        if not missing:
            return
        try:
            whole = bool(self._file.series)
        except Exception:  # noqa: BLE001 - whatever it is, the missing file is why
            whole = False
        if not whole:
            raise self._missing(missing, "and nothing says which planes were in it")

    def _refuse_missing(self, number: int) -> None:
        missing = missing_files(self._ome, self._path.parent)
        if missing:
            raise self._missing(missing, f"and plane {number} with it")
        message = f"{self._path.name} names plane {number}, but does not hold it."
        raise ImageError(message, hint="Its OME-XML counts more planes than the file has; choose another plane.")

    def _missing(self, names: list[str], what: str) -> FileError:
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        are, copy = ("is", "it") if len(names) == 1 else ("are", "them")
        message = f"{self._path.name} is one file of a set; {listed} {are} missing, {what}."
        return FileError(message, code="missing-file", hint=f"Copy {copy} beside it.", path=str(self._path))


def _check_like(page: Any, first: Any, number: int) -> None:
    if tuple(page.shape) != tuple(first.shape) or page.dtype != first.dtype:
        message = f"page {number} is {page.shape} of {page.dtype}, unlike the first"
        raise ValueError(message)
