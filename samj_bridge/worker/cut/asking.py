"""A large image that stays with the client: the worker asks for the parts of it that prompts need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.halve import halve
from samj_bridge.protocol.arrays import ArrayDescription
from samj_bridge.protocol.failures import FailureCode, OperationFailed

__all__ = ["Ask", "AskedPixels"]

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Asks the client of the operation that runs, and waits for what it delivers; may raise when that was cancelled."""

_PIECE_PX = 1 << 22
"""Pixels that are asked for at a time where more is wanted: memory does not grow with the image."""


class AskedPixels:
    """The pixels of an image, part by part.

    Parameters
    ----------
    image : ArrayDescription
        Its shape and type.
    ask : callable
        Whom to ask now.
    """

    def __init__(self, image: ArrayDescription, ask: Callable[[], Ask]) -> None:
        self.shape = image.shape
        """(Y, X) or (Y, X, C)."""
        self.dtype = np.dtype(image.dtype)
        """Type of the elements."""
        self._ask = ask

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a part in full resolution.

        Raises
        ------
        OperationFailed
            ``bad-image``: what the client delivered is not that part.
        """
        step = max(1, _PIECE_PX // width)
        pieces = [self._piece(y0 + top, x0, min(step, height - top), width) for top in range(0, height, step)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def __getitem__(self, part: tuple[slice, slice]) -> NDArray[Any]:
        """Return rows and columns, as an array does."""
        (y0, y1, _), (x0, x1, _) = (axis.indices(extent) for axis, extent in zip(part, self.shape[:2], strict=True))
        return self.read(y0, x0, y1 - y0, x1 - x0)

    def octets(self) -> memoryview:
        """Return all of it, as shared memory would have it."""
        return np.ascontiguousarray(self[:, :]).data.cast("B")

    def halved(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of the image that was halved `level` times, in pixels of that level."""
        full_h, full_w = self.shape[:2]
        left, right = x0 << level, min((x0 + width) << level, full_w)
        result = np.empty((height, width, *self.shape[2:]), self.dtype)
        step = max(1, _PIECE_PX // ((right - left) << level))
        for top in range(0, height, step):
            rows = min(step, height - top)
            first, last = (y0 + top) << level, min((y0 + top + rows) << level, full_h)
            piece = self.read(first, left, last - first, right - left)
            for _ in range(level):
                piece = halve(piece)
            result[top : top + rows] = piece
        return result

    def stamp(self, y0: int, x0: int, height: int, width: int) -> int:
        """Return a number that changes when the pixels of a part do; the client may say 0 if they never change."""
        stamp = self._ask()({"what": "sum", "region": [y0, x0, height, width]}).get("sum", 0)
        return stamp if type(stamp) is int else 0

    def _piece(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        delivered = self._ask()({"what": "pixels", "region": [y0, x0, height, width]})
        shape, octets = (height, width, *self.shape[2:]), delivered.get("pixels", b"")
        if len(octets) != int(np.prod(shape)) * self.dtype.itemsize:
            message = f"A part of {shape} {self.dtype} was asked for, and {len(octets)} bytes were delivered."
            raise OperationFailed(
                FailureCode.BAD_IMAGE, message, hint="Deliver exactly the region that is asked for."
            )
        return np.frombuffer(octets, self.dtype).reshape(shape)
