"""A part of a TIFF page: only the tiles or strips that it touches are read and decoded."""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.reading.memory import check_fits

__all__ = ["Decoded", "PageRegions", "reader_at"]

_KEPT_BYTES = 64 * 2**20
"""Decoded tiles kept of a file: regions side by side share them."""
_LARGE_BYTES = 256 * 2**20
"""A single tile or strip beyond it is asked about before it is decoded."""


class Decoded:
    """Tiles that were decoded last, shared by the pages of a file; may be used from several threads."""

    def __init__(self) -> None:
        self._found: OrderedDict[object, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return a tile, decoded by `make` if it isn't kept."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        made = make()
        with self._lock:
            if key not in self._found:
                self._found[key] = made
                self._bytes += made.nbytes
            # The last one is kept whatever its size: a page in one piece must not be decoded for every region.
            while self._bytes > _KEPT_BYTES and len(self._found) > 1:
                _key, gone = self._found.popitem(last=False)
                self._bytes -= gone.nbytes
        return made


def reader_at(handle: Any) -> Callable[[int, int], bytes]:
    """Return what reads bytes of a tifffile handle at a place, from any thread.

    Parameters
    ----------
    handle : tifffile.FileHandle
    """
    pread = getattr(os, "pread", None)
    if pread is not None:
        number = handle.fileno()
        return lambda at, count: bytes(pread(number, count, at))
    lock = threading.Lock()

    def read(at: int, count: int) -> bytes:
        with lock:
            handle.seek(at)
            return bytes(handle.read(count))

    return read


class PageRegions:
    """Regions of one page, its samples last.

    Parameters
    ----------
    page : tifffile.TiffPage
        Of two dimensions, whatever its samples.
    read_at : callable
        See `reader_at`.
    decoded : Decoded
        Kept tiles of the file.
    where : str
        The page in words, for refusals.
    straight : int, optional
        Where its pixels begin, if they stand in the file as they are, one row after the other.
    """

    def __init__(
        self,
        page: Any,
        read_at: Callable[[int, int], bytes],
        decoded: Decoded,
        where: str,
        straight: int | None = None,
    ) -> None:
        self.page = page
        self._read_at, self._decoded, self._where, self._straight = read_at, decoded, where, straight
        self.height, self.width = int(page.imagelength), int(page.imagewidth)
        samples = int(page.samplesperpixel)
        self._planes = samples if samples > 1 and int(page.planarconfig) == 2 else 1
        self._samples = samples // self._planes
        self._dtype = np.dtype(page.dtype)
        if page.is_tiled:
            self._tile = int(page.tilelength), int(page.tilewidth)
        else:
            rows = int(page.rowsperstrip or self.height)
            self._tile = max(1, min(rows, self.height)), self.width

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return (height, width) numbers, or (height, width, samples) where there are several.

        Raises
        ------
        ValueError
            What is needed of the file is not there, or damaged.
        """
        if self._straight is not None:
            return self._read_rows(y0, x0, height, width)
        result = np.zeros((height, width, self._planes, self._samples), self._dtype)
        deep, wide = self._tile
        for index, plane, row, column in self._touched(y0, x0, height, width):
            tile = self._decoded.get((self.page.offset, index), lambda index=index: self._decode(index))  # type: ignore[misc]
            top, left = row * deep, column * wide
            bottom, right = min(top + tile.shape[0], y0 + height), min(left + tile.shape[1], x0 + width)
            y, x = max(top, y0), max(left, x0)
            if bottom > y and right > x:
                part = tile[y - top : bottom - top, x - left : right - left]
                result[y - y0 : bottom - y0, x - x0 : right - x0, plane] = part
        flat = result.reshape(height, width, self._planes * self._samples)
        return flat[..., 0] if flat.shape[2] == 1 else flat

    def _touched(self, y0: int, x0: int, height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
        deep, wide = self._tile
        down, across = math.ceil(self.height / deep), math.ceil(self.width / wide)
        for plane in range(self._planes):
            for row in range(y0 // deep, (y0 + height - 1) // deep + 1):
                for column in range(x0 // wide, (x0 + width - 1) // wide + 1):
                    yield (plane * down + row) * across + column, plane, row, column

    def _decode(self, index: int) -> NDArray[Any]:
        """Return a tile as (rows, columns, samples)."""
        page, (deep, wide) = self.page, self._tile
        size = deep * wide * self._samples * self._dtype.itemsize
        if size > _LARGE_BYTES:
            check_fits(2 * size, f"A piece of {self._where}, {wide} x {deep} without tiles,")
        offsets, counts = page.dataoffsets, page.databytecounts
        if index >= len(offsets) or index >= len(counts):
            message = f"tile {index} is not in its table of {len(offsets)}"
            raise ValueError(message)
        if not counts[index] or not offsets[index]:
            # Sparse: a tile that was never written.
            return np.full((deep, wide, self._samples), page.nodata or 0, self._dtype)
        data = self._read_at(int(offsets[index]), int(counts[index]))
        if len(data) < counts[index]:
            message = f"tile {index} should reach to byte {offsets[index] + counts[index]}: the file was cut off"
            raise ValueError(message)
        tables = page.jpegtables if int(page.compression) in {6, 7, 33007} else None
        segment, _place, shape = page.decode(data, index, jpegtables=tables, jpegheader=page.jpegheader)
        if segment is None:
            message = f"tile {index} is empty"
            raise ValueError(message)
        _depth, rows, columns, samples = shape
        found = np.asarray(segment)[0, :rows, :columns]
        if found.shape != (rows, columns, samples) or samples != self._samples:
            message = f"tile {index} has the shape {found.shape}"
            raise ValueError(message)
        return found.astype(self._dtype, copy=False)

    def _read_rows(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        assert self._straight is not None
        stored = self._dtype.newbyteorder(self.page.parent.byteorder)
        each = self._samples * self._dtype.itemsize
        plane_bytes = self.width * self.height * each
        result = np.empty((height, width, self._planes, self._samples), self._dtype)
        whole_rows = 2 * width >= self.width
        for plane in range(self._planes):
            start = self._straight + plane * plane_bytes
            if whole_rows:
                numbers = self._numbers(start + y0 * self.width * each, height * self.width * each, stored)
                result[:, :, plane] = numbers.reshape(height, self.width, self._samples)[:, x0 : x0 + width]
                continue
            for row in range(height):
                at = start + ((y0 + row) * self.width + x0) * each
                result[row, :, plane] = self._numbers(at, width * each, stored).reshape(width, self._samples)
        flat = result.reshape(height, width, self._planes * self._samples)
        return flat[..., 0] if flat.shape[2] == 1 else flat

    def _numbers(self, at: int, count: int, stored: np.dtype[Any]) -> NDArray[Any]:
        data = self._read_at(at, count)
        if len(data) < count:
            raise ValueError("its pixels lie beyond the end of the file, which was cut off")
        return np.frombuffer(data, stored)
