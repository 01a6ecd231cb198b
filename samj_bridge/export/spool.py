"""Regions kept on disk while they come, and found again by where they are: a million of them need little memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError, NoSpaceError
from samj_bridge.export.labels import painted
from samj_bridge.export.output import each_region, image_shape
from samj_bridge.geometry.region import Region

__all__ = ["RegionSpool", "label_tiles"]


class RegionSpool:
    """Regions in a temporary file of SQLite's own, which is gone when it is closed; used by one thread.

    Parameters
    ----------
    regions : Region or iterable of Region
        The n-th has number n. They are taken one by one, as they come.

    Raises
    ------
    InputError
        Something is no region.
    FileError, NoSpaceError
        The temporary file can't be written.
    """

    def __init__(self, regions: Region | Iterable[Region]) -> None:
        # A name that is empty is a file of SQLite's own, beside which the system puts none.
        self._base = sqlite3.connect("", check_same_thread=False)
        self.count = 0
        """How many there are, empty ones included."""
        self._shapes: set[tuple[int, int]] = set()
        self._tallest = 0
        try:
            self._base.execute(
                "CREATE TABLE regions (number INTEGER PRIMARY KEY, y0 INTEGER, y1 INTEGER, score REAL, rings BLOB,"
                " lengths TEXT)"
            )
            self._base.executemany("INSERT INTO regions VALUES (?, ?, ?, ?, ?, ?)", self._rows(regions))
            self._base.execute("CREATE INDEX places ON regions (y0)")
        except sqlite3.Error as error:
            self._base.close()
            raise _in_words(error) from error
        except BaseException:
            self._base.close()
            raise

    def image_shape(self, shape: tuple[int, int] | None) -> tuple[int, int]:
        """Return the image's (Y, X): as given, or as the regions know it; see `samj_bridge.export.output`."""
        return image_shape([Region((), shape=each) for each in self._shapes], shape)

    def in_rows(self, top: int, bottom: int) -> list[tuple[int, Region]]:
        """Return the regions that have pixels in these rows, with their numbers, in their order."""
        words = "SELECT number, score, rings, lengths FROM regions WHERE y0 < ? AND y0 > ? AND y1 > ?"
        try:
            rows = self._base.execute(words, (bottom, top - self._tallest - 1, top))
            found = sorted(rows.fetchall(), key=lambda row: int(row[0]))
        except sqlite3.Error as error:
            raise _in_words(error) from error
        return [(number, Region(_rings(rings, lengths), score=score)) for number, score, rings, lengths in found]

    def close(self) -> None:
        """Remove the file."""
        self._base.close()

    def __enter__(self) -> RegionSpool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, regions: Region | Iterable[Region]) -> Iterator[tuple[Any, ...]]:
        for number, region in enumerate(each_region(regions), 1):
            self.count = number
            if region.shape is not None:
                self._shapes.add(region.shape)
            if region.is_empty:
                continue
            _, y0, _, y1 = region.bbox_xyxy
            self._tallest = max(self._tallest, y1 - y0)
            lengths = json.dumps([len(ring) for ring in region.rings])
            rings = np.concatenate(region.rings).astype("<i4").tobytes()
            yield number, y0, y1, region.score, rings, lengths


def label_tiles(
    regions: Region | Iterable[Region] | RegionSpool, shape: tuple[int, int] | None = None, tile: int = 1024
) -> Iterator[tuple[int, int, NDArray[np.int32]]]:
    """Yield the tiles of a label image that have labels, row by row: (y0, x0, labels).

    The n-th region has label n; where regions overlap, as for `label_image`. Regions may be those of a stream: they
    are kept on disk, and a row of tiles with what is in it is all that is in memory.

    Examples
    --------
    >>> spot = Region.from_mask([[1]], origin_xy=(5, 1))
    >>> [(y, x, labels.tolist()) for y, x, labels in label_tiles([spot], (2, 6), tile=2)]
    [(0, 4, [[0, 0], [0, 1]])]
    """
    if isinstance(regions, RegionSpool):
        yield from _tiles(regions, regions.image_shape(shape), tile)
        return
    with closing(RegionSpool(regions)) as spool:
        yield from _tiles(spool, spool.image_shape(shape), tile)


def _tiles(spool: RegionSpool, shape: tuple[int, int], tile: int) -> Iterator[tuple[int, int, NDArray[np.int32]]]:
    height, width = shape
    for top in range(0, height, tile):
        deep = min(tile, height - top)
        columns: dict[int, list[tuple[int, Region]]] = {}
        for number, region in spool.in_rows(top, top + deep):
            x0, _, x1, _ = region.bbox_xyxy
            for column in range(max(x0, 0) // tile, -(-min(x1, width) // tile)):
                columns.setdefault(column, []).append((number, region))
        for column, here in sorted(columns.items()):
            left = column * tile
            yield top, left, painted(here, (deep, min(tile, width - left)), (top, left), np.dtype(np.int32))


def _rings(packed: bytes, lengths: str) -> tuple[NDArray[np.int32], ...]:
    points = np.frombuffer(packed, "<i4").astype(np.int32).reshape(-1, 2)
    return tuple(np.split(points, np.cumsum(json.loads(lengths))[:-1]))


def _in_words(error: sqlite3.Error) -> FileError:
    if "full" in str(error):
        message = "The disk is full: regions can't be kept while they are written."
        return NoSpaceError(message, hint="Make space for temporary files.", path="")
    message = f"Regions can't be kept on disk while they are written: {error}."
    return FileError(message, hint="Is there space for temporary files?", path="")
