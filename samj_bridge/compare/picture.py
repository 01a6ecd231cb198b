"""An image with its true objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.compare.given import read_objects
from samj_bridge.errors import FileError, InputError
from samj_bridge.evaluate.objects import Objects, regions_of
from samj_bridge.geometry.region import Region
from samj_bridge.protocol.folders import is_folder, list_folder
from samj_bridge.reading import read_image

__all__ = ["Picture", "file_for", "read_pictures"]

_ENDINGS = ("", "_labels", "_masks", "_cp_masks", "_seg", "_rois", "_outlines")
"""What the names of labels have after the image's name, by the programs that write them."""
_KINDS = (".tif", ".tiff", ".png", ".npy", ".zip", ".roi", ".geojson", ".json")


@dataclass(frozen=True)
class Picture:
    """An image, and what is known to be in it."""

    name: str
    """Name of its file."""
    path: Path
    """The file."""
    pixels: NDArray[Any]
    """(Y, X) or (Y, X, C)."""
    truth: Objects
    """Its true objects."""

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    @cached_property
    def grey(self) -> NDArray[np.float64]:
        """The mean over channels: what methods look at that know no colour."""
        values = self.pixels.astype(np.float64)
        return values if values.ndim == 2 else np.asarray(values.mean(axis=2))

    @cached_property
    def regions(self) -> list[Region]:
        """The true objects, in order."""
        return regions_of(self.truth)


def read_pictures(images: Sequence[Path], truth: Path) -> list[Picture]:
    """Return images with their true objects.

    Parameters
    ----------
    images : sequence of Path
        Image files.
    truth : Path
        Label image or outlines of the only image, or a folder with one for each, called as the image is.

    Raises
    ------
    FileError, ImageError, InputError
        Something can't be read, is missing, or is of another size.
    """
    pictures = []
    for path in images:
        pixels = read_image(path).pixels
        shape = (int(pixels.shape[0]), int(pixels.shape[1]))
        pictures.append(Picture(path.name, path, pixels, read_objects(file_for(path, truth, len(images)), shape)))
    return pictures


def file_for(image: Path, given: Path, images: int) -> Path:
    """Return the file that has the objects of an image.

    Raises
    ------
    FileError, InputError
        There is none, or several, or one file was given for several images.
    """
    if not is_folder(given):
        if images > 1:
            message = f"{given.name} is one file, and there are {images} images."
            raise InputError(message, hint="Give a folder with a file for each image, called as the image is.")
        return given
    wanted = {f"{image.stem}{ending}{kind}".lower() for ending in _ENDINGS for kind in _KINDS}
    found = [entry.path for entry in list_folder(given, named=True) if entry.name.lower() in wanted]
    found = [path for path in found if path.resolve() != image.resolve()]
    if len(found) != 1:
        there = f"several files: {', '.join(path.name for path in found)}" if found else "none"
        message = f"{given} should have one file with the objects of {image.name}; it has {there}."
        hint = f"Call it {image.stem} or {image.stem}_labels, ending with {', '.join(_KINDS)}."
        raise FileError(message, hint=hint, path=str(given))
    return found[0]
