"""Label images: 0 for background, n for the n-th region."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.export.calibration import Calibration
from samj_bridge.export.output import MARK, Check, check_regions, image_shape, numbered, replacing, unchecked
from samj_bridge.geometry.region import Region

__all__ = ["LARGE_PX", "label_image", "painted", "write_labels"]

# ImageJ's 32-bit pixels are floats, exact for whole numbers up to here.
_MOST = 2**24
LARGE_PX = 4096 * 4096
"""Label images of more pixels are written strip by strip, compressed (ImageJ unpacks them)."""
_STRIP_PX = 2**22


def write_labels(
    path: str | Path,
    regions: Region | Iterable[Region],
    shape: tuple[int, int] | None = None,
    calibration: Calibration | None = None,
    check: Check = unchecked,
) -> Path:
    """Write a label image as a TIFF that ImageJ opens: 16-bit, or 32-bit for more than 65,535 regions.

    Parameters
    ----------
    path : path
        File ending with ``.tif`` or ``.tiff``; replaced if it is there, whole or not at all.
    regions : Region or iterable of Region
        The n-th has label n. Where regions overlap, see `label_image`.
    shape : (int, int), optional
        (Y, X) of the image; by default the one that the regions know.
    calibration : Calibration, optional
        Pixel size and unit of the image (`samj_bridge.export.calibration.read_calibration`): areas measured in the
        label image are then the image's own.
    check : callable
        Hears of the part that is written, and may raise: then there is no file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Something is no region, the shape is not known, or there are too many regions.
    FileError, NoSpaceError
        The file can't be written.
    """
    listed = check_regions(regions)
    size = image_shape(listed, shape)
    options = (calibration or Calibration()).tiff_options()
    options["metadata"] |= {"min": 0, "max": max(len(listed), 1)}
    options |= {"imagej": True, "software": f"{MARK} label image"}
    with replacing(path, ".tif|.tiff") as draft:
        if size[0] * size[1] > LARGE_PX:
            dtype, rows = _type_for(listed), max(1, _STRIP_PX // size[1])
            strips = _packed_strips(listed, size, rows, dtype, check)
            options |= {"shape": size, "dtype": dtype, "rowsperstrip": rows, "compression": "zlib"}
            tifffile.imwrite(draft, strips, byteorder="<", **options)
        else:
            check(0.0)
            tifffile.imwrite(draft, label_image(listed, shape), **options)
    return Path(path)


def _packed_strips(
    listed: list[Region], size: tuple[int, int], rows: int, dtype: np.dtype[Any], check: Check
) -> Iterator[bytes]:
    """Yield the compressed strips of a label image, of which only one is in memory at a time."""
    height, width = size
    known = [(item, item[1].bbox_xyxy) for item in numbered(listed)]
    empty: dict[int, bytes] = {}
    for top in range(0, height, rows):
        check(top / height)
        deep = min(rows, height - top)
        here = [item for item, box in known if box[1] < top + deep and box[3] > top]
        if not here and deep in empty:
            yield empty[deep]
            continue
        packed = zlib.compress(painted(here, (deep, width), (top, 0), dtype.newbyteorder("<")).tobytes(), 1)
        if not here:
            empty[deep] = packed
        yield packed


def label_image(regions: Region | Iterable[Region], shape: tuple[int, int] | None = None) -> NDArray[Any]:
    """Return the label image of regions.

    Whole, in memory: `write_labels` makes those of large images strip by strip.

    A pixel that several regions claim goes to the one with the highest score, and among equals to the first in the
    list; a region without a score comes after all that have one.

    Returns
    -------
    (Y, X) uint16 array, or float32 for more than 65,535 regions

    Examples
    --------
    >>> low, high = Region.from_mask([[1, 1, 0]], score=0.5), Region.from_mask([[0, 1, 1]], score=0.9)
    >>> label_image([low, high]).tolist()
    [[1, 2, 2]]
    """
    listed = check_regions(regions)
    return painted(numbered(listed), image_shape(listed, shape), (0, 0), _type_for(listed))


def _type_for(listed: list[Region]) -> np.dtype[Any]:
    if len(listed) > _MOST:
        message = f"{len(listed)} regions don't fit into one label image; ImageJ can tell {_MOST} labels apart."
        raise InputError(message, hint="Write them in several files.")
    return np.dtype(np.uint16 if len(listed) < 2**16 else np.float32)


def painted(
    numbered_regions: list[tuple[int, Region]],
    shape: tuple[int, int],
    origin_yx: tuple[int, int],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Return a part of a label image.

    Parameters
    ----------
    numbered_regions : list of (number, Region)
        Those that may be in it.
    shape : (int, int)
        (Y, X) of the part.
    origin_yx : (int, int)
        Its first pixel.
    dtype : numpy.dtype
        Type of the labels.
    """
    labels = np.zeros(shape, dtype)
    height, width = shape
    # The last to be painted wins.
    for number, region in sorted(numbered_regions, key=lambda item: (_rank(item[1]), -item[0])):
        crop, (x, y) = region.crop()
        y, x = y - origin_yx[0], x - origin_yx[1]
        top, left = max(y, 0), max(x, 0)
        seen = crop[top - y : max(height - y, 0), left - x : max(width - x, 0)]
        labels[top : top + seen.shape[0], left : left + seen.shape[1]][seen] = number
    return labels


def _rank(region: Region) -> float:
    return -math.inf if region.score is None or math.isnan(region.score) else region.score
