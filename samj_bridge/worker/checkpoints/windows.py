"""A part of a file read as if it were one: what is stored in an archive as it is need not be taken out."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

__all__ = ["Window", "places_in"]

_HEADER = 30
"""Bytes of an archive's header before each member's name."""


class Window(io.BufferedReader):
    """The bytes of an open file from `start` on, `size` of them."""

    def __init__(self, file: BinaryIO, start: int, size: int):
        super().__init__(_Part(file, start, size))


class _Part(io.RawIOBase):
    def __init__(self, file: BinaryIO, start: int, size: int):
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        left = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(left)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def places_in(path: Path) -> list[tuple[int, int]]:
    """Return where each member of an archive begins, and its bytes; all are stored as they are."""
    found = []
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for entry in archive.infolist():
            file.seek(entry.header_offset)
            name, extra = struct.unpack("<HH", file.read(_HEADER)[26:30])
            found.append((entry.header_offset + _HEADER + name + extra, entry.file_size))
    return found
