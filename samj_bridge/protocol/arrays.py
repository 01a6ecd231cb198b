"""Arrays in shared memory as Appose describes them; memoryviews only, since numpy may differ on both sides.

The host creates and unlinks blocks; the worker attaches, reads and closes. A numpy array made with
``numpy.frombuffer(shared.view, ...)`` keeps the mapping alive (closing then fails cleanly), while one made with
``numpy.ndarray(buffer=...)`` does not and ends in a segmentation fault when read after the close.
"""

from __future__ import annotations

import math
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker, shared_memory
from typing import Any

from samj_bridge.protocol.failures import FailureCode, OperationFailed

__all__ = ["ITEM_SIZES", "ArrayDescription", "attached", "describe"]

ITEM_SIZES = {"uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "float32": 4, "float64": 8}
"""Bytes per element of every type that may cross, in the machine's own byte order."""

_attach_lock = threading.Lock()


@dataclass(frozen=True)
class ArrayDescription:
    """An array in shared memory, C order."""

    dtype: str
    """Element type, one of `ITEM_SIZES`."""
    shape: tuple[int, ...]
    """Extents, slowest first: (Y, X) or (Y, X, C)."""
    name: str
    """Name of the shared memory block."""
    rsize: int
    """Bytes asked for when the block was made; the block itself may be larger."""

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]

    @classmethod
    def from_wire(cls, value: Any) -> ArrayDescription:
        """Read Appose's ``{"appose_type": "ndarray", ...}``.

        Raises
        ------
        OperationFailed
            ``bad-image``: a field is missing or of the wrong kind, or the block is smaller than the array.
        """
        try:
            if value["appose_type"] != "ndarray" or value["shm"]["appose_type"] != "shm":
                raise ValueError("appose_type")
            shape = tuple(value["shape"])
            description = cls(value["dtype"], shape, value["shm"]["name"], value["shm"]["rsize"])
            whole = all(type(extent) is int and extent > 0 for extent in (*shape, description.rsize))
            if not (whole and description.name and description.dtype in ITEM_SIZES):
                raise ValueError("dtype, shape or shm")
        except (KeyError, TypeError, ValueError) as error:
            message = (
                f"The image is not a shared-memory array of a known type and a positive shape: {value!r:.300}."
            )
            hint = f"Send an Appose ndarray of one of: {', '.join(ITEM_SIZES)}."
            raise OperationFailed(FailureCode.BAD_IMAGE, message, hint=hint) from error
        if description.nbytes > description.rsize:
            message = (
                f"An array of {shape} {description.dtype} needs {description.nbytes} bytes,"
                f" but its shared memory has {description.rsize}."
            )
            raise OperationFailed(FailureCode.BAD_IMAGE, message, hint="Make the block large enough for the array.")
        return description

    def to_wire(self) -> dict[str, Any]:
        """Return Appose's description."""
        return describe(self.dtype, self.shape, self.name, self.rsize)


def describe(dtype: str, shape: tuple[int, ...], name: str, rsize: int) -> dict[str, Any]:
    """Return Appose's JSON object for an array in the block `name`."""
    shm: Mapping[str, Any] = {"appose_type": "shm", "name": name, "rsize": rsize}
    return {"appose_type": "ndarray", "dtype": dtype, "shape": list(shape), "shm": shm}


@contextmanager
def attached(description: ArrayDescription) -> Iterator[memoryview]:
    """Map the block, yield the array's bytes, unmap it; never unlinks.

    Every view of the bytes must be gone at the end. One that is not keeps the mapping (no crash, but a leak).

    Raises
    ------
    OperationFailed
        ``bad-image``: there is no such block, or it is smaller than described.
    """
    try:
        block = _attach(description.name)
    except (OSError, ValueError) as error:
        message = f"The shared memory {description.name!r} of the image can't be opened ({error})."
        hint = "Keep the block until the operation has answered."
        raise OperationFailed(FailureCode.BAD_IMAGE, message, hint=hint) from error
    try:
        if block.size < description.nbytes:
            message = f"The image needs {description.nbytes} bytes, its shared memory has {block.size}."
            raise OperationFailed(FailureCode.BAD_IMAGE, message, hint="Make the block large enough for the array.")
        view = memoryview(block.buf or b"")[: description.nbytes].toreadonly()
        try:
            yield view
        except BaseException as error:
            # Arrays in the frames of a failed conversion would keep the mapping.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            with suppress(BufferError):
                view.release()
    finally:
        with suppress(BufferError):
            block.close()


def _attach(name: str) -> shared_memory.SharedMemory:
    if sys.version_info >= (3, 13):
        return shared_memory.SharedMemory(name=name, track=False)
    # Before 3.13 attaching registers the block with a resource tracker, a process of its own that would
    # unlink the host's block when this process ends (https://github.com/python/cpython/issues/82300).
    with _attach_lock:
        register = resource_tracker.register
        resource_tracker.register = _ignore  # type: ignore[assignment]
        try:
            return shared_memory.SharedMemory(name=name)
        finally:
            resource_tracker.register = register


def _ignore(name: str, rtype: str) -> None:
    """Register nothing."""
