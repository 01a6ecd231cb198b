"""Files whose planes are read whole: one frame is kept, so that its regions cost one reading."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FramePlane"]


class FramePlane:
    """A plane of frames, one for each channel that is wanted.

    Parameters
    ----------
    size : (height, width)
        Of the plane.
    read : callable
        Returns it whole, (height, width) or (height, width, channels); called once, when a region is asked for.
    """

    def __init__(self, size: tuple[int, int], read: Callable[[], NDArray[Any]]) -> None:
        self.levels = [size]
        self.notes: list[str] = []
        self._read = read
        self._whole: NDArray[Any] | None = None
        self._lock = threading.Lock()

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region; there is one level."""
        assert level == 0
        with self._lock:
            if self._whole is None:
                whole = self._read()
                if whole.shape[:2] != self.levels[0]:
                    message = f"its frame has the shape {whole.shape}"
                    raise ValueError(message)
                self._whole = whole
        return np.ascontiguousarray(self._whole[y0 : y0 + height, x0 : x0 + width])
