"""A plane of an ImagePlus that is too large to be copied: Java reads the parts of it that prompts need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import ImageError
from samj_bridge.fiji.jvm import java_class, java_thread

__all__ = ["PartsOfPlane", "as_numpy"]

_TYPES = {"byte[]": np.dtype(np.uint8), "short[]": np.dtype(np.uint16), "float[]": np.dtype(np.float32)}
_Result = TypeVar("_Result")


class PartsOfPlane:
    """A `samj_bridge.reading.pyramid.Pyramid` of one level over Java's ``Pixels.Parts``.

    Parameters
    ----------
    pixels : org.samj.bridge.Pixels
        One that is read in parts.
    """

    def __init__(self, pixels: Any) -> None:
        self._parts = pixels.parts
        kind = str(pixels.array.getClass().getSimpleName())
        plane = int(pixels.height), int(pixels.width)
        self.shape: tuple[int, ...] = plane if kind in _TYPES else (*plane, 3)
        """(Y, X), or (Y, X, 3) for colours."""
        self.dtype = _TYPES.get(kind, np.dtype(np.uint8))
        """Type of the pixels."""
        self.levels: tuple[tuple[int, ...], ...] = (self.shape,)
        """Only the plane itself: coarser levels are made of it, strip by strip."""

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region, copied out of Java.

        Raises
        ------
        ImageError
            The image was closed or changed, or its file can't be read.
        """
        assert level == 0
        return _told(lambda: as_numpy(self._parts.read(x0, y0, width, height), (height, width)))

    def stamp(self, y0: int, x0: int, height: int, width: int) -> int:
        """Return a number that changes when the pixels of a region do: the user may filter her image.

        Raises
        ------
        ImageError
            As `read`.
        """
        return _told(lambda: int(self._parts.sum(x0, y0, width, height)))


def as_numpy(array: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """Return the elements of one of ImageJ's arrays in a new one of numpy: (Y, X), or (Y, X, 3) of colours."""
    # A copy, not a view: an error whose traceback holds a view of a Java array never reaches Java. JPype gives the
    # array back after it has thrown; that takes the exception away again, and Java is returned null.
    values = np.array(array)
    if values.dtype.kind == "f":
        return values.reshape(shape)
    if values.dtype.itemsize == 4:
        # An int holds 0xAARRGGBB: in memory B, G, R, A where the lowest byte comes first.
        octets = values.astype("<u4", copy=False).view(np.uint8).reshape(*shape, 4)
        return np.ascontiguousarray(octets[..., 2::-1])
    return values.view(f"u{values.dtype.itemsize}").reshape(shape)


def _told(work: Callable[[], _Result]) -> _Result:
    """Ask Java, from whatever thread; what it says of an image that is gone is raised as our own."""
    import jpype

    try:
        # Tiles are encoded ahead on threads that come and go.
        with java_thread():
            return work()
    except jpype.JException as error:
        told = java_class("org.samj.bridge.SegmenterException").of(error)
        code, message, hint = str(told.code()), str(told.getMessage()), str(told.hint())
    raise ImageError(message, code=code, hint=hint)
