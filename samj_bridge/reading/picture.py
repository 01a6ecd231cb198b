"""PNG, JPEG, GIF, BMP, WebP and what else Pillow knows, as ImageJ shows them; PNG of 16 bits in full."""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError
from samj_bridge.reading.description import Description, Series
from samj_bridge.reading.memory import check_fits
from samj_bridge.reading.tables import INTENSITIES, INVERTED, NAMES, meaning_of

__all__ = ["PictureSource", "open_picture"]

_GREY = {
    "1": "uint8",
    "L": "uint8",
    "I;16": "uint16",
    "I;16B": "uint16",
    "I;16L": "uint16",
    "I": "int32",
    "F": "float32",
}
_limits = threading.RLock()


@contextmanager
def open_picture(path: Path) -> Iterator[PictureSource]:
    """Open a picture; whatever Pillow raises comes through."""
    from PIL import Image

    # Pillow holds large pictures for attacks, by a number for the whole process. Ours asks how much memory there
    # is, once the header says how much is needed; the number is put back at the end.
    with _limits:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(path) as image:
                    yield PictureSource(path, image)
        finally:
            Image.MAX_IMAGE_PIXELS = before


class PictureSource:
    """An open picture."""

    def __init__(self, path: Path, image: Any) -> None:
        self._path = path
        self._image = image
        self._deep = _png_depth(path) if image.format == "PNG" else None
        frames = int(getattr(image, "n_frames", 1))
        if image.mode in {"CMYK", "YCbCr", "LAB", "HSV"}:
            message = f"{path.name} is a {image.format} in {image.mode} colours, which ImageJ does not open."
            raise FileError(message, code="unread-format", hint="Save it as RGB.", path=str(path))
        grey = _GREY.get(image.mode)
        channels, colour, dtype = 1, grey is None, grey or "uint8"
        if self._deep:
            channels, colour, dtype = self._deep, False, "uint16"
        series = Series(
            index=0,
            name="",
            width=int(image.width),
            height=int(image.height),
            dtype=dtype,
            axes="I" if frames > 1 else "",
            counts=(frames,) if frames > 1 else (),
            channels=channels,
            colour=colour,
            channel_names=("Red", "Green", "Blue") if channels == 3 else (),
        )
        self.description = Description(str(image.format or "picture"), (series,))

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> _PicturePlane:
        """Return a frame whose regions are read from memory: pictures can't be read in parts."""
        return _PicturePlane(self, series, place, channels)

    def files(self) -> list[Path]:
        """Return the file."""
        return [self._path]

    def read(
        self, series: Series, place: dict[str, int], channels: tuple[int, ...]
    ) -> tuple[NDArray[Any], list[str]]:
        """Return a frame as ImageJ shows it, and what was done for it.

        Returns
        -------
        pixels : (Y, X) or (Y, X, C) array
        notes : list of str
        """
        image = self._image
        check_fits(
            series.width * series.height * (8 if self._deep else 4) * 2,
            f"{self._path.name}, {series.width} x {series.height},",
        )
        if self._deep:
            pixels, notes = _deep_png(self._path)
        else:
            if place.get("I"):
                image.seek(place["I"])
            image.load()
            pixels, notes = _frame(image, moving=series.planes > 1)
        if pixels.ndim == 3 and channels:
            pixels = pixels[..., channels[0]] if len(channels) == 1 else pixels[..., list(channels)]
        elif pixels.ndim == 3 and not self._deep and _is_grey(pixels):
            pixels = np.ascontiguousarray(pixels[..., 0])
        return pixels, notes


class _PicturePlane:
    """A frame, read whole at the first region."""

    def __init__(
        self, source: PictureSource, series: Series, place: dict[str, int], channels: tuple[int, ...]
    ) -> None:
        self.levels = [(series.height, series.width)]
        self.notes: list[str] = []
        self._source, self._which = source, (series, place, channels)
        self._pixels: NDArray[Any] | None = None
        self._lock = threading.Lock()

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region; there is one level."""
        assert level == 0
        with self._lock:
            if self._pixels is None:
                self._pixels, self.notes = self._source.read(*self._which)
        return self._pixels[y0 : y0 + height, x0 : x0 + width]


def _frame(image: Any, *, moving: bool) -> tuple[NDArray[Any], list[str]]:
    """Return an 8-bit picture's pixels, tables of colours seen as ImageJ sees them."""
    mode, kind = image.mode, image.format
    see_through = mode in {"LA", "RGBA", "La", "RGBa", "PA"} or "transparency" in image.info
    if see_through and kind not in {"BMP", "GIF"}:
        return _over_white(image)
    if mode == "P":
        return _by_table(image, moving=moving)
    if mode == "1":
        return np.asarray(image.convert("L")), []
    if mode in _GREY:
        pixels = np.asarray(image)
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False), []
    return np.asarray(image.convert("RGB")), []


def _by_table(image: Any, *, moving: bool) -> tuple[NDArray[Any], list[str]]:
    table = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    numbers = np.asarray(image)
    # A movie's frames are drawn over one another: they are colours by then.
    meaning = NAMES if moving else meaning_of(table)
    if meaning == INTENSITIES:
        return numbers, []
    if meaning == INVERTED:
        return ~numbers, ["inverted"]
    whole = np.zeros((256, 3), np.uint8)
    whole[: len(table)] = table
    return whole[numbers], ["colours by its table"]


def _over_white(image: Any) -> tuple[NDArray[Any], list[str]]:
    """Return a picture with transparency drawn over white, as ImageJ draws it."""
    rgba = np.asarray(image.convert("RGBA"))
    alpha = rgba[..., 3:].astype(np.uint16)
    if (alpha == 255).all():
        return np.ascontiguousarray(rgba[..., :3]), []
    colours = rgba[..., :3].astype(np.uint16) * alpha + 255 * (255 - alpha)
    return ((colours + 127) // 255).astype(np.uint8), ["transparent over white"]


def _deep_png(path: Path) -> tuple[NDArray[np.uint16], list[str]]:
    import imagecodecs

    pixels = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    if pixels.ndim == 3 and pixels.shape[2] in {2, 4}:
        alpha = pixels[..., -1:].astype(np.float64) / 65_535
        colours, notes = pixels[..., :-1], []
        if (alpha < 1).any():
            colours = np.rint(colours * alpha + 65_535 * (1 - alpha)).astype(np.uint16)
            notes = ["transparent over white"]
        pixels = colours[..., 0] if colours.shape[2] == 1 else np.ascontiguousarray(colours)
        return pixels, notes
    return pixels, []


def _png_depth(path: Path) -> int | None:
    """Return the channels of a PNG of 16 bits, alpha not counted; None: it has fewer bits."""
    with path.open("rb") as file:
        header = file.read(26)
    bits, kind = struct.unpack_from("BB", header, 24)
    return {0: 1, 2: 3, 4: 1, 6: 3}.get(kind) if bits == 16 else None


def _is_grey(pixels: NDArray[Any]) -> bool:
    # Row by row: a colour picture says so in its first rows, and a large one need not be gone through twice.
    return all(
        bool((rows[..., :1] == rows).all()) for rows in (pixels[at : at + 64] for at in range(0, len(pixels), 64))
    )
