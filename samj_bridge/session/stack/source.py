"""A stack as it is read: plane by plane, when a plane is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import ImageError, SamjError
from samj_bridge.geometry.display_range import find_ranges
from samj_bridge.session.images import Channels, plane_of

__all__ = ["Ranges", "StackSource"]

Ranges = tuple[tuple[float, float], ...]

_LOOKED_AT = 5
"""Planes, spread over the stack, that say what is black and white in all of it."""


class StackSource:
    """What planes are read from.

    Parameters
    ----------
    thing : array, or sequence of planes
        An array (N, Y, X) or (N, Y, X, C), a memory map or zarr array too, or anything with a length whose items
        are planes: they are read when they are needed.
    ranges, channels
        As `Session.encode` takes them, for every plane.

    Raises
    ------
    ImageError
        It is no stack, or one with more axes than it can be told apart by.
    """

    def __init__(self, thing: Any, ranges: Any = None, channels: Channels = None) -> None:
        self._thing, self._given, self._channels = thing, ranges, channels
        self.planes = _count_of(thing)
        """How many there are."""
        self._ranges: Ranges | None = None
        first = self._checked(0, self._read(0))
        self.shape: tuple[int, int] = (first.shape[0], first.shape[1])
        """(Y, X) of each plane."""
        self._form = first.shape

    @property
    def channels(self) -> Channels:
        """Which channels are shown."""
        return self._channels

    def read(self, plane: int) -> NDArray[Any]:
        """Read a plane.

        Raises
        ------
        ImageError
            It has another shape than the first one, or can't be used.
        SamjError
            It can't be read.
        """
        pixels = self._checked(plane, self._read(plane))
        if pixels.shape != self._form:
            message = f"Plane {plane} has the shape {pixels.shape}, and plane 0 has {self._form}."
            hint = "All planes of a stack must have one size. Leave the others out, or bring them to it first."
            raise ImageError(message, hint=hint, plane=plane)
        return pixels

    def ranges(self, check: Callable[[float], None] = lambda _: None) -> Ranges:
        """Return what is shown as black and white, the same on all planes.

        With a range of its own an empty plane would be shown as noise, and the same object differently on each. So
        a few planes are looked at, spread over the stack: the lowest and the highest of their ranges.
        """
        if self._ranges is None:
            count = min(self.planes, _LOOKED_AT)
            found = []
            for number in range(count):
                check(number / count)
                at = round(number * (self.planes - 1) / max(1, count - 1))
                shown = plane_of(self.read(at), self._given, self._channels)
                if shown.ranges is not None:
                    found = [shown.ranges]
                    break
                found.append(find_ranges(shown.pixels, shown.channels))
            pairs = list(zip(*found, strict=True))
            self._ranges = tuple((min(low for low, _ in pair), max(high for _, high in pair)) for pair in pairs)
            if self._given is not None:
                self._ranges = found[0]
        return self._ranges

    def _read(self, plane: int) -> Any:
        try:
            return self._thing[plane]
        except SamjError:
            raise
        except Exception as error:
            message = f"Plane {plane} can't be read: {type(error).__name__}: {error}"
            hint = "Is the image closed, or was it changed? What was found on other planes stays as it is."
            raise ImageError(message, code="plane-unreadable", hint=hint, plane=plane) from error

    def _checked(self, plane: int, pixels: Any) -> NDArray[Any]:
        array = np.asarray(pixels)
        if array.ndim not in (2, 3):
            message = f"Plane {plane} has {array.ndim} axes, shape {array.shape}: it is a stack itself."
            raise ImageError(message, hint=_AXES, plane=plane)
        try:
            plane_of(array, None, self._channels)
        except ImageError as error:
            message = f"Plane {plane}: {error.message}"
            raise ImageError(message, code=error.code, hint=error.hint, plane=plane) from error
        return array


_AXES = (
    "Give one axis to go along: of (T, Z, Y, X) pixels[t] for one moment, or pixels[:, z] for one slice; channels "
    "come last."
)


def _count_of(thing: Any) -> int:
    shape = getattr(thing, "shape", None)
    if shape is not None:
        extents = tuple(int(extent) for extent in shape)
        if len(extents) == 2:
            message = f"The image has the shape {extents}: it is one plane, not a stack."
            raise ImageError(message, hint="Use Session.encode for one plane, or give pixels[None].")
        if len(extents) not in (3, 4):
            message = f"The image has {len(extents)} axes, shape {extents}; a stack has (N, Y, X) or (N, Y, X, C)."
            raise ImageError(message, hint=_AXES)
        if len(extents) == 3 and extents[2] <= 4 < extents[0]:
            message = f"The image's shape {extents} looks like one plane with channels, (Y, X, C)."
            raise ImageError(message, hint="A stack has the planes first: (N, Y, X), or (N, Y, X, C).")
        count = extents[0]
    else:
        try:
            count = len(thing)
        except TypeError as error:
            message = f"A {type(thing).__name__} is no stack: it has no length."
            raise ImageError(message, hint="Hand in an array (N, Y, X), or a list of planes.") from error
    if count == 0:
        raise ImageError("The stack has no planes.", hint="Check the file, or the part that was taken of it.")
    return count
