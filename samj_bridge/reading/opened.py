"""One plane of an image file that stays open: its regions are read when they are asked for."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError
from samj_bridge.reading.description import Chosen, Series
from samj_bridge.reading.failing import told
from samj_bridge.reading.memory import check_fits
from samj_bridge.reading.pyramid import check_region

__all__ = ["CoarserPlane", "OpenedImage", "Plane", "PlaneSource", "Stamp"]


class Plane(Protocol):
    """One plane of an open file, with its levels: what a reader gives."""

    @property
    def levels(self) -> Sequence[tuple[int, int]]:
        """Height and width of each level, largest first."""

    @property
    def notes(self) -> Sequence[str]:
        """What was left out or turned round on the way, so far."""

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level as ImageJ shows it, (height, width) or (height, width, channels)."""


class CoarserPlane:
    """A plane without its finest levels.

    Parameters
    ----------
    plane : Plane
    level : int
        Its level that is the first one here.
    """

    def __init__(self, plane: Plane, level: int) -> None:
        self._plane, self._level = plane, level
        self.levels = list(plane.levels[level:])

    @property
    def notes(self) -> Sequence[str]:
        """What was left out or turned round on the way, so far."""
        return self._plane.notes

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level, counted from the first one here."""
        return self._plane.read(self._level + level, y0, x0, height, width)


class PlaneSource:
    """An open file whose planes are read whole as they are read in parts: the base of readers that read regions."""

    path: Path

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> Plane:
        """Return one plane, whose regions are read when they are asked for."""
        raise NotImplementedError

    def read(
        self, series: Series, place: dict[str, int], channels: tuple[int, ...]
    ) -> tuple[NDArray[Any], list[str]]:
        """Return one plane in full resolution, and what was done for it.

        Raises
        ------
        ImageError
            It does not fit into memory.
        """
        plane = self.plane(series, place, channels)
        height, width = plane.levels[0]
        samples = 3 if series.colour else len(channels) or series.channels
        size = height * width * samples * np.dtype(series.dtype).itemsize
        check_fits(2 * size, f"{self.path.name}, {width} x {height},")
        return plane.read(0, 0, 0, height, width), list(plane.notes)


@dataclass(frozen=True)
class Stamp:
    """What tells that files are still those that were opened."""

    files: tuple[tuple[Path, int, int], ...]
    """Path, bytes and time of each."""

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Stamp:
        """Return the stamp of files as they are now.

        Raises
        ------
        OSError
            One can't be looked at.
        """
        found = []
        for path in paths:
            status = path.stat()
            found.append((path, status.st_size, status.st_mtime_ns))
        return cls(tuple(found))

    def check(self) -> None:
        """Refuse files that have changed.

        Raises
        ------
        FileError
            With code ``file-changed``, or ``file-gone``.
        """
        for path, size, time in self.files:
            hint = "Open the image again; what was found before belongs to the file as it was."
            try:
                status = path.stat()
            except OSError as error:
                message = f"{path.name} can no longer be read: {error.strerror or error}."
                hint = "Is its drive connected? What was read before stays usable."
                raise FileError(message, code="file-gone", hint=hint, path=str(path)) from error
            if (status.st_size, status.st_mtime_ns) != (size, time):
                message = f"{path.name} has changed while it was open."
                raise FileError(message, code="file-changed", hint=hint, path=str(path))


class OpenedImage:
    """One plane of an image file, read region by region; made by `open_pyramid`.

    A `Pyramid`: `Session.encode` takes it, and so does `as_pyramid`. It holds the file open until `close`, or the
    end of a ``with`` block. Regions may be read from several threads.

    Parameters
    ----------
    path : Path
        The file, or the folder of a Zarr.
    chosen : Chosen
        Which plane it is.
    plane : Plane
        Its pixels.
    stamp : Stamp
        The files that must not change meanwhile.
    """

    def __init__(self, path: Path, chosen: Chosen, plane: Plane, stamp: Stamp) -> None:
        self.path = path
        """The file."""
        self.chosen = chosen
        """Which of its planes this is."""
        self._plane, self._stamp = plane, stamp
        self._closing = weakref.finalize(self, _nothing)
        coarsest = len(plane.levels) - 1
        # One pixel says what ImageJ's tables make of the file's numbers, and whether it can be decoded at all.
        with told(path):
            pixel = np.asarray(plane.read(coarsest, 0, 0, 1, 1))
        self.dtype = pixel.dtype
        """Type of the pixels."""
        self.levels: Sequence[tuple[int, ...]] = tuple((*level, *pixel.shape[2:]) for level in plane.levels)
        """Shape of each level that the file has, finest first."""
        self.shape = self.levels[0]
        """(height, width) or (height, width, channels) of its finest level."""
        files = [f"{file.resolve()}|{size}|{time}" for file, size, time in stamp.files]
        place = [chosen.series.index, sorted(chosen.place.items()), chosen.taken_channels, chosen.level]
        self.identity = "|".join([*files, repr(place)])
        """Changes when the file does."""

    @property
    def channels(self) -> int | tuple[int, ...] | str | None:
        """What ``Session.encode`` is told of its channels."""
        return self.chosen.channels

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or turned round on the way, so far."""
        return tuple(self._plane.notes)

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level.

        Parameters
        ----------
        level : int
            0 is the finest.
        y0, x0 : int
            Its top left pixel, in pixels of the level.
        height, width : int
            Its size.

        Returns
        -------
        (height, width) or (height, width, channels) array

        Raises
        ------
        ImageError
            The region is not in the level.
        FileError
            It can't be read: damaged, cut off, changed or gone meanwhile. Other regions may still be read.
        """
        if not self._closing.alive:
            message = f"{self.path.name} was closed."
            raise FileError(message, hint="Read it before close(), or inside the with block.", path=str(self.path))
        check_region(self.levels, level, y0, x0, height, width)
        self._stamp.check()
        doing = f"The region of {width} x {height} pixels at ({x0}, {y0}) of level {level}"
        with told(self.path, doing):
            found = np.asarray(self._plane.read(level, y0, x0, height, width))
            wanted = (height, width, *self.shape[2:])
            if found.shape != wanted or found.dtype != self.dtype:
                message = f"it is {found.shape} of {found.dtype} instead of {wanted} of {self.dtype}"
                raise ValueError(message)
        return found

    def read_grid(
        self, level: int, ys: Sequence[int], xs: Sequence[int], height: int, width: int
    ) -> NDArray[Any] | None:
        """Return many regions of a level at once, where its reader knows how; None: `read` them one by one.

        They begin at each row of `ys` and each column of `xs`, and lie in what is returned as in the image, without
        what is between them. Errors: as `read`.
        """
        reader = getattr(self._plane, "read_grid", None)
        if reader is None or not self._closing.alive:
            return None
        check_region(self.levels, level, ys[0], xs[0], ys[-1] - ys[0] + height, xs[-1] - xs[0] + width)
        self._stamp.check()
        with told(self.path, f"{len(ys) * len(xs)} regions of {width} x {height} pixels of level {level}"):
            return np.asarray(reader(level, ys, xs, height, width))

    def closes(self, close: Callable[[], object]) -> None:
        """Say what closes its file: called by `close`, or when nobody holds the image any more."""
        self._closing.detach()
        self._closing = weakref.finalize(self, close)

    def describe(self) -> str:
        """Return what was opened in one line."""
        levels = [f"{len(self.levels)} levels"] if len(self.levels) > 1 else []
        return ", ".join([*self.chosen.words(self.shape, str(self.dtype)), *levels, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data."""
        told = self.chosen.as_data(self.shape, str(self.dtype))
        levels = [{"height": level[0], "width": level[1]} for level in self.levels]
        return {**told, "levels": levels, "notes": list(self.notes)}

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        self._closing()

    def __enter__(self) -> OpenedImage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _nothing() -> None:
    """Close nothing: the file is not handed over yet."""
