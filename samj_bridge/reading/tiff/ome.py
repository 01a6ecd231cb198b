"""OME-TIFFs whose planes stand in one file: which page is which plane, from the XML and the chain alone.

tifffile makes an object of every page before the first can be read. Sets of several files, several images, colours
and everything else that is not plain are left to it.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from samj_bridge.reading.tiff.facts import tag_of

__all__ = ["PlainOme", "plain_ome"]

_TYPES = {"int8", "int16", "int32", "uint8", "uint16", "uint32", "float", "double", "bit"}
_NUMPY = {"float": "float32", "double": "float64", "bit": "bool"}


class PlainOme:
    """One image, whose planes are pages of one sample."""

    def __init__(self, name: str, axes: str, counts: tuple[int, ...], pages: list[int]) -> None:
        self.name = name
        """Name in the file."""
        self.axes = axes
        """Axes over the pages, slowest first, none of length one."""
        self.counts = counts
        """How many there are along each."""
        self.pages = pages
        """The number of the page of every plane."""


def plain_ome(root: ET.Element, first: Any, name: str, chain_length: int) -> PlainOme | None:
    """Return where the planes of a plain OME-TIFF are; None: it is not plain.

    Parameters
    ----------
    root : xml element
        The file's OME-XML.
    first : tifffile.TiffPage
        Its first page.
    name : str
        The file's own name, by which its planes may name it.
    chain_length : int
        Pages in its main chain.
    """
    images = [child for child in root if tag_of(child) == "Image"]
    if len(images) != 1 or any(tag_of(item).startswith("ModuloAlong") for item in root.iter()):
        return None
    pixels = next((child for child in images[0] if tag_of(child) == "Pixels"), None)
    if pixels is None:
        return None
    try:
        sizes = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in "XYZCT"}
        order = pixels.get("DimensionOrder", "")
        if not _like_the_page(pixels, sizes, first) or sorted(order) != sorted("XYZCT") or order[:2] != "XY":
            return None
        pages = _pages_of(pixels, sizes, order, name, chain_length)
    except (ValueError, OverflowError):
        return None
    if pages is None:
        return None
    outer = [axis for axis in reversed(order[2:]) if sizes[axis] > 1]
    return PlainOme(images[0].get("Name", ""), "".join(outer), tuple(sizes[axis] for axis in outer), pages)


def _like_the_page(pixels: ET.Element, sizes: dict[str, int], first: Any) -> bool:
    samples = {child.get("SamplesPerPixel", "1") for child in pixels if tag_of(child) == "Channel"}
    kind = pixels.get("Type", "")
    return bool(
        samples <= {"1"}
        and first.samplesperpixel == 1
        and kind in _TYPES
        and str(first.dtype) == _NUMPY.get(kind, kind)
        and tuple(first.shape) == (sizes["Y"], sizes["X"])
        and min(sizes.values()) > 0
    )


def _pages_of(
    pixels: ET.Element, sizes: dict[str, int], order: str, name: str, chain_length: int
) -> list[int] | None:
    planes = sizes[order[2]] * sizes[order[3]] * sizes[order[4]]
    if planes > chain_length:
        return None
    pages = [-1] * planes
    for item in pixels:
        if tag_of(item) != "TiffData":
            continue
        elsewhere = [child.get("FileName", name) for child in item if tag_of(child) == "UUID"]
        if any(other != name for other in elsewhere):
            return None
        at = 0
        for axis in reversed(order[2:]):
            place = int(item.get(f"First{axis}", "0"))
            if not 0 <= place < sizes[axis]:
                return None
            at = at * sizes[axis] + place
        page = int(item.get("IFD", "0"))
        count = int(item.get("PlaneCount", "1" if "IFD" in item.attrib else str(planes - at)))
        if count < 1 or at + count > planes or page < 0 or page + count > chain_length:
            return None
        pages[at : at + count] = range(page, page + count)
    # A page for every plane, and no page twice.
    return pages if min(pages) >= 0 and len(set(pages)) == planes else None
