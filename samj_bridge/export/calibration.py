"""The scale of an image, taken over to what is made of it as ImageJ would: pixel size, unit, spacing, origin."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

__all__ = ["Calibration", "read_calibration"]

_KEPT = (
    "unit",
    "yunit",
    "zunit",
    "spacing",
    "xorigin",
    "yorigin",
    "zorigin",
    "finterval",
    "fps",
    "tunit",
    "invertY",
)
"""What ImageJ's own description of a TIFF says of the scale; the rest is about values, channels and the display."""
_OME_IN_UM = {"nm": 1e-3, "µm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6, "Å": 1e-4, "pm": 1e-6}
_SMALLEST, _LARGEST = 2.0**-31, 2.0**31
"""Of what TIFF's fractions hold."""


@dataclass(frozen=True)
class Calibration:
    """The scale of an image."""

    width: float = 1.0
    """Of a pixel, in `unit`."""
    height: float = 1.0
    """Of a pixel."""
    unit: str = ""
    """As the image writes it (``um``, ``micron``, ``mm``, ...); empty: none."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further entries in ImageJ's words: ``spacing`` of the slices, ``xorigin``, ..."""

    def tiff_options(self) -> dict[str, Any]:
        """Return what ``tifffile.imwrite(imagej=True)`` is given: ``resolution``, and ``metadata`` to be added."""
        sizes = (self.width, self.height)
        if not all(_SMALLEST < size < _LARGEST for size in sizes):
            return {"metadata": {}}
        said = {"unit": self.unit, **self.more} if self.unit else dict(self.more)
        metadata = {key: _escaped(value) for key, value in said.items()}
        if sizes == (1.0, 1.0) and not metadata:
            return {"metadata": {}}
        return {"resolution": (1 / self.width, 1 / self.height), "metadata": metadata}


def read_calibration(path: str | Path) -> Calibration | None:
    """Return the scale that ImageJ shows for a TIFF, or the one that OME-XML states; None: the file says nothing.

    Never fails: what can't be read has no scale.
    """
    import tifffile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with tifffile.TiffFile(path) as file:
                page = file.pages[0]
                description = str(page.description or "")
                return _from_ome(description) or _from_tags(page.tags, description)
    except Exception:  # noqa: BLE001 - readers raise what they like; the image itself is read elsewhere, with words
        return None


def _from_tags(tags: Any, description: str) -> Calibration | None:
    """Read the scale as ImageJ's decoder does."""
    by_imagej = description.startswith("ImageJ=")
    lines = (line.partition("=") for line in description.splitlines()) if by_imagej else ()
    said = {key: _unescaped(value.strip()) for key, _, value in lines if key in _KEPT and value.strip()}
    width, height = (_inverse(tags, tag) for tag in (282, 283))
    code = tags[296].value if 296 in tags else 2
    unit = {2: "inch", 3: "cm"}.get(int(code), "")
    if unit == "inch" and width is not None and abs(width - 1 / 72) < 1e-9:
        # Seventy-two dots an inch is what programs write that know nothing.
        width = height = None
    own = said.pop("unit", "")
    if by_imagej and own:
        if unit == "cm" and own == "um" and width is not None and height is not None:
            width, height = width * 1e4, height * 1e4
        unit = own
    elif by_imagej:
        unit = ""
    threshold = 1e-4 if by_imagej else 1e-3
    if unit == "cm" and width is not None and height is not None and width <= threshold:
        width, height, unit = width * 1e4, height * 1e4, "um"
    if width is None or height is None:
        width = height = 1.0
        unit = unit if by_imagej else ""
    found = Calibration(width, height, unit, said)
    return None if found == Calibration() else found


def _inverse(tags: Any, tag: int) -> float | None:
    if tag not in tags:
        return None
    numerator, denominator = tags[tag].value
    return denominator / numerator if numerator and denominator else None


def _from_ome(description: str) -> Calibration | None:
    """Read the physical size that OME-XML states, in micrometres."""
    if "<OME" not in description[:2000] or "<!DOCTYPE" in description or "<!ENTITY" in description:
        return None
    root = ET.fromstring(description)  # noqa: S314 - no entities: looked at above
    pixels = next((item for item in root.iter() if item.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None
    x, y, z = (_physical(pixels, axis) for axis in "XYZ")
    if x is None and y is None:
        return None
    more = {"spacing": f"{z:.12g}"} if z is not None else {}
    return Calibration(x or y or 1.0, y or x or 1.0, "um", more)


def _physical(pixels: ET.Element, axis: str) -> float | None:
    text = pixels.get(f"PhysicalSize{axis}")
    factor = _OME_IN_UM.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").replace("\u03bc", "µ"))
    size = float(text) * factor if text and factor else 0.0
    return size if 0 < size < _LARGEST else None


def _escaped(text: str) -> str:
    """Write a text as ImageJ does: other letters than ASCII as escapes, on one line."""
    letters = (letter if " " <= letter < "\x7f" else f"\\u{ord(letter):04X}" for letter in text[:200])
    return "".join(letters).replace("\\u00B5m", "um")


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), text)
