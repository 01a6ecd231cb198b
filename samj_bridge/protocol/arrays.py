"""Arrays in shared memory as Appose describes them, in a file, or with the client; no numpy, which may differ.

The host creates and unlinks blocks and files; the worker attaches, reads and closes. A numpy array made with
``numpy.frombuffer(shared.view, ...)`` keeps the mapping alive (closing then fails cleanly), while one made with
``numpy.ndarray(buffer=...)`` does not and ends in a segmentation fault when read after the close.
"""

from __future__ import annotations

import math
import mmap
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from typing import Any

from samj_bridge.protocol.failures import FailureCode, OperationFailed

__all__ = ["ITEM_SIZES", "ArrayDescription", "attached", "describe"]

ITEM_SIZES = {"uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "float32": 4, "float64": 8}
"""Bytes per element of every type that may cross, in the machine's own byte order."""

_attach_lock = threading.Lock()


@dataclass(frozen=True)
class ArrayDescription:
    """An array in shared memory or in a file, C order."""

    dtype: str
    """Element type, one of `ITEM_SIZES`."""
    shape: tuple[int, ...]
    """Extents, slowest first: (Y, X) or (Y, X, C)."""
    name: str
    """Name of the shared memory block, or absolute path of the file; empty: it stays with the client."""
    rsize: int
    """Bytes asked for when the block was made; the block itself may be larger. 0: it is a file, which knows it."""

    @property
    def is_asked(self) -> bool:
        """Whether the client keeps it, and delivers the parts that are asked for."""
        return not self.name

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]

    @classmethod
    def from_wire(cls, value: Any) -> ArrayDescription:
        """Read Appose's ``{"appose_type": "ndarray", ...}``, or the same with ``file`` or ``ask`` for ``shm``.

        Raises
        ------
        OperationFailed
            ``bad-image``: a field is missing or of the wrong kind, or the block is smaller than the array.
        """
        try:
            if value["appose_type"] != "ndarray":
                raise ValueError("appose_type")
            shape = tuple(value["shape"])
            name, rsize = _place(value)
            description = cls(value["dtype"], shape, name, rsize)
            whole = all(type(extent) is int and extent > 0 for extent in shape)
            if not (whole and (name or value.get("ask") is True) and description.dtype in ITEM_SIZES):
                raise ValueError("dtype, shape, shm, file or ask")
        except (KeyError, TypeError, ValueError) as error:
            message = (
                f"The image is not an array in shared memory or a file, of a known type and a positive shape: "
                f"{value!r:.300}."
            )
            hint = f"Send an Appose ndarray of one of: {', '.join(ITEM_SIZES)}."
            raise OperationFailed(FailureCode.BAD_IMAGE, message, hint=hint) from error
        if description.rsize and description.nbytes > description.rsize:
            message = (
                f"An array of {shape} {description.dtype} needs {description.nbytes} bytes,"
                f" but its shared memory has {description.rsize}."
            )
            raise OperationFailed(FailureCode.BAD_IMAGE, message, hint="Make the block large enough for the array.")
        return description

    def to_wire(self) -> dict[str, Any]:
        """Return Appose's description, or ours of a file, or of what is asked for."""
        if self.rsize:
            return describe(self.dtype, self.shape, self.name, self.rsize)
        place = {"ask": True} if self.is_asked else {"file": self.name}
        return {"appose_type": "ndarray", "dtype": self.dtype, "shape": list(self.shape), **place}


def describe(dtype: str, shape: tuple[int, ...], name: str, rsize: int) -> dict[str, Any]:
    """Return Appose's JSON object for an array in the block `name`."""
    shm: Mapping[str, Any] = {"appose_type": "shm", "name": name, "rsize": rsize}
    return {"appose_type": "ndarray", "dtype": dtype, "shape": list(shape), "shm": shm}


def _place(value: Any) -> tuple[str, int]:
    """Return where the array is: a block's name and size, a file's path and 0, or nothing: it is asked for."""
    if "ask" in value:
        if "shm" in value or "file" in value:
            raise ValueError("ask")
        return "", 0
    if "file" in value:
        if "shm" in value or not Path(value["file"]).is_absolute():
            raise ValueError("file")
        return value["file"], 0
    name, rsize = value["shm"]["name"], value["shm"]["rsize"]
    if value["shm"]["appose_type"] != "shm" or type(rsize) is not int or rsize < 1:
        raise ValueError("shm")
    return name, rsize


@contextmanager
def attached(description: ArrayDescription) -> Iterator[memoryview]:
    """Map the block or file, yield the array's bytes, unmap it; never unlinks.

    Every view of the bytes must be gone at the end. One that is not keeps the mapping (no crash, but a leak).

    Raises
    ------
    OperationFailed
        ``bad-image``: there is no such block, or it is smaller than described.
    """
    what = "shared memory" if description.rsize else "file"
    try:
        block = _attach(description.name) if description.rsize else _File(description.name)
    except (OSError, ValueError) as error:
        message = f"The {what} {description.name!r} of the image can't be opened ({error})."
        hint = "Keep it until the operation has answered."
        raise OperationFailed(FailureCode.BAD_IMAGE, message, hint=hint) from error
    try:
        if block.size < description.nbytes:
            message = f"The image needs {description.nbytes} bytes, its {what} has {block.size}."
            raise OperationFailed(FailureCode.BAD_IMAGE, message, hint="Make it large enough for the array.")
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


class _File:
    """A file, mapped, as `shared_memory.SharedMemory` is."""

    def __init__(self, path: str) -> None:
        with Path(path).open("rb") as stream:
            self.buf = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self.size = len(self.buf)

    def close(self) -> None:
        self.buf.close()


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
