"""Labels of images of any size as a tiled BigTIFF of int32; `write_labels` writes what ImageJ opens."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from samj_bridge.errors import InputError
from samj_bridge.export.calibration import Calibration
from samj_bridge.export.output import MARK, replacing
from samj_bridge.export.spool import RegionSpool, label_tiles
from samj_bridge.geometry.region import Region

__all__ = ["write_tiled_labels"]


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
