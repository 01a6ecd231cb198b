"""ImagePlus to numpy or to shared memory: one copy, the least there can be, for Java's memory moves.

What the user sees is what is segmented. Under an inverting look-up table (ImageJ's blobs have one) low values are
bright, so pixels of such images are turned round while they are copied, and their display range with them: an 8-bit
pixel v becomes 255 - v, a 16-bit one 65,535 - v, a 32-bit one -v. ``raw=True`` leaves them as they are stored.
Tables are understood as `samj_bridge.reading` does it, so that a file is segmented alike here and there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from samj_bridge.errors import FijiError, FileError, ImageError, InputError
from samj_bridge.fiji.jvm import java_class, java_errors
from samj_bridge.fiji.planes import open_chosen
from samj_bridge.reading import Wish
from samj_bridge.reading.imagej_limits import misread_by_imagej, pages_differ, planes_alike
from samj_bridge.reading.tables import NAMES, meaning_of

__all__ = ["copy_pixels", "display_ranges", "open_image", "pixels_of", "plane_spec"]

_DTYPES = {8: np.uint8, 16: np.uint16, 32: np.float32}
"""numpy's types by ImageJ's bit depth; 24 is RGB."""
_NO_THRESHOLD = -808080.0
"""ImageJ's own number for it."""
_ELSEWHERE = "Start a Fiji, whose Bio-Formats reads more, or let samj-bridge read it: open_image(path, level=0)."
_VIEWS = {1: "", 2: "asShortBuffer", 4: "asFloatBuffer"}
# A Java buffer ends at 2 GiB: longer planes go in pieces of so many pixels.
_PIECE = 2**28


def open_image(
    path: str | Path,
    *,
    series: int | None = None,
    plane: int | None = None,
    z: int | None = None,
    t: int | None = None,
    channels: int | Sequence[int] | str | None = None,
    level: int | None = None,
) -> Any:
    """Let ImageJ open a file, without showing it; or hand it one plane of a file that samj-bridge reads.

    Parameters
    ----------
    path : path
        The file; with one of the others also an OME-Zarr and whatever else `samj_bridge.read_image` reads.
    series, plane, z, t, channels, level : optional
        Which image of several, plane, slice, frame, channels and level of a pyramid, counted from 0, as
        `samj_bridge.read_image` takes them. If one is given, the file is read by samj-bridge: one plane, in the
        level's pixels and with their size. ``level=0`` is the full resolution.

    Returns
    -------
    ij.ImagePlus

    Raises
    ------
    FileError
        The file is missing, or ImageJ can't read it, or would show other numbers than it holds
        (docs/reference/images.md lists such files).
    ImageError
        What was chosen is not there, or it isn't clear which plane is meant, or it is too large for ImageJ.
    FijiError
        ImageJ is not running.
    """
    wish = Wish(series, plane, z, t, channels, level)
    if wish != Wish():
        return open_chosen(Path(path), wish)
    opener = java_class("ij.io.Opener")()
    opener.setSilentMode(True)
    if not Path(path).is_file():
        message = f"There is no file {str(path)!r}."
        hint = "The folder of an OME-Zarr: open_image(path, level=0)." if Path(path).is_dir() else "Check the path."
        raise FileError(message, hint=hint, path=str(path))
    wrong = misread_by_imagej(Path(path))
    if wrong:
        message = f"ImageJ would show other numbers than {str(path)!r} holds: it {wrong}."
        raise FileError(message, code="misread-by-imagej", hint=_ELSEWHERE, path=str(path))
    reason = ""
    try:
        with java_errors("ImageJ stumbled over it"):
            # With its window open, ImageJ would ask the user to press OK before it returns.
            java_class("ij.IJ").redirectErrorMessages()
            imp = opener.openImage(str(Path(path).absolute()))
    except FijiError as error:
        imp, reason = None, f": {error.message}"
    if imp is None:
        message = f"ImageJ can't read {str(path)!r}{reason.rstrip('.')}."
        raise FileError(message, hint=_ELSEWHERE, path=str(path))
    shown, held = int(imp.getStackSize()), planes_alike(Path(path))
    if shown < held:
        imp.close()
        message = f"ImageJ would show other numbers than {str(path)!r} holds: it shows {shown} of {held} planes."
        raise FileError(message, code="misread-by-imagej", hint=_ELSEWHERE, path=str(path))
    twice = _shown_twice(imp, Path(path)) if held == shown > 1 else 0
    if twice:
        imp.close()
        message = f"ImageJ would show other numbers than {str(path)!r} holds: it shows plane {twice} twice."
        raise FileError(message, code="misread-by-imagej", hint=_ELSEWHERE, path=str(path))
    return imp


def _shown_twice(imp: Any, path: Path) -> int:
    """Return a plane that ImageJ shows in place of the next one too, from 1; 0: there is none.

    It does so for some pages of Deflate, about one file of a thousand.
    """
    stack = imp.getStack()
    if stack.isVirtual():
        return 0
    equal = java_class("java.util.Arrays").equals
    for number in range(1, int(stack.getSize())):
        one, other = stack.getPixels(number), stack.getPixels(number + 1)
        if equal(one, other) and pages_differ(path, number - 1, number):
            return number
    return 0


def plane_spec(imp: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type that one plane of an ImagePlus has in numpy.

    Returns
    -------
    shape : tuple of int
        (Y, X), or (Y, X, 3) for RGB and for tables of colours.
    dtype : numpy.dtype
        uint8, uint16 or float32.
    """
    _check_image(imp)
    height, width = int(imp.getHeight()), int(imp.getWidth())
    if _is_colour(imp):
        return (height, width, 3), np.dtype(np.uint8)
    return (height, width), np.dtype(_DTYPES[int(imp.getBitDepth())])


def pixels_of(imp: Any, *, c: int = 0, z: int = 0, t: int = 0, raw: bool = False) -> NDArray[Any]:
    """Return one plane of an ImagePlus as a new array.

    Parameters
    ----------
    imp : ij.ImagePlus
    c, z, t : int
        Channel, slice and frame, from 1; 0: the current one.
    raw : bool
        Whether to leave the values as stored under an inverting look-up table.

    Returns
    -------
    array as `plane_spec` says; neither display range nor calibration is applied

    Raises
    ------
    InputError
        The plane does not exist, or `imp` is no ImagePlus.
    """
    shape, dtype = plane_spec(imp)
    pixels = np.empty(shape, dtype)
    copy_pixels(imp, pixels, c=c, z=z, t=t, raw=raw)
    return pixels


def copy_pixels(imp: Any, out: Any, *, c: int = 0, z: int = 0, t: int = 0, raw: bool = False) -> None:
    """Copy one plane of an ImagePlus into memory that is there already, such as a session's shared memory.

    The memory may be released as soon as the call returns: Java keeps no hold on it.

    Parameters
    ----------
    imp : ij.ImagePlus
    out : writable buffer, C-contiguous
        As many bytes as `plane_spec` asks for, or more (shared memory comes in whole pages).
    c, z, t : int
        Channel, slice and frame, from 1; 0: the current one.
    raw : bool
        Whether to leave the values as stored under an inverting look-up table.

    Raises
    ------
    InputError
        The plane does not exist, or `out` is too small or read-only.
    """
    shape, dtype = plane_spec(imp)
    index = _stack_index(imp, c, z, t)
    target = _as_bytes(out, int(np.prod(shape)) * dtype.itemsize)
    with java_errors("The pixels could not be read"):
        single = int(imp.getStackSize()) == 1
        processor = imp.getProcessor() if single else imp.getStack().getProcessor(index)
        greys = _greys(imp)
        if len(shape) == 3:
            processor = processor.convertToRGB()
        pixels = processor.getPixels()
        if len(shape) == 2:
            _copy(pixels, target, dtype)
            if greys is not None and not raw:
                target[: len(pixels)] = greys[target[: len(pixels)]]
            elif not raw and _is_inverted(imp):
                _turn_round(target.view(dtype))
            return
        # An int holds 0xAARRGGBB.
        colours = np.asarray(pixels).view(np.uint32).reshape(shape[:2])
        planes = target.reshape(shape)
        for channel, shift in enumerate((16, 8, 0)):
            planes[..., channel] = (colours >> shift).astype(np.uint8)


def display_ranges(imp: Any, *, c: int = 0, raw: bool = False) -> list[tuple[float, float]] | None:
    """Return the display range that the user sees, so that what she sees is what is segmented.

    Parameters
    ----------
    imp : ij.ImagePlus
    c : int
        Channel, from 1; 0: the current one.
    raw : bool
        As given to `pixels_of`.

    Returns
    -------
    list of one (low, high), in the values that `pixels_of` gives, or None
        None for colour images and for images without a range of finite numbers.
    """
    _check_image(imp)
    if _is_colour(imp):
        return None
    if not raw and _greys(imp) is not None:
        return [(0.0, 255.0)]
    if c and bool(imp.isComposite()):
        lut = imp.getLuts()[_check_index(c, int(imp.getNChannels()), "channel") - 1]
        low, high = float(lut.min), float(lut.max)
    else:
        low, high = float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())
    if not (np.isfinite([low, high]).all() and low < high):
        return None
    if raw or not _is_inverted(imp):
        return [(low, high)]
    top = {8: 255.0, 16: 65_535.0, 32: 0.0}[int(imp.getBitDepth())]
    return [(top - high, top - low)]


def _check_image(imp: Any) -> None:
    if not isinstance(imp, java_class("ij.ImagePlus")):
        message = f"An ij.ImagePlus is needed, not a {type(imp).__name__}."
        raise InputError(message, hint="open_image(path) returns one.")
    if not int(imp.getWidth()) or not int(imp.getHeight()) or imp.getProcessor() is None:
        raise ImageError("The ImagePlus has no pixels.", hint="Was it closed?")


def _is_colour(imp: Any) -> bool:
    """Return whether pixels mean colours rather than intensities: RGB, or places in a table of colours."""
    if int(imp.getBitDepth()) == 24:
        return True
    table = _table(imp)
    return table is not None and meaning_of(table) == NAMES and bool((table != table[:, :1]).any())


def _greys(imp: Any) -> NDArray[np.uint8] | None:
    """Return the greys that 8-bit pixels are places of (a PNG of four greys); None: they are intensities."""
    table = None if bool(imp.isComposite()) else _table(imp)
    if table is None or meaning_of(table) != NAMES or bool((table != table[:, :1]).any()):
        return None
    whole = np.zeros(256, np.uint8)
    whole[: len(table)] = table[:, 0]
    return whole


def _table(imp: Any) -> NDArray[np.uint8] | None:
    """Return the table of an 8-bit image; None for others, and where a threshold's colours hide it."""
    processor = imp.getProcessor()
    if int(imp.getBitDepth()) != 8 or float(processor.getMinThreshold()) != _NO_THRESHOLD:
        return None
    import jpype

    model = processor.getColorModel()
    size = int(model.getMapSize())
    columns = [jpype.JArray(jpype.JByte)(size) for _colour in range(3)]
    for name, column in zip(("getReds", "getGreens", "getBlues"), columns, strict=True):
        getattr(model, name)(column)
    return np.stack([np.asarray(column).view(np.uint8) for column in columns], axis=1)


def _is_inverted(imp: Any) -> bool:
    """Return whether low values are bright; channels of a composite are tinted, not inverted."""
    return bool(imp.isInvertedLut()) and not bool(imp.isComposite()) and not _is_colour(imp)


def _turn_round(values: NDArray[Any]) -> None:
    if values.dtype.kind == "f":
        np.negative(values, out=values)
    else:
        np.invert(values, out=values)


def _stack_index(imp: Any, c: int, z: int, t: int) -> int:
    if not any((c, z, t)):
        return int(imp.getCurrentSlice())
    counts = (int(imp.getNChannels()), int(imp.getNSlices()), int(imp.getNFrames()))
    current = (int(imp.getC()), int(imp.getZ()), int(imp.getT()))
    place = [
        _check_index(wanted, count, axis) if wanted else now
        for wanted, count, now, axis in zip((c, z, t), counts, current, ("channel", "slice", "frame"), strict=True)
    ]
    return int(imp.getStackIndex(*place))


def _check_index(wanted: int, count: int, axis: str) -> int:
    if not 1 <= wanted <= count:
        message = f"The image has no {axis} {wanted}; it has {count}, counted from 1."
        raise InputError(message)
    return wanted


def _as_bytes(out: Any, needed: int) -> NDArray[np.uint8]:
    """Return the first `needed` bytes of a buffer, by address alone.

    JPype would hold the buffer until Java collects its garbage, and held shared memory can't be closed.
    """
    try:
        held = np.frombuffer(out, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        message = f"Pixels can't be copied into a {type(out).__name__}: {error}."
        raise InputError(message, hint="Hand in a writable, contiguous buffer.") from error
    if held.nbytes < needed or not held.flags.writeable:
        what = f"has {held.nbytes} bytes; the plane needs {needed}" if held.flags.writeable else "is read-only"
        message = f"The memory for the pixels {what}."
        raise InputError(message, hint="plane_spec(imp) says what a plane needs.")
    by_address = (ctypes.c_ubyte * needed).from_address(held.ctypes.data)
    return np.frombuffer(memoryview(by_address), np.uint8)


def _copy(pixels: Any, target: NDArray[np.uint8], dtype: DTypeLike) -> None:
    import jpype.nio

    size = np.dtype(dtype).itemsize
    native = java_class("java.nio.ByteOrder").nativeOrder()
    for first in range(0, len(pixels), _PIECE):
        count = min(_PIECE, len(pixels) - first)
        buffer = jpype.nio.convertToDirectBuffer(target[first * size : (first + count) * size]).order(native)
        if size > 1:
            buffer = getattr(buffer, _VIEWS[size])()
        buffer.put(pixels, first, count)
