"""Images that came over the network: bounded before a pixel is unpacked, named by what is in them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from samj_bridge.errors import ImageError, SamjError
from samj_bridge.reading import Wish, describe_image, take

__all__ = [
    "MOST_PIXELS",
    "Picture",
    "Pictures",
    "Sent",
    "Views",
    "is_tiff",
    "picture_from_bytes",
    "picture_from_file",
    "picture_from_text",
]

MOST_PIXELS = 64_000_000
"""Pixels of an image that may be sent: eight times a view as large as a 4k screen."""
_T = TypeVar("_T")
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Picture:
    """Pixels, and a name that the same pixels always have."""

    digest: str
    """Hash of shape, type and pixels."""
    pixels: Any
    """Array (Y, X) or (Y, X, C); or what is read in place, and has shape, ndim, dtype and nbytes like one."""
    channels: Any = None
    """What `Session.encode` is told of its channels."""

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return (self.pixels.shape[0], self.pixels.shape[1])


@dataclass(frozen=True)
class Sent:
    """An image that was sent, decoded only where its encoding is not kept."""

    digest: str
    """That of the picture."""
    shape: tuple[int, int]
    """(Y, X)."""
    load: Callable[[], Picture]
    """Gives the pixels."""


class Pictures:
    """Pictures that were sent once and are asked about by their names; the oldest go first.

    Parameters
    ----------
    most_bytes : int
        Of all pixels together.
    """

    def __init__(self, most_bytes: int = 1 << 29) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Picture] = OrderedDict()

    def put(self, picture: Picture) -> None:
        """Keep one."""
        self._kept[picture.digest] = picture
        self._kept.move_to_end(picture.digest)
        while len(self._kept) > 1 and sum(item.pixels.nbytes for item in self._kept.values()) > self._most_bytes:
            self._kept.popitem(last=False)

    def get(self, digest: str) -> Picture:
        """Return one.

        Raises
        ------
        SamjError
            ``unknown-image``: it is not kept, or not any more.
        """
        picture = self._kept.get(digest)
        if picture is None:
            message = f"There is no image {digest!r:.40} here, or not any more."
            raise SamjError(message, code="unknown-image", hint="Send it again.")
        self._kept.move_to_end(digest)
        return picture

    def drop(self, digest: str) -> None:
        """Forget one."""
        self._kept.pop(digest, None)


class Views:
    """Which picture a text of base64 was: a view is sent again with every prompt, and decoded once."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._known: OrderedDict[bytes, tuple[str, tuple[int, int]]] = OrderedDict()
        # Decoding takes memory: few at once, whatever the number of clients.
        self._decoding = asyncio.Semaphore(2)

    async def of_text(self, text: str, kept: Callable[[str], bool]) -> Sent:
        """Return the image in a text of base64, a data URL or not.

        Parameters
        ----------
        text : str
            The same text is the same image.
        kept : callable
            Whether the encoding of a digest is kept, so that the pixels are not needed.

        Raises
        ------
        ImageError
            As `picture_from_text`.
        """
        if not text:
            raise ImageError("There is no image in the request.", hint="Send a PNG or JPEG file in base64.")
        return await self.of_key(text, kept, lambda: picture_from_text(text))

    async def of_key(self, text: str, kept: Callable[[str], bool], load: Callable[[], Picture]) -> Sent:
        """Return the image that a text stands for, such as an address whose image does not change.

        Parameters
        ----------
        text : str
            The same text is the same image.
        kept : callable
            As in `of_text`.
        load : callable
            Gives the image; called in a thread.
        """
        key = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=20).digest()
        known = self._known.get(key)
        if known is not None and kept(known[0]):
            self._known.move_to_end(key)
            return Sent(*known, load)
        picture = await self.decoded(load)
        self._known[key] = (picture.digest, picture.shape)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return Sent(picture.digest, picture.shape, lambda: picture)

    async def decoded(self, load: Callable[[], _T]) -> _T:
        """Decode an image in a thread, a few at once."""
        async with self._decoding:
            return await run_in_threadpool(load)


def picture_from_text(text: str) -> Picture:
    """Decode base64, a data URL or not.

    Raises
    ------
    ImageError
        It is no base64, no image, or too large.
    """
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise ImageError("The image is a data URL that is not base64.", hint="Send data:image/png;base64,...")
    try:
        # Line breaks are allowed in base64, anything else is not.
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"The image is no base64: {error}."
        raise ImageError(message, hint="Send a PNG or JPEG file in base64.") from error
    return picture_from_bytes(data)


def is_tiff(data: bytes) -> bool:
    """Whether a file is a TIFF, which may have planes and any numbers."""
    return data[:4] in _TIFF


def picture_from_bytes(data: bytes) -> Picture:
    """Decode an image file as it is seen: colours stay, transparency is drawn over white, 16 bits stay 16 bits.

    Raises
    ------
    ImageError
        It is no image that is read here, is damaged, or too large.
    """
    if is_tiff(data):
        with tempfile.TemporaryDirectory(prefix="samj-serve-") as folder:
            path = Path(folder) / "image.tif"
            path.write_bytes(data)
            return picture_from_file(path, "The image")
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check_size(image.width, image.height)
                return _named(_seen(image))
    except SamjError:
        raise
    except Image.DecompressionBombError as error:
        message = f"The image is far too large; at most {MOST_PIXELS / 1e6:.0f} megapixels are taken."
        raise ImageError(message, code="image-too-large", hint="Send a part of it, or a smaller copy.") from error
    # Pillow raises what its decoders raise: OSError, SyntaxError, ValueError, struct.error, its own.
    except Exception as error:
        message = f"The image can't be decoded ({type(error).__name__}): {len(data)} bytes."
        raise ImageError(message, hint="Send a PNG, JPEG, WebP, BMP, GIF or TIFF file.") from error


def picture_from_file(path: Path, name: str = "", wish: Wish | None = None) -> Picture:
    """Read an image file as ImageJ shows it; of one with several planes, `wish` says which.

    Raises
    ------
    ImageError, FileError
        It can't be read, is no single plane, or is too large.
    """
    try:
        series = describe_image(path).series[0]
        _check_size(series.width, series.height)
        taken = take(path, wish or Wish())
    except SamjError as error:
        # What lies where on this machine is nobody's business over the network.
        error.message = error.message.replace(str(path), name or path.name).replace(path.name, name or path.name)
        raise
    return _named(np.ascontiguousarray(taken.pixels), taken.channels)


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        message = f"The image has {width} x {height} pixels; at most {MOST_PIXELS / 1e6:.0f} megapixels are taken."
        raise ImageError(message, code="image-too-large", hint="Send a part of it, or a smaller copy.")


def _seen(image: Any) -> NDArray[Any]:
    from PIL import ImageOps

    image.load()
    # Browsers turn photographs the right way up, and prompts are in what is seen.
    image = ImageOps.exif_transpose(image)
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        alpha = rgba[..., 3:]
        if (alpha == 255).all():
            return np.ascontiguousarray(rgba[..., :3])
        over = rgba[..., :3].astype(np.uint16) * alpha + 255 * (255 - alpha.astype(np.uint16))
        return np.asarray((over + 127) // 255, np.uint8)
    if image.mode in {"L", "I;16", "I;16B", "I", "F"}:
        pixels = np.asarray(image)
        # A PNG of 16 bits; its values fit.
        return pixels.astype(np.uint16) if pixels.dtype.kind in "iu" and pixels.itemsize > 1 else pixels
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    return np.asarray(image.convert("RGB"))


def _named(pixels: NDArray[Any], channels: Any = None) -> Picture:
    name = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str} {channels!r}".encode(), digest_size=16)
    name.update(np.ascontiguousarray(pixels).data)
    return Picture(name.hexdigest(), pixels, channels)
