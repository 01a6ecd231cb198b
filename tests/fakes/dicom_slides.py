"""A DICOM slide in small: a level a file, tiles of JPEG, put together element by element as the standard has them.

Whole slide microscopy (PS3.3 A.32.8), explicit VR little endian, encapsulated frames, ``TILED_FULL``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_JPEG = "1.2.840.10008.1.2.4.50"
_OURS = "2.25.4711"
"""Root of identifiers, which anybody may use below 2.25."""
_LONG = {"OB", "SQ"}


def write_dicom(folder: Path, levels: Sequence[NDArray[np.uint8]], *, mm: float = 0.0005, tile: int = 64) -> Path:
    """Write levels (Y, X, 3) of a slide into a folder, finest first; returns the file of the finest."""
    folder.mkdir()
    for number, pixels in enumerate(levels):
        step = mm * levels[0].shape[1] / pixels.shape[1]
        (folder / f"{number}.dcm").write_bytes(_level(pixels, number, step, tile))
    return folder / "0.dcm"


def _level(pixels: NDArray[np.uint8], number: int, mm: float, tile: int) -> bytes:
    own = f"{_OURS}.{number + 10}"
    head = b"".join(
        (
            _element(0x0002, 0x0001, "OB", b"\0\1"),
            _text(0x0002, 0x0002, "UI", _SLIDE),
            _text(0x0002, 0x0003, "UI", own),
            _text(0x0002, 0x0010, "UI", _JPEG),
            _text(0x0002, 0x0012, "UI", _OURS),
        )
    )
    height, width = pixels.shape[:2]
    frames = [
        _frame(pixels[y : y + tile, x : x + tile], tile)
        for y in range(0, height, tile)
        for x in range(0, width, tile)
    ]
    kind = "ORIGINAL\\PRIMARY\\VOLUME\\NONE" if number == 0 else "DERIVED\\PRIMARY\\VOLUME\\RESAMPLED"
    spacing = _text(0x0018, 0x0050, "DS", "0.001") + _text(0x0028, 0x0030, "DS", f"{mm:.8g}\\{mm:.8g}")
    body = b"".join(
        (
            _text(0x0008, 0x0008, "CS", kind),
            _text(0x0008, 0x0016, "UI", _SLIDE),
            _text(0x0008, 0x0018, "UI", own),
            _text(0x0008, 0x0060, "CS", "SM"),
            _text(0x0020, 0x000D, "UI", f"{_OURS}.1"),
            _text(0x0020, 0x000E, "UI", f"{_OURS}.2"),
            _text(0x0020, 0x0052, "UI", f"{_OURS}.3"),
            _text(0x0020, 0x9311, "CS", "TILED_FULL"),
            _number(0x0028, 0x0002, "US", 3),
            _text(0x0028, 0x0004, "CS", "YBR_FULL_422"),
            _number(0x0028, 0x0006, "US", 0),
            _text(0x0028, 0x0008, "IS", str(len(frames))),
            _number(0x0028, 0x0010, "US", tile),
            _number(0x0028, 0x0011, "US", tile),
            _number(0x0028, 0x0100, "US", 8),
            _number(0x0028, 0x0101, "US", 8),
            _number(0x0028, 0x0102, "US", 7),
            _number(0x0028, 0x0103, "US", 0),
            _element(0x0048, 0x0001, "FL", struct.pack("<f", width * mm)),
            _element(0x0048, 0x0002, "FL", struct.pack("<f", height * mm)),
            _number(0x0048, 0x0006, "UL", width),
            _number(0x0048, 0x0007, "UL", height),
            _sequence(0x0048, 0x0105, _text(0x0048, 0x0106, "SH", "1")),
            _number(0x0048, 0x0302, "UL", 1),
            _number(0x0048, 0x0303, "UL", 1),
            _sequence(0x5200, 0x9229, _sequence(0x0028, 0x9110, spacing)),
            _frames(frames),
        )
    )
    return b"\0" * 128 + b"DICM" + _number(0x0002, 0x0000, "UL", len(head)) + head + body


def _frame(part: NDArray[np.uint8], tile: int) -> bytes:
    whole = np.full((tile, tile, 3), 255, np.uint8)
    whole[: part.shape[0], : part.shape[1]] = part
    octets = BytesIO()
    Image.fromarray(whole).save(octets, "JPEG", quality=98, subsampling=1)
    return octets.getvalue()


def _frames(frames: Sequence[bytes]) -> bytes:
    even = [frame + b"\0" * (len(frame) % 2) for frame in frames]
    items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame for frame in (b"", *even))
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    return head + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _sequence(group: int, number: int, item: bytes) -> bytes:
    return _element(group, number, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item)


def _text(group: int, number: int, kind: str, text: str) -> bytes:
    octets = text.encode("ascii")
    return _element(group, number, kind, octets + (b"\0" if kind == "UI" else b" ") * (len(octets) % 2))


def _number(group: int, number: int, kind: str, value: int) -> bytes:
    return _element(group, number, kind, struct.pack("<H" if kind == "US" else "<I", value))


def _element(group: int, number: int, kind: str, value: bytes) -> bytes:
    length = struct.pack("<HI", 0, len(value)) if kind in _LONG else struct.pack("<H", len(value))
    return struct.pack("<HH2s", group, number, kind.encode("ascii")) + length + value
