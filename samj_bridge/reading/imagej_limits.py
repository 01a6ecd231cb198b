"""Files that ImageJ opens by itself without a word, showing other numbers than the file holds.

``docs/reference/images.md`` lists the same, and ``tests/fuzz_tiff.py`` knows no other differences. ImageJ 1.54p.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samj_bridge.reading.kinds import has_chunk, is_tiff
from samj_bridge.reading.tiff.directories import chain_of

__all__ = ["misread_by_imagej", "pages_differ", "planes_alike"]

_NONE, _LZW, _JPEG, _PACKBITS = 1, 5, 7, 32773
_OPENED = frozenset({_NONE, _LZW, 8, 32946, _PACKBITS})
_SIGNED, _FLOAT = 2, 3


@dataclass(frozen=True)
class _Kind:
    """What ImageJ's decoder looks at."""

    compression: int
    predictor: int
    bits: int
    samples: int
    planes: bool
    """Whether samples stand plane by plane."""
    format: int
    photometric: int
    width: int
    pages: int
    fill_order: int
    dark_table: bool

    @property
    def packed(self) -> bool:
        return self.compression != _NONE


_LIMITS: tuple[tuple[str, Callable[[_Kind], bool]], ...] = (
    ("shows the bytes of a JPEG that is less than 500 pixels wide", lambda kind: kind.compression == _JPEG),
    ("passes over predictor 3", lambda kind: kind.packed and kind.predictor == 3),
    (
        "adds up 32-bit numbers with a predictor as floats",
        lambda kind: kind.packed and kind.predictor == 2 and kind.bits == 32,
    ),
    (
        "applies a predictor across planes of samples",
        lambda kind: kind.packed and kind.predictor == 2 and kind.planes,
    ),
    (
        "does not undo a predictor after PackBits",
        lambda kind: kind.compression == _PACKBITS and kind.predictor == 2,
    ),
    ("takes int8 for uint8", lambda kind: kind.bits == 8 and kind.format == _SIGNED),
    ("takes uint32 for int32", lambda kind: kind.bits == 32 and kind.format not in {_SIGNED, _FLOAT}),
    (
        "takes signed or floating colours of 16 bits for unsigned ones",
        lambda kind: kind.bits == 16 and kind.samples > 1 and kind.format in {_SIGNED, _FLOAT},
    ),
    ("does not unpack compressed pages of 1 bit", lambda kind: kind.bits == 1 and kind.packed),
    ("begins the later pages of 1 bit at the wrong bytes", lambda kind: kind.bits == 1 and kind.pages > 1),
    ("mixes the pages of colours that stand plane by plane", lambda kind: kind.planes and kind.pages > 1),
    ("reads bits in one order only", lambda kind: kind.fill_order == 2),
    (
        "shows one plane of samples of 2, 4 or more, or mixes them",
        lambda kind: kind.planes and kind.samples not in {1, 3},
    ),
    (
        "mixes the strips of planes of 16-bit samples",
        lambda kind: kind.planes and kind.bits == 16,
    ),
    (
        "shows three of four samples as RGB",
        lambda kind: kind.bits == 8 and kind.samples == 4 and kind.photometric not in {2, 5},
    ),
    ("mixes two samples", lambda kind: kind.samples == 2 and not kind.planes),
    (
        "unpacks four samples of 16 bits as three",
        lambda kind: kind.bits == 16 and kind.samples == 4,
    ),
    (
        "mixes the pages of a stack of 16-bit colours",
        lambda kind: kind.bits == 16 and kind.samples > 1 and kind.pages > 1,
    ),
    ("does not turn round CMYK in a stack", lambda kind: kind.photometric == 5 and kind.pages > 1),
    ("shows a table of colours with numbers up to 255 as black", lambda kind: kind.dark_table),
)


def misread_by_imagej(path: Path) -> str:
    """Return what ImageJ does wrongly with a file: ``takes int8 for uint8``; empty: nothing, or it doesn't open it.

    Parameters
    ----------
    path : Path
        Any file; one that can't be read is left to ImageJ's own words.
    """
    import tifffile

    try:
        if not is_tiff(path):
            return _misread_png(path)
        with tifffile.TiffFile(path) as file:
            if file.is_bigtiff:
                return ""
            page = file.pages.first
            compression = int(page.compression)
            opened = compression in _OPENED or (compression == _JPEG and page.imagewidth < 500)
            if page.is_tiled or not opened:
                return ""
            chain = chain_of(file.filehandle._fh)  # noqa: SLF001 - see tiff.layout
            kind = _kind(page, len(chain))
            if (kind.packed or not chain.uniform) and _seem_to_follow(file, kind):
                return "takes its pages for one block of planes, since they begin where such planes would by chance"
    except Exception:  # noqa: BLE001 - a damaged file is told by who opens it
        return ""
    return next((words for words, holds in _LIMITS if holds(kind)), "")


def _seem_to_follow(file: Any, kind: _Kind) -> bool:
    """Return whether each page begins as many bytes after the one before as an unpacked plane of the first has."""
    if kind.pages < 2 or (kind.samples == 3 and kind.bits == 8 and not kind.planes):
        # Of planes of RGB bytes ImageJ does not ask that.
        return False
    page = file.pages.first
    plane = int(page.imagewidth) * int(page.imagelength) * max(kind.bits // 8, 1) * kind.samples
    start = int(page.dataoffsets[0])
    return all(int(file.pages[n].dataoffsets[0]) == start + n * plane for n in range(1, kind.pages))


def planes_alike(path: Path) -> int:
    """Return how many pages a TIFF has, if all are alike; 0 otherwise.

    Where that is more than ImageJ shows, it has lost some.

    Parameters
    ----------
    path : Path
        Any file.
    """
    try:
        if not is_tiff(path):
            return 0
        with path.open("rb") as file:
            chain = chain_of(file)
    except Exception:  # noqa: BLE001 - as above
        return 0
    return len(chain) if chain.uniform else 0


def pages_differ(path: Path, one: int, other: int) -> bool:
    """Return whether two pages of a TIFF hold different bytes: ImageJ may show them alike all the same."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        parts = []
        for number in (one, other):
            page = file.pages[number]
            places = zip(page.dataoffsets, page.databytecounts, strict=True)
            parts.append([_bytes_at(file.filehandle, at, count) for at, count in places])
    return parts[0] != parts[1]


def _bytes_at(handle: Any, at: int, count: int) -> bytes:
    handle.seek(at)
    return bytes(handle.read(count))


def _misread_png(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(26)
        if not start.startswith(b"\x89PNG\r\n\x1a\n"):
            return ""
        bits, kind = start[24], start[25]
        clear = kind in {0, 2} and has_chunk(file, b"tRNS")
    if kind == 4 or (kind == 0 and clear):
        return "draws greys with transparency brighter than they are"
    if bits == 16 and (kind == 6 or clear):
        return "drops the low bytes of 16-bit colours with transparency"
    return ""


def _kind(page: Any, pages: int) -> _Kind:
    table = page.tags.get(320)
    return _Kind(
        compression=int(page.compression),
        predictor=int(page.predictor),
        bits=int(page.bitspersample),
        samples=int(page.samplesperpixel),
        planes=int(page.samplesperpixel) > 1 and int(page.planarconfig) == 2,
        format=int(page.sampleformat),
        photometric=int(page.photometric),
        width=int(page.imagewidth),
        pages=pages,
        fill_order=int(page.fillorder),
        dark_table=table is not None and int(page.bitspersample) == 8 and 0 < int(np.max(table.value)) < 256,
    )
