"""The chain of a TIFF's directories, read for what decides which pages belong together; no page is decoded.

tifffile makes an object of every page: 60 ms for 800 pages. Here pages that look like the one before them cost one
read and a comparison, and less than that where their directories stand one after the other.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chain", "Directory", "chain_of", "second_pixels"]

_MOST = 1_000_000
"""More directories than that are a damaged chain."""
_MOST_TAGS = 4_096
_NEAR = 2_048
"""Directories that are farther apart than this have pixels between them."""
_TOGETHER = 1_024
"""As many are read at once in the end."""
# Width, length, bits, compression, photometric, samples, planar, predictor, tiles, sample format, subfile types.
_DECIDE = frozenset({254, 255, 256, 257, 258, 259, 262, 277, 284, 317, 322, 323, 339, 32997})
_SIZES = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 13: 4, 16: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q"}


@dataclass(frozen=True)
class Directory:
    """What decides whether two pages belong to one stack."""

    width: int
    """Pixels in a row."""
    height: int
    """Rows."""
    bits: tuple[int, ...]
    """Bits of each sample."""
    samples: int
    """Samples of a pixel."""
    format: tuple[int, ...]
    """1 unsigned, 2 signed, 3 float; of each sample."""
    photometric: int
    """0: white is zero, 1: black is zero, 2: RGB, 3: a table, ..."""
    planar: int
    """1: samples side by side, 2: one plane after the other."""
    thumbnail: bool
    """Whether it is a reduced copy, or a mask."""


@dataclass
class Chain:
    """The main chain, in file order."""

    directories: list[Directory] = field(default_factory=list)
    """What each page is like."""
    offsets: list[int] = field(default_factory=list)
    """Where each page's directory stands."""

    kinds: dict[Directory, Directory] = field(default_factory=dict)
    """What kinds of pages there are; equal pages share one object."""

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def uniform(self) -> bool:
        """Whether all are alike."""
        return len(self.kinds) == 1


def chain_of(file: BinaryIO) -> Chain:
    """Return the main chain's directories.

    Parameters
    ----------
    file : binary file
        Its place is not to be relied on afterwards.

    Raises
    ------
    ValueError
        The chain is damaged: it loops, or leaves the file.
    """
    reader = _Reader(file)
    chain = Chain()
    at = reader.first
    check_at = _TOGETHER
    while at:
        whole, following = reader.directory(at)
        ranges, directory = reader.understand(whole)
        like = _Like(whole, ranges, chain.kinds.setdefault(directory, directory))
        chain.offsets.append(at)
        chain.directories.append(like.directory)
        # Pages of a stack are alike: many are read, and then compared all at once.
        at, alike, together = following, True, 4
        while at and alike:
            stride = at - chain.offsets[-1]
            if like.length + reader.tail <= stride <= _NEAR:
                offsets, rows = reader.near(at, stride, like.head, together)
            else:
                offsets, rows = reader.far(at, like.head, together)
            together = min(16 * together, _TOGETHER)
            count = like.count(rows)
            if not count:
                break
            alike = count == len(offsets)
            chain.offsets += offsets[:count]
            chain.directories += [like.directory] * count
            at = reader.next_of(rows[count - 1].tobytes())
            alike = alike and len(chain) < check_at
        if len(chain) >= check_at:
            # A chain that ends has no circle: only one that goes on and on is looked at, each time it has doubled.
            _refuse_circle(chain.offsets)
            check_at = 2 * len(chain)
    _take_for_planes(chain)
    return chain


def _take_for_planes(chain: Chain) -> None:
    """Take pages for planes that call themselves reduced and are as large as the others: ImageJ shows them so."""
    planes = {replace(kind, photometric=1) for kind in chain.kinds if not kind.thumbnail}
    for kind in [kind for kind in chain.kinds if kind.thumbnail]:
        if replace(kind, thumbnail=False, photometric=1) in planes:
            plane = replace(kind, thumbnail=False)
            plane = chain.kinds.setdefault(plane, plane)
            chain.directories = [plane if directory is kind else directory for directory in chain.directories]
            del chain.kinds[kind]


def _refuse_circle(offsets: list[int]) -> None:
    """Refuse a chain that comes back to a page, or is too long to be one."""
    seen: set[int] = set()
    for number, at in enumerate(offsets):
        if at in seen or number >= _MOST:
            message = f"its chain of pages runs in a circle at page {number}"
            raise ValueError(message)
        seen.add(at)


def second_pixels(file: BinaryIO) -> int | None:
    """Return where the pixels of the second page begin; None: there is one page, or it does not say.

    Raises
    ------
    ValueError
        The chain is damaged.
    """
    reader = _Reader(file)
    _whole, at = reader.directory(reader.first)
    return reader.pixels_of(reader.directory(at)[0]) if at else None


class _Like:
    """A directory's bytes, and which of them another page of its stack has too."""

    def __init__(self, whole: bytes, ranges: list[tuple[int, int]], directory: Directory) -> None:
        self.directory = directory
        self.length = len(whole)
        self._mask = np.zeros(len(whole), np.uint8)
        for start, end in ranges:
            self._mask[start:end] = 255
        self._shared = np.frombuffer(whole, np.uint8) & self._mask
        self.head = whole

    def count(self, rows: NDArray[np.uint8]) -> int:
        """Return how many of the first rows are like this one."""
        shared = rows[:, : self.length] & self._mask
        # Nearly always all of them are, and bytes are compared at once.
        if shared.tobytes() == self._shared.tobytes() * len(rows):
            return len(rows)
        return int(np.flatnonzero((shared != self._shared).any(axis=1))[0])


class _Reader:
    """Directories of either size of TIFF, in either byte order."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = _reading(file)
        self.end = os.fstat(file.fileno()).st_size
        start = self.read(16, 0)
        self.order = "<" if start[:2] == b"II" else ">"
        big = struct.unpack(self.order + "H", start[2:4])[0] == 43
        self.size, self._count, self._next = (20, "Q", "Q") if big else (12, "H", "I")
        self.inline = 8 if big else 4
        self.lead, self.tail = struct.calcsize(f"={self._count}"), struct.calcsize(f"={self._next}")
        self.place_type = np.dtype(f"{self.order}u{self.tail}")
        self.first = struct.unpack(self.order + self._next, start[8:16] if big else start[4:8])[0]

    def directory(self, at: int) -> tuple[bytes, int]:
        """Return a directory's count and entries, and where the next one stands."""
        start = self.read(self.lead, at)
        if at >= self.end or len(start) < self.lead:
            raise ValueError("a page lies beyond the end of the file")
        count = struct.unpack(self.order + self._count, start)[0]
        if not 1 <= count <= _MOST_TAGS:
            message = f"a page has {count} tags"
            raise ValueError(message)
        length = self.lead + count * self.size
        whole = self.read(length + self.tail, at)
        if len(whole) < length:
            raise ValueError("a page's tags are cut off")
        return whole[:length], self.next_of(whole) if len(whole) == length + self.tail else 0

    def near(self, at: int, stride: int, head: bytes, most: int) -> tuple[list[int], NDArray[np.uint8]]:
        """Return directories that stand one after the other, from one block: where, and a row of bytes for each."""
        width = len(head) + self.tail
        block = self.read(stride * most, at)
        count = (len(block) - width) // stride + 1 if len(block) >= width else 0
        rows = np.ndarray((count, width), np.uint8, block, strides=(stride, 1))
        places = rows[:, len(head) :].copy().view(self.place_type)[:, 0] if count else np.zeros(0)
        broken = np.flatnonzero(places != at + stride * np.arange(1, count + 1))
        count = int(broken[0]) + 1 if len(broken) else count
        return list(range(at, at + count * stride, stride)), rows[:count]

    def far(self, at: int, head: bytes, most: int) -> tuple[list[int], NDArray[np.uint8]]:
        """Return the directories that follow one another, as far as they are as long as `head`: the same."""
        lead, width = head[: self.lead], len(head) + self.tail
        read, place_of = self.read, struct.Struct(self.order + self._next).unpack_from
        offsets: list[int] = []
        found: list[bytes] = []
        while at and len(found) < most:
            whole = read(width, at)
            if len(whole) < width or not whole.startswith(lead):
                break
            offsets.append(at)
            found.append(whole)
            (at,) = place_of(whole, len(head))
        return offsets, np.frombuffer(b"".join(found), np.uint8).reshape(len(found), width)

    def next_of(self, tail: bytes) -> int:
        """Return the place of the next directory, from the last bytes of one."""
        place: int = struct.unpack(self.order + self._next, tail[-self.tail :])[0]
        return place

    def understand(self, body: bytes) -> tuple[list[tuple[int, int]], Directory]:
        """Return the places in the entries that two pages of a stack share, and what they say."""
        values: dict[int, tuple[int, ...]] = {}
        ranges = [(0, self.lead)]
        for at in range(self.lead, len(body), self.size):
            tag, kind = struct.unpack_from(self.order + "HH", body, at)
            count = struct.unpack_from(self.order + ("Q" if self.inline == 8 else "I"), body, at + 4)[0]
            if tag not in _DECIDE:
                ranges.append((at, at + 2))
                continue
            width = _SIZES.get(kind, 0) * count
            inside = 0 < width <= self.inline
            # An array stands elsewhere: its place differs from page to page, its type and length don't.
            ranges.append((at, at + self.size) if inside else (at, at + self.size - self.inline))
            values[tag] = self._values(body, at, kind, count, inside=inside)
        one = {tag: value[0] for tag, value in values.items() if value}
        samples = one.get(277, 1)
        reduced = one.get(254, 0) & 5 or one.get(255, 1) == 2
        directory = Directory(
            width=one.get(256, 0),
            height=one.get(257, 0),
            bits=values.get(258, (1,)),
            samples=samples,
            format=values.get(339, (1,) * samples),
            photometric=one.get(262, 1),
            planar=one.get(284, 1),
            thumbnail=bool(reduced),
        )
        return ranges, directory

    def pixels_of(self, body: bytes) -> int | None:
        """Return where a page's first strip or tile stands."""
        for at in range(self.lead, len(body), self.size):
            tag, kind = struct.unpack_from(self.order + "HH", body, at)
            if tag in {273, 324}:
                count = struct.unpack_from(self.order + ("Q" if self.inline == 8 else "I"), body, at + 4)[0]
                values = self._values(
                    body, at, kind, min(count, 64), inside=_SIZES.get(kind, 0) * count <= self.inline
                )
                return values[0] if values else None
        return None

    def _values(self, body: bytes, at: int, kind: int, count: int, *, inside: bool) -> tuple[int, ...]:
        if kind not in _CODES or not 1 <= count <= 64:
            return ()
        start = at + self.size - self.inline
        data = body[start : start + self.inline]
        if not inside:
            place = struct.unpack(self.order + self._next, data)[0]
            data = self.read(_SIZES[kind] * count, place)
        try:
            return struct.unpack_from(f"{self.order}{count}{_CODES[kind]}", data)
        except struct.error:
            return ()


def _reading(file: BinaryIO) -> Callable[[int, int], bytes]:
    """Return what reads so many bytes at a place."""
    pread = getattr(os, "pread", None)
    if pread is not None:
        return partial(pread, file.fileno())

    def read(count: int, at: int) -> bytes:
        file.seek(at)
        return file.read(count)

    return read
