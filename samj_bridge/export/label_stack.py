"""Label stacks: an image as deep as the stack, in which an object has one number on all planes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.export.calibration import Calibration
from samj_bridge.export.labels import painted
from samj_bridge.export.output import MARK, replacing
from samj_bridge.geometry.region import Region

__all__ = ["write_label_stack"]

_MOST = 2**24
_AXES = {"z": "slices", "t": "frames"}


def write_label_stack(
    path: str | Path,
    regions: Iterable[tuple[int, int, Region]],
    shape: tuple[int, int, int],
    axis: str = "z",
    calibration: Calibration | None = None,
) -> Path:
    """Write a label image of a stack as a TIFF that ImageJ opens with its slices or frames, and its scale.

    Planes are painted one by one, so that no more than one is in memory.

    Parameters
    ----------
    path : path
        File ending with ``.tif`` or ``.tiff``; replaced if it is there, whole or not at all.
    regions : iterable of (plane, number, Region)
        Planes from 0; the number, from 1, is the label. Where regions overlap, the one with the better score is
        seen.
    shape : (int, int, int)
        (N, Y, X) of the stack.
    axis : {"z", "t"}
        What its planes are along.
    calibration : Calibration, optional
        Pixel size, distance of the slices and unit.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        A number is no label, or a plane is not in the stack.
    FileError, NoSpaceError
        The file can't be written.
    """
    planes: dict[int, list[tuple[int, Region]]] = {}
    highest = 1
    for plane, number, region in regions:
        if not 0 <= plane < shape[0] or not 1 <= number <= _MOST:
            message = f"Object {number} on plane {plane} has no place in a label stack of {shape[0]} planes."
            raise InputError(message, hint=f"Planes are 0 to {shape[0] - 1}, numbers 1 to {_MOST}.")
        if not region.is_empty:
            planes.setdefault(plane, []).append((number, region))
            highest = max(highest, number)
    dtype = np.dtype(np.uint16 if highest < 2**16 else np.float32)
    options = (calibration or Calibration()).tiff_options()
    options["metadata"] |= {_AXES[axis]: shape[0], "axes": f"{axis.upper()}YX", "min": 0, "max": highest}
    with replacing(path, ".tif|.tiff") as draft:
        tifffile.imwrite(
            draft,
            _painted(planes, shape, dtype),
            shape=shape,
            dtype=dtype,
            imagej=True,
            software=f"{MARK} label stack",
            **options,
        )
    return Path(path)


def _painted(
    planes: Mapping[int, list[tuple[int, Region]]], shape: tuple[int, int, int], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    for plane in range(shape[0]):
        # One that has no score is seen last, as in other label images.
        here = [(number, replace(region, shape=None)) for number, region in planes.get(plane, ())]
        yield painted(here, shape[1:], (0, 0), dtype)
