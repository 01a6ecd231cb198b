"""One plane of any file that samj-bridge reads, as an ImagePlus: what ImageJ alone can't open, or not in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import ImageError
from samj_bridge.fiji.jvm import java_class, java_errors
from samj_bridge.reading import OpenedImage, Taken, Wish, open_plane, take

__all__ = ["image_plus", "open_chosen"]

_MOST_PX = 2**31 - 1
"""Elements of a Java array, and so pixels of one of ImageJ's planes."""


def open_chosen(path: Path, wish: Wish) -> Any:
    """Read the plane, channels and level of a file that were chosen.

    Returns
    -------
    ij.ImagePlus
        In the level's pixels, with the pixel size that these have. Channels are a composite.

    Raises
    ------
    FileError, ImageError
        As `samj_bridge.read_image` has them; or the plane has more pixels than ImageJ takes.
    FijiError
        ImageJ is not running, or has no memory for it.
    """
    java_class("ij.ImagePlus")
    with open_plane(path, wish) as opened:
        _check_size(path, opened)
    return image_plus(take(path, wish), path.name)


def image_plus(taken: Taken, title: str) -> Any:
    """Return what was read of a file as an ImagePlus.

    Parameters
    ----------
    taken : Taken
        (Y, X) or (Y, X, C). Bytes, 16-bit numbers without sign and RGB stay what they are, others become floats.
    title : str
        What it is called.
    """
    pixels = np.atleast_3d(taken.pixels)
    height, width = pixels.shape[:2]
    with java_errors(f"{title} could not be handed to ImageJ"):
        if taken.rgb:
            imp = java_class("ij.ImagePlus")(title, _colours(pixels))
        else:
            stack = java_class("ij.ImageStack")(width, height)
            for number in range(pixels.shape[2]):
                stack.addSlice(_name(taken, number), _greys(pixels[..., number]))
            imp = java_class("ij.ImagePlus")(title, stack)
            if pixels.shape[2] > 1:
                imp.setDimensions(pixels.shape[2], 1, 1)
                imp = java_class("ij.CompositeImage")(imp, 1)
            imp.resetDisplayRange()
        _calibrate(imp, taken)
    return imp


def _check_size(path: Path, opened: OpenedImage) -> None:
    height, width = opened.shape[:2]
    if height * width <= _MOST_PX:
        return
    first = opened.chosen.level
    fits = [first + number for number, shape in enumerate(opened.levels) if shape[0] * shape[1] <= _MOST_PX]
    message = f"{path.name} has {width} x {height} pixels, and ImageJ's planes have {_MOST_PX:,} at most."
    way = f"Choose level={fits[0]}, or segment" if fits else "Segment"
    hint = f"{way} the file in place: samj-bridge segment {path.name} --point X,Y"
    raise ImageError(message, code="image-too-large", hint=hint)


def _greys(plane: NDArray[Any]) -> Any:
    import jpype

    height, width = plane.shape
    if plane.dtype in (np.uint8, np.bool_):
        octets = np.ascontiguousarray(plane).view(np.int8).ravel()
        return java_class("ij.process.ByteProcessor")(width, height, jpype.JArray(jpype.JByte)(octets), None)
    if plane.dtype == np.uint16:
        shorts = np.ascontiguousarray(plane, np.uint16).view(np.int16).ravel()
        return java_class("ij.process.ShortProcessor")(width, height, jpype.JArray(jpype.JShort)(shorts), None)
    floats = np.ascontiguousarray(plane, np.float32).ravel()
    return java_class("ij.process.FloatProcessor")(width, height, jpype.JArray(jpype.JFloat)(floats), None)


def _colours(pixels: NDArray[Any]) -> Any:
    import jpype

    height, width = pixels.shape[:2]
    packed = np.full((height, width), 0xFF << 24, np.uint32)
    for number, shift in enumerate((16, 8, 0)):
        packed |= pixels[..., number].astype(np.uint32) << shift
    ints = jpype.JArray(jpype.JInt)(packed.view(np.int32).ravel())
    return java_class("ij.process.ColorProcessor")(width, height, ints)


def _name(taken: Taken, number: int) -> str:
    names, chosen = taken.series.channel_names, taken.taken_channels
    at = chosen[number] if number < len(chosen) else number
    return names[at] if at < len(names) else ""


def _calibrate(imp: Any, taken: Taken) -> None:
    size = taken.series.pixel_size
    if size is None:
        return
    found = imp.getCalibration()
    # A coarser level's pixels are larger by what it was reduced.
    found.pixelWidth = size.x * taken.series.width / taken.pixels.shape[1]
    found.pixelHeight = size.y * taken.series.height / taken.pixels.shape[0]
    found.setUnit(size.unit)
