"""Names, sizes and missing files: what a TIFF says in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from samj_bridge.reading.description import PixelSize

__all__ = ["OmeImage", "missing_files", "ome_images", "parse_xml", "pixel_size", "set_files", "tag_of"]

_MICRON = {"um": 1.0, "µm": 1.0, "μm": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6, "pm": 1e-6, "Å": 1e-4}


class OmeImage:
    """What OME-XML says of one image."""

    def __init__(self, element: ET.Element) -> None:
        pixels = next((child for child in element if tag_of(child) == "Pixels"), None)
        found = pixels if pixels is not None else element
        self.size = _ome_size(found)
        self.channels = tuple(child.get("Name") or "" for child in found if tag_of(child) == "Channel")


def ome_images(root: ET.Element | None) -> list[OmeImage]:
    """Return the images of OME-XML, in order; empty where there is none."""
    return [] if root is None else [OmeImage(child) for child in root if tag_of(child) == "Image"]


def missing_files(root: ET.Element | None, folder: Path) -> list[str]:
    """Return the files that OME-XML names and that are not beside it, in order of their naming."""
    if root is None:
        return []
    own = root.get("UUID")
    others = [item.get("FileName", "") for item in root.iter() if tag_of(item) == "UUID" and item.text != own]
    return list(dict.fromkeys(name for name in others if name and not (folder / name).is_file()))


def set_files(root: ET.Element) -> list[str]:
    """Return the names of the files that OME-XML says its planes are in, in order of their naming."""
    found = [item.get("FileName", "") for item in root.iter() if tag_of(item) == "UUID"]
    return list(dict.fromkeys(name for name in found if name))


def pixel_size(file: Any, page: Any, kind: str) -> PixelSize | None:
    """Return the pixel size that ImageJ would show; None where the file does not say, or says 72 dots an inch."""
    if kind == "Zeiss LSM":
        words = file.lsm_metadata or {}
        x, y = (float(words.get(f"VoxelSize{axis}", 0) or 0) * 1e6 for axis in "XY")
        return _size(x, y, "um")
    if kind == "MetaMorph":
        words = file.stk_metadata or {}
        x, y = (float(words.get(f"{axis}Calibration", 0) or 0) for axis in "XY")
        return _size(x, y, str(words.get("CalibrationUnits", "") or ""))
    if kind == "Aperio":
        found = re.search(r"\bMPP\s*=\s*([0-9]+\.?[0-9]*)", page.description or "")
        size = float(found.group(1)) if found else 0.0
        return _size(size, size, "um")
    x, y = (_resolution(page, tag) for tag in (282, 283))
    unit = {2: "inch", 3: "cm"}.get(int(_value(page, 296, 1)), "")
    if unit == "inch" and abs(x - 1 / 72) < 1e-9:
        return None
    description = file.pages.first.description or ""
    if description.startswith("ImageJ"):
        said = next((line[5:] for line in description.splitlines() if line.startswith("unit=")), "")
        if unit == "cm" and said == "um":
            x, y = x * 1e4, y * 1e4
        unit = said.replace("\\u00B5", "u").replace("µ", "u")
    elif unit == "cm" and 0 < x <= 1e-3:
        x, y, unit = x * 1e4, y * 1e4, "um"
    return _size(x, y, "um" if unit in {"micron", "microns"} else unit)


def _size(x: float, y: float, unit: str) -> PixelSize | None:
    if not (0 < x < 1e12 and 0 < y < 1e12) or unit.strip().lower() in {"", "pixel", "pixels"}:
        return None
    return PixelSize(x, y, unit)


def _ome_size(pixels: ET.Element) -> PixelSize | None:
    sizes = []
    for axis in "XY":
        try:
            size = float(pixels.get(f"PhysicalSize{axis}", "0"))
        except ValueError:
            size = 0.0
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm")
        if unit not in _MICRON:
            return None
        sizes.append(size * _MICRON[unit])
    return _size(sizes[0], sizes[1], "um")


def _resolution(page: Any, tag: int) -> float:
    value = _value(page, tag, (0, 1))
    top, bottom = value if isinstance(value, tuple) and len(value) == 2 else (0, 1)
    return float(bottom) / float(top) if top else 0.0


def _value(page: Any, tag: int, default: Any) -> Any:
    found = page.tags.get(tag)
    return default if found is None else found.value


def parse_xml(xml: str) -> ET.Element | None:
    """Return the root of XML; None where there is none, or it can't be read."""
    try:
        return ET.fromstring(xml)  # noqa: S314 - expat refuses entities that grow
    except ET.ParseError:
        return None


def tag_of(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rsplit("}", 1)[-1]
