"""Label images: 0 for background, n for the n-th region."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.export.calibration import Calibration
from samj_bridge.export.output import MARK, check_regions, image_shape, numbered, replacing
from samj_bridge.geometry.region import Region

__all__ = ["label_image", "write_labels"]

# ImageJ's 32-bit pixels are floats, exact for whole numbers up to here.
_MOST = 2**24


def write_labels(
    path: str | Path,
    regions: Region | Iterable[Region],
    shape: tuple[int, int] | None = None,
    calibration: Calibration | None = None,
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
    labels = label_image(listed, shape)
    options = (calibration or Calibration()).tiff_options()
    options["metadata"] |= {"min": 0, "max": max(len(listed), 1)}
    with replacing(path, ".tif|.tiff") as draft:
        tifffile.imwrite(draft, labels, imagej=True, software=f"{MARK} label image", **options)
    return Path(path)


def label_image(regions: Region | Iterable[Region], shape: tuple[int, int] | None = None) -> NDArray[Any]:
    """Return the label image of regions.

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
    if len(listed) > _MOST:
        message = f"{len(listed)} regions don't fit into one label image; ImageJ can tell {_MOST} labels apart."
        raise InputError(message, hint="Write them in several files.")
    height, width = image_shape(listed, shape)
    labels = np.zeros((height, width), np.uint16 if len(listed) < 2**16 else np.float32)
    # The last to be painted wins.
    for number, region in sorted(numbered(listed), key=lambda item: (_rank(item[1]), -item[0])):
        crop, (x, y) = region.crop()
        top, left = max(y, 0), max(x, 0)
        seen = crop[top - y : max(height - y, 0), left - x : max(width - x, 0)]
        labels[top : top + seen.shape[0], left : left + seen.shape[1]][seen] = number
    return labels


def _rank(region: Region) -> float:
    return -math.inf if region.score is None or math.isnan(region.score) else region.score
