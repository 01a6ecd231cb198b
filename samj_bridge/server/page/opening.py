"""A plane of an image file for the page: read whole, or in place where it is large."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import SamjError
from samj_bridge.export.calibration import Calibration, read_calibration
from samj_bridge.reading import OpenedImage, Wish, describe_image, open_plane
from samj_bridge.server.pictures import MOST_PIXELS, Picture, is_tiff, picture_from_bytes, picture_from_file

__all__ = ["InPlace", "Opened", "open_file", "open_sent"]


@dataclass(frozen=True)
class Opened:
    """A plane, and what is known of its file."""

    picture: Picture
    """Its pixels."""
    planes: int = 1
    """Planes that the file has."""
    calibration: Calibration | None = None
    """Its scale; None: the file says nothing."""


_BY_PATH = (
    "Put it into a folder that the server opens (samj-bridge serve --root FOLDER), and open it by its path: there"
    " it may have any size."
)


class InPlace:
    """A large plane whose file stays open: a `Pyramid` that answers what is asked of pixels in memory, too.

    Parameters
    ----------
    opened : OpenedImage
        The plane.
    """

    nbytes = 1 << 20
    """What it counts for among pictures in memory: next to nothing."""

    def __init__(self, opened: OpenedImage) -> None:
        self._opened = opened
        self.shape = opened.shape
        self.ndim = len(opened.shape)
        self.dtype = opened.dtype
        self.levels: Sequence[tuple[int, ...]] = opened.levels
        self.identity = opened.identity

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level."""
        return np.asarray(self._opened.read(level, y0, x0, height, width))


def open_file(path: Path, plane: int, name: str, *, in_place: bool = True) -> Opened:
    """Return a plane of a file.

    Parameters
    ----------
    path : Path
        The file.
    plane : int
        Number of the plane, from 0.
    name : str
        What to call the file in errors.
    in_place : bool
        A large plane is read where it is needed; otherwise it is refused.

    Raises
    ------
    ImageError, FileError
        It can't be read, or has no such plane.
    """
    try:
        series = describe_image(path).series[0]
        wish = Wish(plane=plane if series.planes > 1 else None)
        size = series.pixel_size
        scale = read_calibration(path) if path.is_file() else None
        if scale is None and size is not None:
            scale = Calibration(size.x, size.y, size.unit)
        if not in_place or series.width * series.height <= MOST_PIXELS:
            return Opened(picture_from_file(path, name, wish), series.planes, scale)
        opened = open_plane(path, wish)
    except SamjError as error:
        error.message = error.message.replace(str(path), name).replace(path.name, name)
        raise
    # Its pixels are too many to be looked at: it is known by its file, its size and time.
    digest = hashlib.blake2b(opened.identity.encode(), digest_size=16).hexdigest()
    return Opened(Picture(digest, InPlace(opened), opened.channels), series.planes, scale)


def open_sent(data: bytes, plane: int) -> Opened:
    """Return a plane of a file that was sent.

    Raises
    ------
    ImageError, FileError
        It is no image, too large, or has no such plane.
    """
    try:
        return _sent(data, plane)
    except SamjError as error:
        if error.code == "image-too-large":
            error.hint = _BY_PATH
        raise


def _sent(data: bytes, plane: int) -> Opened:
    if not is_tiff(data):
        return Opened(picture_from_bytes(data))
    with tempfile.TemporaryDirectory(prefix="samj-serve-") as folder:
        path = Path(folder) / "image.tif"
        path.write_bytes(data)
        return open_file(path, plane, "The image", in_place=False)
