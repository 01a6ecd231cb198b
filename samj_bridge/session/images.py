"""Pixels to shared memory: what is accepted, one copy, blocks that are used again."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import ImageError, OutOfMemory
from samj_bridge.protocol.arrays import ArrayDescription

__all__ = ["BlockPool", "Channels", "Plane", "copy_of", "fill", "plane_of", "shared_view"]

Channels = int | Sequence[int] | str | None
"""An index, up to three indices (red, green, blue), ``"merge"``, or None for what the shape suggests."""

_MOST_CHANNELS = 32
_KEPT_FREE = 2
_STEP = 1 << 20
_WIRE_TYPES = {"bool": "uint8", "int8": "int16", "uint8": "uint8", "uint16": "uint16", "int16": "int16"}


@dataclass(frozen=True)
class Plane:
    """An image as it will be sent: a view of the caller's pixels, not copied yet."""

    pixels: NDArray[Any]
    """(Y, X) or (Y, X, C), any strides and byte order."""
    dtype: str
    """Element type on the wire."""
    channels: str
    """How the worker treats channels: ``auto``, ``each`` or ``merge``."""
    ranges: tuple[tuple[float, float], ...] | None
    """Display range per channel; None: the worker finds it."""

    @property
    def nbytes(self) -> int:
        """Bytes on the wire."""
        return self.pixels.size * np.dtype(self.dtype).itemsize

    def copy_into(self, target: NDArray[Any]) -> None:
        """Write the pixels, converted, into an array of the wire's type."""
        with np.errstate(over="ignore", invalid="ignore"):
            np.copyto(target, self.pixels, casting="unsafe")


def plane_of(pixels: Any, ranges: Any = None, channels: Channels = None) -> Plane:
    """Check an image and choose its channels.

    Parameters
    ----------
    pixels : (Y, X) or (Y, X, C) array
        Bool, integers or floats, any byte order and strides; NaN and infinities may be in it. 32- and 64-bit
        numbers are sent as float32. uint8 with 3 channels is RGB; with 4, RGBA, whose alpha is dropped; any
        other number of channels but 1 and 3 is merged (each stretched, then the mean) unless `channels` says
        otherwise.
    ranges : (low, high) or one such pair per channel sent, optional
        Values shown as black and white.
    channels : int, sequence of 1 to 3 ints, or "merge", optional
        Which channels are sent: one as grey, up to three as red, green and blue, each with its own range.

    Raises
    ------
    ImageError
        Another shape, type or range, with a sentence on what to do.
    """
    array = _as_array(pixels)
    _check_shape(array, chosen=channels is not None)
    array, mode = _choose(array, channels)
    dtype = _WIRE_TYPES.get(array.dtype.newbyteorder("=").name, "float32")
    return Plane(array, dtype, mode, _pairs(ranges, array.shape[2] if array.ndim == 3 else 1))


class BlockPool:
    """Shared memory blocks of this process, lent one at a time and used again.

    A new block costs five times as much as writing to one that exists, so they are kept until `close`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[SharedMemory] = []
        self._closed = False

    @contextmanager
    def lend(self, nbytes: int) -> Iterator[Loan]:
        """Lend a block of at least `nbytes`; it is kept for the next image if `Loan.reusable` is set at the end.

        Raises
        ------
        OutOfMemory
            The system has no shared memory of that size left.
        """
        loan = Loan(self._take(nbytes))
        try:
            yield loan
        finally:
            self._give_back(loan)

    def close(self) -> None:
        """Unlink every block that is not lent; a lent one goes when it comes back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for block in free:
            self._drop(block)

    def _take(self, nbytes: int) -> SharedMemory:
        with self._lock:
            fitting = [block for block in self._free if block.size >= nbytes]
            if fitting:
                best = min(fitting, key=lambda block: block.size)
                self._free.remove(best)
                return best
            # None is large enough: the largest makes room, so that blocks grow instead of gathering.
            outgrown = [max(self._free, key=lambda block: block.size)] if self._free else []
            self._free = [block for block in self._free if block not in outgrown]
        for block in outgrown:
            self._drop(block)
        return _create(-(-nbytes // _STEP) * _STEP)

    def _give_back(self, loan: Loan) -> None:
        with self._lock:
            if loan.reusable and not self._closed and len(self._free) < _KEPT_FREE:
                self._free.append(loan.block)
                return
        self._drop(loan.block)

    def _drop(self, block: SharedMemory) -> None:
        with suppress(BufferError):
            block.close()
        with suppress(FileNotFoundError):
            block.unlink()


@dataclass
class Loan:
    """A block in use."""

    block: SharedMemory
    """The block."""
    reusable: bool = False
    """Set once the worker is known to be done with it."""

    def describe(self, plane: Plane) -> ArrayDescription:
        """Return the description of a plane that was copied into the block."""
        shape = tuple(int(extent) for extent in plane.pixels.shape)
        return ArrayDescription(plane.dtype, shape, self.block.name, self.block.size)


def shared_view(loan: Loan, plane: Plane) -> NDArray[Any]:
    """Return the block as an array of the plane's shape; drop it before the loan ends."""
    # frombuffer keeps the mapping alive; ndarray(buffer=) would not, and end in a segmentation fault.
    flat = np.frombuffer(loan.block.buf or b"", dtype=plane.dtype, count=plane.pixels.size)
    return flat.reshape(plane.pixels.shape)


def fill(loan: Loan, plane: Plane) -> None:
    """Copy a plane into the block."""
    plane.copy_into(shared_view(loan, plane))


def copy_of(loan: Loan, plane: Plane) -> Plane:
    """Return the plane with a private copy of what `fill` wrote: converted, and nobody else's to change."""
    return replace(plane, pixels=shared_view(loan, plane).copy())


def _create(nbytes: int) -> SharedMemory:
    # Whose it is can be read from its name; 30 characters are the most that macOS takes.
    name = f"samj_{os.getpid():x}_{secrets.token_hex(8)}"
    if os.name == "posix":
        # Before the block exists: Python's tracker, which takes it away when this process is killed, would
        # otherwise hear of the first block only once the tracker has started, and a kill can come before that.
        resource_tracker.register(f"/{name}", "shared_memory")
    block = None
    try:
        block = SharedMemory(name, create=True, size=nbytes)
        descriptor = getattr(block, "_fd", -1)
        if descriptor >= 0 and hasattr(os, "posix_fallocate"):
            # Linux gives pages only when they are written; where /dev/shm is full (64 MB in a container) that
            # would kill this process, and Fiji with it, by SIGBUS.
            os.posix_fallocate(descriptor, 0, nbytes)
        return block
    except (OSError, MemoryError, ValueError, OverflowError) as error:
        if block is not None:
            block.close()
            block.unlink()
        elif os.name == "posix":
            # Depending on where it failed Python took the name back or not; twice would upset the tracker.
            resource_tracker.register(f"/{name}", "shared_memory")
            resource_tracker.unregister(f"/{name}", "shared_memory")
        message = f"There are no {nbytes / 1e6:.0f} MB of shared memory left to hand over the image ({error})."
        hint = "Close other programs, use a smaller image, or in a container give more: docker run --shm-size=2g."
        raise OutOfMemory(message, hint=hint, code="image-too-large", needed_bytes=nbytes) from error


def _as_array(pixels: Any) -> NDArray[Any]:
    try:
        array = np.asarray(pixels)
    except (ValueError, TypeError) as error:
        message = f"The image is a {type(pixels).__name__} that numpy can't make an array of: {error}."
        raise ImageError(message, hint="Hand in a numpy array, (Y, X) or (Y, X, C).") from error
    if array.dtype.kind not in "buif":
        message = f"The image is {_described(pixels, array)}; pixels must be bool, integers or floats."
        hint = "Convert it first, e.g. with numpy.asarray(image, dtype='float32')."
        if array.dtype.kind == "c":
            hint = "Take its magnitude, numpy.abs(image), or its real part."
        raise ImageError(message, hint=hint)
    return array


def _described(pixels: Any, array: NDArray[Any]) -> str:
    if isinstance(pixels, np.ndarray):
        return f"an array of type {array.dtype}"
    return f"a {type(pixels).__name__}"


def _check_shape(array: NDArray[Any], *, chosen: bool) -> None:
    shape = array.shape
    if array.ndim not in (2, 3):
        message = f"The image has {array.ndim} axes, shape {shape}; one plane has 2, or 3 with channels last."
        hint = "Hand in one plane, for example pixels[t, z]." if array.ndim > 3 else "Hand in a (Y, X) array."
        raise ImageError(message, hint=hint)
    if array.size == 0:
        message = f"The image is empty: its shape is {shape}."
        raise ImageError(message, hint="Check the file, or the slice that was taken of it.")
    if array.ndim == 2:
        return
    if shape[0] <= 4 and shape[2] > 16:
        message = f"The image's shape {shape} looks like (C, Y, X); channels come last here: (Y, X, C)."
        raise ImageError(message, hint="Move the axis: numpy.moveaxis(pixels, 0, -1).")
    if shape[2] > _MOST_CHANNELS and not chosen:
        message = f"The image's shape {shape} would mean {shape[2]} channels; it looks like a stack."
        raise ImageError(message, hint="Hand in one plane, for example pixels[0], or say which channels=.")


def _choose(array: NDArray[Any], channels: Channels) -> tuple[NDArray[Any], str]:
    planes = array if array.ndim == 3 else array[..., np.newaxis]
    there = planes.shape[2]
    if channels is None:
        channels = 0 if there == 1 else "merge"
        if there == 3 or (there == 4 and array.dtype == np.uint8):
            return planes[..., :3], "auto"
    if isinstance(channels, str):
        if channels != "merge":
            message = f"channels is {channels!r}."
            raise ImageError(message, hint="Give a channel's index, up to three of them, or 'merge'.")
        return planes, "merge"
    wanted = _indices(channels, there)
    if len(wanted) == 1:
        return planes[..., wanted[0]], "each"
    # Neighbours as a slice: that is a view, a list of indices would copy.
    first, run = wanted[0], list(range(wanted[0], wanted[0] + len(wanted)))
    return planes[..., first : first + len(run)] if wanted == run else planes[..., wanted], "each"


def _indices(channels: Any, there: int) -> list[int]:
    items = list(channels) if isinstance(channels, (Sequence, np.ndarray)) else [channels]
    whole = all(isinstance(item, (int, np.integer)) and not isinstance(item, bool) for item in items)
    if not whole or not 1 <= len(items) <= 3:
        message = f"channels is {channels!r}."
        raise ImageError(message, hint="Give a channel's index, up to three of them, or 'merge'.")
    if not all(-there <= item < there for item in items):
        message = f"channels is {channels!r}, but the image has {there}: 0 to {there - 1}."
        raise ImageError(message, hint="Count channels from 0, and put them last: (Y, X, C).")
    return [int(item) % there for item in items]


def _pairs(ranges: Any, count: int) -> tuple[tuple[float, float], ...] | None:
    if ranges is None:
        return None
    hint = "Give (low, high), or one such pair per channel, in the image's own values; (high, low) inverts."
    try:
        pairs = np.asarray(ranges, dtype=np.float64)
    except (ValueError, TypeError) as error:
        message = f"ranges is {ranges!r}, not numbers."
        raise ImageError(message, hint=hint) from error
    if pairs.shape == (2,):
        pairs = np.tile(pairs, (count, 1))
    if pairs.shape != (count, 2) or not np.isfinite(pairs).all() or (pairs[:, 0] == pairs[:, 1]).any():
        message = f"ranges is {ranges!r}, which is not two different finite numbers for each of {count} channel(s)."
        raise ImageError(message, hint=hint)
    return tuple((float(low), float(high)) for low, high in pairs)
