"""Chains of thousands of pages: each is looked at, wherever it stands, and a circle is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from samj_bridge.reading.tiff.directories import Chain, chain_of

GAPS = {"one after the other": 0, "far from each other": 3_000}


def entry(tag: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, 4, 1, value)


def chained(path: Path, widths: list[int], gap: int, last: int = 0) -> list[int]:
    """Write a TIFF of directories alone, and return where they stand; the last one leads to page `last`."""
    length = 2 + 3 * 12 + 4
    places = [8 + number * (length + gap) for number in range(len(widths))]
    following = [*places[1:], places[last] if last else 0]
    parts = [struct.pack("<2sHI", b"II", 42, 8)]
    for number, (width, place) in enumerate(zip(widths, following, strict=True)):
        # Where its pixels are differs from page to page.
        tags = entry(256, width) + entry(257, 5) + entry(273, number)
        parts.append(struct.pack("<H", 3) + tags + struct.pack("<I", place) + bytes(gap))
    path.write_bytes(b"".join(parts))
    return places


def walked(path: Path) -> Chain:
    with path.open("rb") as file:
        return chain_of(file)


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("odd", [0, 1, 5, 1_500, 2_999])
def test_one_page_of_thousands_that_is_unlike_the_others_is_found(odd: int, gap: int, tmp_path: Path) -> None:
    widths = [7] * 3_000
    widths[odd] = 8
    places = chained(tmp_path / "a.tif", widths, gap)
    chain = walked(tmp_path / "a.tif")
    assert chain.offsets == places
    assert [directory.width for directory in chain.directories] == widths
    assert not chain.uniform


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("back", [2, 1_400])
def test_a_circle_is_refused_however_long_it_is(back: int, gap: int, tmp_path: Path) -> None:
    for widths in ([7] * 1_500, [7, 8] * 750):
        chained(tmp_path / "a.tif", widths, gap, last=back)
        with pytest.raises(ValueError, match="circle at page 1500"):
            walked(tmp_path / "a.tif")
