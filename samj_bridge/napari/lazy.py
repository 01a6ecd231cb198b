"""A part of an array that is read when it is needed: one plane of a stack, whatever holds the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sliced"]


class Sliced:
    """An array with some of its axes held at an index and the others in an order of one's own; nothing is read now.

    numpy arrays, memory maps, zarr and dask arrays and whatever else takes whole numbers and slices.

    Parameters
    ----------
    array : array
        It has ``shape`` and ``dtype``.
    at : mapping of int to int
        Axis to index: the axes that are held.
    order : sequence of int
        The other axes, in the order that they are to have.

    Examples
    --------
    >>> stack = np.arange(24).reshape(2, 3, 4)
    >>> plane = Sliced(stack, {0: 1}, (2, 1))
    >>> plane.shape, plane[1:3, :2].tolist()
    ((4, 3), [[13, 17], [14, 18]])
    """

    def __init__(self, array: Any, at: Mapping[int, int], order: Sequence[int]) -> None:
        self._array = array
        self._at = dict(at)
        self._order = tuple(order)
        self.shape = tuple(int(array.shape[axis]) for axis in self._order)
        """Extent of each axis that is left."""
        self.dtype = np.dtype(array.dtype)
        """Type of the pixels."""
        self.ndim = len(self.shape)
        """Number of axes that are left."""

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        parts = dict(zip(self._order, keys, strict=False))
        index = tuple(
            self._at[axis] if axis in self._at else parts.get(axis, slice(None))
            for axis in range(len(self._array.shape))
        )
        read: NDArray[Any] = np.asarray(self._array[index])
        left = sorted(self._order)
        turned: NDArray[Any] = read.transpose([left.index(axis) for axis in self._order])
        return turned

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        read = self[()]
        return read if dtype is None else read.astype(dtype)
