"""One plane of an image file, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from samj_bridge.errors import FileError, ImageError, SamjError
from samj_bridge.reading.choosing import Channels, Wish, choose_channels, choose_place, choose_series
from samj_bridge.reading.description import Description, Series, Taken
from samj_bridge.reading.kinds import kind_of
from samj_bridge.reading.tiff.shown import NotShown

__all__ = ["describe_image", "read_image", "take"]


class Source(Protocol):
    """An open file of one kind."""

    description: Description

    def read(
        self, series: Series, place: dict[str, int], channels: tuple[int, ...]
    ) -> tuple[NDArray[Any], list[str]]:
        """Return one plane, and what was done for it."""
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
    return take(Path(path), Wish(series, plane, z, t, channels))


def take(path: Path, wish: Wish) -> Taken:
    """Read what `wish` asks for; see `read_image`."""
    with _opened(path) as source:
        description = source.description
        series = choose_series(description, wish.series, path.name)
        place = choose_place(series, wish, path.name)
        channels = choose_channels(series, wish.channels, path.name)
        pixels, notes = source.read(series, place, channels)
        return Taken(
            pixels=pixels,
            channels=_for_session(series, wish.channels, channels, pixels),
            reader=description.reader,
            series=series,
            several=len(description.series) > 1,
            place=place,
            taken_channels=channels,
            notes=tuple(notes),
        )


def _for_session(
    series: Series, wanted: Channels, taken: tuple[int, ...], pixels: NDArray[Any]
) -> int | tuple[int, ...] | str | None:
    """Return how a session is to take the channels of what was read: an array does not say that they are stains."""
    # One channel and three numbers for each pixel: a table of colours was looked up.
    if pixels.ndim == 2 or (series.channels == 1 and not series.colour):
        return None
    if isinstance(wanted, str):
        return wanted
    if wanted is not None:
        return tuple(range(len(taken)))
    if series.colour:
        return None
    return tuple(range(pixels.shape[2])) if pixels.shape[2] <= 3 else "merge"


def _open(path: Path) -> AbstractContextManager[Source]:
    if kind_of(path) == "tiff":
        from samj_bridge.reading.tiff import open_tiff

        return open_tiff(path)
    from samj_bridge.reading.picture import open_picture

    return open_picture(path)


@contextmanager
def _opened(path: Path) -> Iterator[Source]:
    """Open a file; what goes wrong inside is told with the file's name and the reason."""
    try:
        with _open(path) as source:
            yield source
    except SamjError:
        raise
    except FileNotFoundError as error:
        message = f"There is no file {str(path)!r}."
        raise FileError(message, hint="Check the path.", path=str(path)) from error
    except IsADirectoryError as error:
        message = f"{str(path)!r} is a folder."
        raise FileError(message, hint="Name the image in it.", path=str(path)) from error
    except PermissionError as error:
        message = f"No permission to read {str(path)!r}."
        hint = "Change the file's permissions or copy it elsewhere."
        raise FileError(message, hint=hint, path=str(path)) from error
    except MemoryError as error:
        message = f"{path.name} does not fit into memory."
        hint = "Crop it, or use a machine with more memory."
        raise ImageError(message, code="image-too-large", hint=hint) from error
    except Exception as error:  # decoders raise whatever they like on damaged data
        reason = str(error).splitlines()[0].strip().rstrip(".") if str(error).strip() else type(error).__name__
        message = f"{path.name} can't be read as an image: {reason}."
        hint = "Is it complete? Open it in ImageJ or Fiji and save it again as TIFF."
        if isinstance(error, NotShown):
            hint = "The file may be whole: save what you see as RGB or grey TIFF in the program that made it."
        raise FileError(message, hint=hint, path=str(path)) from error
