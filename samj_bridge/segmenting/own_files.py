"""Which pictures samj-bridge wrote itself: they are told by a mark in the file, never by their names."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

from samj_bridge.errors import FileError
from samj_bridge.export.output import MARK

__all__ = ["is_own", "without_own"]

_TIFF = (b"II", b"MM")
_PNG = b"\x89PNG"
_SOFTWARE = 305


def without_own(images: Sequence[Path], named: Collection[Path]) -> tuple[list[Path], list[Path]]:
    """Return images without results of an earlier call, and those results.

    A label image or an overlay lies beside the images that it was made of where no folder was named for results.
    Whoever names one file and nothing else means it; several may be what a shell made of ``*.tif``.

    Raises
    ------
    FileError
        Nothing is left.
    """
    own = [image for image in images if is_own(image)]
    if own and len(own) == len(images):
        if len(own) == 1 and set(own) <= set(named):
            return list(images), []
        more = ", ..." if len(own) > 1 else ""
        there = "" if set(own) <= set(named) else f" in {', '.join(map(str, named))}"
        message = f"No image{there}, only what samj-bridge wrote: {own[0].name}{more}."
        raise FileError(message, hint="Name images or another folder; a single file that is named is segmented.")
    return [image for image in images if image not in own], own


def is_own(path: Path) -> bool:
    """Return whether samj-bridge wrote a picture; saved again by another program it is the user's."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        return _software(path, start).startswith(f"{MARK} ")
    except Exception:  # noqa: BLE001 - what can't be read is no result of ours; reading it will say what is wrong
        return False


def _software(path: Path, start: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if start.startswith(_TIFF):
            import tifffile

            with tifffile.TiffFile(path) as file:
                found = file.pages[0].tags.get(_SOFTWARE)
                return str(found.value) if found is not None else ""
        if start == _PNG:
            from PIL import Image

            with Image.open(path) as image:
                return str(image.info.get("Software", ""))
    return ""
