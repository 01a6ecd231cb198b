"""Labels of images of any size, tile by tile: regions are kept on disk while they come, and found by their place.

A million regions need little memory. `write_tiled_labels` makes a tiled BigTIFF of int32 of them; `write_labels`
writes what ImageJ opens.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from samj_bridge.errors import FileError, InputError, NoSpaceError
from samj_bridge.export.calibration import Calibration
from samj_bridge.export.labels import painted
from samj_bridge.export.output import MARK, each_region, image_shape, replacing
from samj_bridge.geometry.region import Region

__all__ = ["RegionSpool", "label_tiles", "write_tiled_labels"]


def write_tiled_labels(
    path: str | Path,
    regions: Region | Iterable[Region],
    shape: tuple[int, int] | None = None,
    calibration: Calibration | None = None,
    tile: int = 512,
    check: Callable[[float], None] = lambda _fraction: None,
) -> Path:
    """Write a label image of any size as a tiled BigTIFF of int32, which QuPath and napari read in place.

    ImageJ opens neither tiles nor BigTIFF: Fiji's Bio-Formats does. Regions may be those of a stream
    (`Scene.stream_everything`): they are kept on disk, and memory does not grow with them. Other parameters and
    errors are those of `write_labels`; `tile` is a tile's side, a multiple of 16. `check` hears of the part that is
    written, and may raise.
    """
    if tile < 16 or tile % 16:
        message = f"Tiles of a TIFF have a side that is a multiple of 16, not {tile}."
        raise InputError(message)
    with replacing(path, ".tif|.tiff|.btf") as draft, RegionSpool(regions) as spool:
        size = spool.image_shape(shape)
        tifffile.imwrite(
            draft,
            _packed(spool, size, tile, check),
            shape=size,
            dtype=np.int32,
            bigtiff=True,
            byteorder="<",
            tile=(tile, tile),
            compression="zlib",
            photometric="minisblack",
            software=f"{MARK} label image",
            **_tiff_scale(calibration),
        )
    return Path(path)


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


def _packed(
    spool: RegionSpool, shape: tuple[int, int], tile: int, check: Callable[[float], None]
) -> Iterator[bytes]:
    """Yield the compressed tiles, row by row."""
    height, width = shape
    found = label_tiles(spool, shape, tile)
    following = next(found, None)
    blank = zlib.compress(bytes(4 * tile * tile), 1)
    for y0 in range(0, height, tile):
        check(y0 / height)
        for x0 in range(0, width, tile):
            if following is None or following[:2] != (y0, x0):
                yield blank
                continue
            whole = np.zeros((tile, tile), "<i4")
            labels = following[2]
            whole[: labels.shape[0], : labels.shape[1]] = labels
            yield zlib.compress(whole.tobytes(), 1)
            following = next(found, None)


def _tiff_scale(calibration: Calibration | None) -> dict[str, Any]:
    in_cm = {"um": 1e-4, "micron": 1e-4, "µm": 1e-4, "mm": 0.1, "cm": 1.0, "nm": 1e-7}
    factor = in_cm.get(calibration.unit) if calibration else None
    if calibration is None or factor is None:
        return {"metadata": None}
    resolution = (1 / (calibration.width * factor), 1 / (calibration.height * factor))
    return {"metadata": None, "resolution": resolution, "resolutionunit": "CENTIMETER"}
