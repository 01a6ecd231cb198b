"""Images that are read region by region, at several levels: what readers give, and what is made one by a wrapper.

`Pyramid` is the contract. `as_pyramid` makes one of what people have: an array, a memory map, a zarr array, a list
of those, or a reader's own pyramid, and gives it every level that halving would, whatever its file holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import ImageError, OutOfMemory, SamjError
from samj_bridge.geometry.halve import halve

__all__ = ["HalvedPyramid", "MemoryPyramid", "Pyramid", "as_pyramid", "check_region", "halved", "identity_of"]

SMALLEST_PX = 64
"""Halving goes on until no side is longer than this."""

_STRIP_PX = 1 << 22
"""Pixels of a finer level that are read at a time to make a coarser one: memory does not grow with the image."""


@runtime_checkable
class Pyramid(Protocol):
    """An image that is read region by region: what readers of files give to sessions.

    It may have an attribute ``identity``, a text that changes when the pixels do (of a file: its path, size and
    time; or a hash of the content). What is encoded of it can then be found again. Without one it is never assumed
    to be the same as another.

    An image that may change while it is used has a method ``stamp(y0, x0, height, width)``, which gives a number
    that changes when the pixels of that region of level 0 do. What was encoded of it is then encoded anew.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width) or (height, width, channels) in full resolution; 8-bit with 3 channels is RGB."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, the same at every level."""

    @property
    def levels(self) -> Sequence[tuple[int, ...]]:
        """Shape of each level, finest first; the first is `shape`. At least one."""

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return exactly that region of that level, (height, width[, channels]), in pixels of the level.

        May be called from several threads at once.

        Raises
        ------
        SamjError
            The region is not in the level, or can't be read: ``ImageError`` or ``FileError`` with a sentence.
        """


class MemoryPyramid:
    """Levels that can be sliced: numpy arrays, memory maps, zarr arrays.

    Parameters
    ----------
    levels : sequence of arrays
        Finest first; each has ``shape``, ``dtype`` and takes slices. Nothing is read now.
    identity : str
        As in `Pyramid`.

    Raises
    ------
    ImageError
        There is none, an array is empty or has another number of axes than 2 or 3, they differ in type or channels,
        or do not get smaller.

    Examples
    --------
    >>> image = MemoryPyramid([np.arange(12).reshape(3, 4)])
    >>> image.read(0, 1, 2, 2, 2)
    array([[ 6,  7],
           [10, 11]])
    """

    def __init__(self, levels: Sequence[Any], identity: str = "") -> None:
        self._arrays = tuple(levels)
        self.identity = identity
        """What it is known by; empty: nothing."""
        self.levels: Sequence[tuple[int, ...]] = tuple(
            tuple(int(extent) for extent in array.shape) for array in self._arrays
        )
        """Shape of each level."""
        _check_levels(self.levels, [np.dtype(array.dtype) for array in self._arrays])
        self.shape = self.levels[0]
        """Shape in full resolution."""
        self.dtype = np.dtype(self._arrays[0].dtype)
        """Type of the pixels."""

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level; of a numpy array it is a view."""
        check_region(self.levels, level, y0, x0, height, width)
        where = f"The region of {width} x {height} pixels at ({x0}, {y0}) of level {level} can't be read"
        try:
            found = np.asarray(self._arrays[level][y0 : y0 + height, x0 : x0 + width])
        except SamjError:
            raise
        except MemoryError as error:
            message = f"{where}: there is no memory for it."
            raise OutOfMemory(message, hint="Close other programs.") from error
        except Exception as error:  # whatever is behind the array raises what it likes
            reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            message = f"{where}: {reason}."
            raise _unreadable(message) from error
        wanted = (height, width, *self.shape[2:])
        if found.shape != wanted:
            message = f"{where}: it has the shape {found.shape} instead of {wanted}."
            raise _unreadable(message)
        return found


class HalvedPyramid:
    """A pyramid whose level n is the image reduced exactly 2**n times; made by `halved`.

    A level that the image has itself is read from there. Another one is made of the nearest finer one that it has:
    each pixel is the mean of 2 x 2, rounded half up for whole numbers, of the pixels there are at a border of odd
    length, and without those that are not finite. It is made when it is asked for, strip by strip, and not kept.
    """

    def __init__(self, image: Pyramid) -> None:
        self.image = image
        """What it reads from."""
        self.shape = tuple(image.shape)
        """Shape in full resolution."""
        self.dtype = np.dtype(image.dtype)
        """Type of the pixels."""
        self.identity = identity_of(image)
        """That of the image."""
        self.levels: Sequence[tuple[int, ...]] = _ladder(self.shape)
        """Shape of each level; sides are rounded up."""
        self._own = {0: 0}
        for number, shape in enumerate(image.levels):
            power = _power_of(self.levels, tuple(shape))
            if power is not None:
                self._own.setdefault(power, number)

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level."""
        check_region(self.levels, level, y0, x0, height, width)
        source = max(power for power in self._own if power <= level)
        if source == level:
            return self._of_image(source, y0, x0, height, width)
        times = level - source
        step = max(1, _STRIP_PX // max(1, width << (2 * times)))
        result = np.empty((height, width, *self.shape[2:]), self.dtype)
        for top in range(0, height, step):
            rows = min(step, height - top)
            strip = self._reduced(source, times, y0 + top, x0, rows, width)
            result[top : top + rows] = strip
        return result

    def cost(self, level: int) -> int:
        """Return how many pixels are read for one pixel of a level."""
        return 1 << 2 * (level - max(power for power in self._own if power <= level))

    def _reduced(self, source: int, times: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        full_h, full_w = self.levels[source][:2]
        top, left = y0 << times, x0 << times
        bottom, right = min((y0 + height) << times, full_h), min((x0 + width) << times, full_w)
        pixels = self._of_image(source, top, left, bottom - top, right - left)
        for _ in range(times):
            pixels = halve(pixels)
        return pixels

    def _of_image(self, power: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        number = self._own[power]
        # A file may have rounded the level's sides down: its last row or column then stands for the missing one.
        has_h, has_w = self.image.levels[number][:2]
        top, left = min(y0, has_h - 1), min(x0, has_w - 1)
        rows, columns = max(1, min(y0 + height, has_h) - top), max(1, min(x0 + width, has_w) - left)
        pixels = self.image.read(number, top, left, rows, columns)
        if (rows, columns) == (height, width):
            return pixels
        missing = [(0, height - rows), (0, width - columns), *([(0, 0)] * (pixels.ndim - 2))]
        return np.pad(pixels, missing, mode="edge")


def as_pyramid(thing: Any) -> HalvedPyramid:
    """Make a pyramid of an image, with a level for each halving. Nothing is read or copied.

    Parameters
    ----------
    thing : Pyramid, array, or list of arrays
        A reader's pyramid; anything that has ``shape``, ``dtype`` and takes slices, (Y, X) or (Y, X, C), such as
        numpy arrays, memory maps and zarr arrays; or a list of such arrays, one per level, finest first.

    Raises
    ------
    ImageError
        It is none of these, or its levels do not fit together.

    Examples
    --------
    >>> image = as_pyramid(np.arange(128 * 256).reshape(128, 256))
    >>> list(image.levels)
    [(128, 256), (64, 128), (32, 64)]
    >>> image.read(2, 0, 0, 1, 2)
    array([[386, 390]])
    """
    if isinstance(thing, Pyramid):
        shapes = [tuple(int(extent) for extent in shape) for shape in thing.levels]
        _check_levels(shapes, [np.dtype(thing.dtype)] * len(shapes))
        if shapes[0] != tuple(thing.shape):
            reason = f"the first level has the shape {shapes[0]}, the image {tuple(thing.shape)}"
            raise _unfit(reason)
        return halved(thing)
    if isinstance(thing, (list, tuple)) and thing and all(_sliceable(item) for item in thing):
        return halved(MemoryPyramid(thing))
    if _sliceable(thing):
        return halved(MemoryPyramid([thing]))
    message = f"A {type(thing).__name__} is no image that can be read region by region."
    hint = (
        "Hand in an array, a zarr array, a list of those (levels, finest first), or an object with shape, dtype, "
    )
    raise ImageError(message, hint=f"{hint}levels and read(level, y0, x0, height, width).")


def halved(image: Pyramid) -> HalvedPyramid:
    """Give an image every level that halving would; one that has them already is returned as it is."""
    return image if isinstance(image, HalvedPyramid) else HalvedPyramid(image)


def identity_of(image: object) -> str:
    """Return what an image is known by; empty where it does not say."""
    found = getattr(image, "identity", "")
    return found if isinstance(found, str) else ""


def _ladder(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    levels = [shape]
    while max(levels[-1][:2]) > SMALLEST_PX:
        height, width = levels[-1][:2]
        levels.append(((height + 1) // 2, (width + 1) // 2, *shape[2:]))
    return tuple(levels)


def _power_of(ladder: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> int | None:
    """Return how often an image was halved to have this shape; None where it was reduced otherwise."""
    for power, (height, width) in enumerate(level[:2] for level in ladder):
        # Sides may have been rounded down, each time by less than a pixel of the level.
        if 0 <= height - shape[0] <= 1 and 0 <= width - shape[1] <= 1:
            return power
    return None


def _sliceable(thing: Any) -> bool:
    return hasattr(thing, "shape") and hasattr(thing, "dtype") and hasattr(thing, "__getitem__")


def _check_levels(levels: Sequence[tuple[int, ...]], dtypes: Sequence[np.dtype[Any]]) -> None:
    if not levels:
        raise _unfit("it has no level")
    for number, (shape, dtype) in enumerate(zip(levels, dtypes, strict=True)):
        reason = _what_is_wrong(shape, dtype, levels[0], dtypes[0]) or (
            number and _what_is_not_smaller(shape, levels[number - 1])
        )
        if reason:
            raise _unfit(f"level {number} {reason}")  # noqa: EM102 (the sentence is put together above)


def _what_is_wrong(
    shape: tuple[int, ...], dtype: np.dtype[Any], first: tuple[int, ...], first_dtype: np.dtype[Any]
) -> str:
    if len(shape) not in (2, 3) or min(shape) < 1:
        return f"has the shape {shape}; it should be (height, width) or (height, width, channels)"
    if dtype.kind not in "buif":
        return f"is of type {dtype}; pixels are bool, integers or floats"
    if dtype != first_dtype:
        return f"is of type {dtype}, level 0 of type {first_dtype}"
    if len(shape) != len(first) or shape[2:] != first[2:]:
        return f"has the shape {shape}, level 0 has {first}: channels differ"
    return ""


def _what_is_not_smaller(shape: tuple[int, ...], before: tuple[int, ...]) -> str:
    if shape[0] > before[0] or shape[1] > before[1] or shape == before:
        return f"has the shape {shape}, which is not smaller than {before} before it"
    return ""


def check_region(levels: Sequence[tuple[int, ...]], level: int, y0: int, x0: int, height: int, width: int) -> None:
    """Refuse a region that is not in its level."""
    if not 0 <= level < len(levels):
        message = f"There is no level {level}: the image has {len(levels)}, from 0."
        raise ImageError(message, hint="Ask for one of these.", code="region-outside")
    full_h, full_w = levels[level][:2]
    if height < 1 or width < 1 or y0 < 0 or x0 < 0 or y0 + height > full_h or x0 + width > full_w:
        there = f"level {level} of {full_w} x {full_h}"
        message = f"The region of {width} x {height} pixels at ({x0}, {y0}) is not in {there}."
        raise ImageError(message, hint="Ask for a part of the level.", code="region-outside")


def _unfit(reason: str) -> ImageError:
    message = f"The image can't be read region by region: {reason}."
    return ImageError(message, hint="Levels are given finest first, of one type, each smaller than the one before.")


def _unreadable(message: str) -> ImageError:
    hint = "Is the file still there, whole, and its drive connected? What was read before stays usable."
    return ImageError(message, code="region-unreadable", hint=hint)
