"""One plane of an image file, whatever kind of file it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from samj_bridge.reading.choosing import Channels, Wish, choose_channels, choose_level, choose_place, choose_series
from samj_bridge.reading.description import Chosen, Description, Series, Taken
from samj_bridge.reading.failing import told
from samj_bridge.reading.kinds import kind_of
from samj_bridge.reading.memory import check_fits
from samj_bridge.reading.opened import CoarserPlane, OpenedImage, Plane, Stamp
from samj_bridge.reading.stack import OpenedStack, choose_axis

__all__ = ["describe_image", "open_plane", "open_pyramid", "open_stack", "read_image", "take"]


# Imported when a file needs them: each brings libraries of its own.
_READERS = {
    "tiff": "tiff:open_tiff",
    "zarr": "vendors.zarrs:open_zarr",
    "slide": "vendors.slides:open_slide",
    "dicom": "vendors.slides:open_slide",
    "czi": "vendors.czi:open_czi",
    "nd2": "vendors.nikon:open_nd2",
    "lif": "vendors.leica:open_lif",
}


class Source(Protocol):
    """An open file of one kind."""

    description: Description

    def read(
        self, series: Series, place: dict[str, int], channels: tuple[int, ...]
    ) -> tuple[NDArray[Any], list[str]]:
        """Return one plane, and what was done for it."""
        ...

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> Plane:
        """Return one plane, whose regions are read when they are asked for."""
        ...

    def files(self) -> Sequence[Path]:
        """Return the files that must not change while it is open."""
        ...


def describe_image(path: str | Path) -> Description:
    """Return what an image file holds, without reading its pixels.

    Parameters
    ----------
    path : path
        TIFF of any dialect, PNG, JPEG, GIF, BMP or WebP.

    Raises
    ------
    FileError
        The file can't be read: missing, no permission, damaged, of a kind that is not read here.
    """
    path = Path(path)
    with _opened(path) as source:
        return source.description


def read_image(
    path: str | Path,
    *,
    series: int | None = None,
    plane: int | None = None,
    z: int | None = None,
    t: int | None = None,
    channels: Channels = None,
    level: int = 0,
) -> Taken:
    """Read one plane of an image file: what ImageJ would show of it.

    Parameters
    ----------
    path : path
        TIFF of any dialect, PNG, JPEG, GIF, BMP or WebP; known by its bytes, whatever its ending.
    series : int, optional
        Which image of a file with several, from 0.
    plane : int, optional
        Which plane of a stack, in file order from 0, all channels of a place counted as one.
    z, t : int, optional
        Slice and frame, from 0, instead of `plane`.
    channels : int, sequence of up to 3 ints, or "merge", optional
        Which channels are read, from 0; by default all. RGB has three.
    level : int
        Which of the file's levels, from 0, the full resolution.

    Returns
    -------
    Taken
        ``pixels`` (Y, X) or (Y, X, C), in the file's own type, and where they were; ``channels`` is for
        `Session.encode`.

    Raises
    ------
    FileError
        The file can't be read, or one file of its set is missing.
    ImageError
        It isn't clear which plane is meant (the message lists what there is), or that one is not there, or it does
        not fit into memory.
    """
    return take(Path(path), Wish(series, plane, z, t, channels, level))


def open_pyramid(
    path: str | Path,
    *,
    series: int | None = None,
    plane: int | None = None,
    z: int | None = None,
    t: int | None = None,
    channels: Channels = None,
    level: int = 0,
) -> OpenedImage:
    """Open one plane of an image file, of any size; only the regions that are asked for are read.

    Parameters
    ----------
    path : path
        Any file that `read_image` reads, and the folder of an OME-Zarr.
    series, plane, z, t, channels
        Which plane, and which of its channels; as for `read_image`.
    level : int
        Level of the file that is the finest to be read, from 0; coordinates then count in pixels of that level.

    Returns
    -------
    OpenedImage
        A `Pyramid` with the file's own levels, for `Session.encode`. Close it, or use it in a ``with`` block.

    Raises
    ------
    FileError
        The file can't be read, is cut off, or needs a package that is not installed; the hint says which.
    ImageError
        It isn't clear which plane is meant, or that one is not there.
    """
    return open_plane(Path(path), Wish(series, plane, z, t, channels, level))


def take(path: Path, wish: Wish) -> Taken:
    """Read what `wish` asks for; see `read_image`."""
    if wish.level:
        return _take_level(path, wish)
    with _opened(path) as source:
        description = source.description
        series = choose_series(description, wish.series, path.name)
        place = choose_place(series, wish, path.name)
        channels = choose_channels(series, wish.channels, path.name)
        pixels, notes = source.read(series, place, channels)
        return Taken(
            pixels=pixels,
            channels=_for_session(series, wish.channels, channels, pixels.shape),
            reader=description.reader,
            series=series,
            several=len(description.series) > 1,
            place=place,
            taken_channels=channels,
            notes=tuple(notes),
        )


def open_plane(path: Path, wish: Wish) -> OpenedImage:
    """Open what `wish` asks for; see `open_pyramid`."""
    with ExitStack() as stack:
        source = stack.enter_context(_opened(path))
        description = source.description
        series = choose_series(description, wish.series, path.name)
        place = choose_place(series, wish, path.name)
        channels = choose_channels(series, wish.channels, path.name)
        chosen = Chosen(
            channels=None,
            reader=description.reader,
            series=series,
            several=len(description.series) > 1,
            place=place,
            taken_channels=channels,
        )
        plane = source.plane(series, place, channels)
        level = choose_level(plane.levels, wish.level, path.name)
        plane, chosen = (CoarserPlane(plane, level), replace(chosen, level=level)) if level else (plane, chosen)
        opened = OpenedImage(path, chosen, plane, Stamp.of(source.files()))
        opened.chosen = replace(chosen, channels=_for_session(series, wish.channels, channels, opened.shape))
        opened.closes(stack.pop_all().close)
        return opened


def open_stack(path: Path, wish: Wish, axis: str = "") -> OpenedStack:
    """Open the planes of a file along one axis; each is read when it is asked for.

    Parameters
    ----------
    path : Path
        Any file that `read_image` reads.
    wish : Wish
        Which series and channels; `z` or `t` of a file that has both, where the stack goes along the other one.
    axis : {"", "z", "t"}
        What it goes along; empty: the only axis there is.

    Raises
    ------
    FileError
        The file can't be read.
    ImageError
        It isn't clear along which axis, or the file has one plane.
    """
    with ExitStack() as stack:
        source = stack.enter_context(_opened(path))
        description = source.description
        series = choose_series(description, wish.series, path.name)
        letter, place = choose_axis(series, wish, axis, path.name)
        channels = choose_channels(series, wish.channels, path.name)

        def read(at: int) -> NDArray[Any]:
            with told(path, f"Plane {at}"):
                return source.read(series, {**place, letter: at}, channels)[0]

        opened = OpenedStack(path, series, letter, axis, read, Stamp.of(source.files()))
        opened.channels = _for_session(series, wish.channels, channels, opened[0].shape)
        opened.closes(stack.pop_all().close)
        return opened


def _take_level(path: Path, wish: Wish) -> Taken:
    with open_plane(path, wish) as opened:
        size = math.prod(opened.shape) * opened.dtype.itemsize
        check_fits(2 * size, f"{path.name}, {opened.shape[1]} x {opened.shape[0]},")
        pixels = opened.read(0, 0, 0, *opened.shape[:2])
        chosen = {field.name: getattr(opened.chosen, field.name) for field in fields(opened.chosen)}
        return Taken(pixels=pixels, notes=opened.notes, **chosen)


def _for_session(
    series: Series, wanted: Channels, taken: tuple[int, ...], shape: tuple[int, ...]
) -> int | tuple[int, ...] | str | None:
    """Return how a session is to take the channels of what was read: an array does not say that they are stains."""
    # One channel and three numbers for each pixel: a table of colours was looked up.
    if len(shape) == 2 or (len(taken) <= 1 and not series.colour):
        return None
    if isinstance(wanted, str):
        return wanted
    if wanted is not None:
        return tuple(range(len(taken)))
    if series.colour:
        return None
    return tuple(range(shape[2])) if shape[2] <= 3 else "merge"


def _open(path: Path) -> AbstractContextManager[Source]:
    kind = kind_of(path)
    name = _READERS.get(kind, "picture:open_picture")
    module, _, function = name.partition(":")
    opener = getattr(import_module(f"samj_bridge.reading.{module}"), function)
    return cast("AbstractContextManager[Source]", opener(path))


@contextmanager
def _opened(path: Path) -> Iterator[Source]:
    """Open a file; what goes wrong inside is told with the file's name and the reason."""
    with told(path), _open(path) as source:
        yield source
