from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samj_bridge.errors import ImageError, SamjError
from samj_bridge.geometry.halve import halve
from samj_bridge.reading.pyramid import HalvedPyramid, MemoryPyramid, Pyramid, as_pyramid, identity_of

TYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")


def means(pixels: np.ndarray) -> np.ndarray:
    """The same as `halve`, one pixel after the other."""
    height, width = pixels.shape[:2]
    result = np.empty(((height + 1) // 2, (width + 1) // 2, *pixels.shape[2:]), pixels.dtype)
    for index in np.ndindex(result.shape):
        y, x = index[:2]
        block = [
            pixels[(min(2 * y + dy, height - 1), min(2 * x + dx, width - 1), *index[2:])]
            for dy in (0, 1)
            for dx in (0, 1)
        ]
        if pixels.dtype.kind == "f":
            finite = [float(value) for value in block if np.isfinite(value)]
            result[index] = sum(finite) / len(finite) if finite else block[0]
        else:
            result[index] = (sum(int(value) for value in block) + 2) // 4
    return result


@pytest.mark.parametrize("dtype", TYPES)
def test_halving_gives_the_means_in_every_type(dtype: str) -> None:
    random = np.random.default_rng(3)
    raw = random.integers(0, 256, (7, 9, np.dtype(dtype).itemsize), dtype=np.uint8)
    pixels = raw.view(dtype)[..., 0] if dtype != "bool" else raw[..., 0] > 128
    if pixels.dtype.kind == "f":
        pixels = random.normal(0, 1e3, (7, 9)).astype(dtype)
        pixels[0, 0], pixels[3, 3], pixels[6, 8] = np.nan, np.inf, np.nan
    found = halve(pixels)
    assert found.dtype == pixels.dtype
    if pixels.dtype.kind == "f":
        np.testing.assert_allclose(found, means(pixels), rtol=1e-5)
    else:
        np.testing.assert_array_equal(found, means(pixels))


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 300), st.integers(1, 300))),
    st.randoms(use_true_random=False),
)
def test_a_region_of_any_level_is_that_part_of_the_whole_level(pixels: np.ndarray, random: object) -> None:
    image = as_pyramid(pixels)
    whole = pixels
    for level, shape in enumerate(image.levels):
        assert whole.shape == shape
        y0, x0 = random.randrange(shape[0]), random.randrange(shape[1])  # type: ignore[attr-defined]
        height, width = random.randint(1, shape[0] - y0), random.randint(1, shape[1] - x0)  # type: ignore[attr-defined]
        np.testing.assert_array_equal(
            image.read(level, y0, x0, height, width), whole[y0 : y0 + height, x0 : x0 + width]
        )
        whole = halve(whole)
    assert max(image.levels[-1]) <= 64


def test_a_tall_strip_of_a_coarse_level_is_read_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samj_bridge.reading.pyramid._STRIP_PX", 1000)
    pixels = np.random.default_rng(0).integers(0, 65536, (1001, 333), dtype=np.uint16)
    largest = 0

    class Watched:
        shape, dtype, levels = pixels.shape, pixels.dtype, [pixels.shape]

        def read(self, level: int, y0: int, x0: int, height: int, width: int) -> np.ndarray:
            nonlocal largest
            largest = max(largest, height * width)
            return pixels[y0 : y0 + height, x0 : x0 + width]

    found = as_pyramid(Watched()).read(3, 0, 0, 126, 42)
    np.testing.assert_array_equal(found, halve(halve(halve(pixels))))
    assert largest <= 8 * 333


def test_levels_of_the_file_are_read_where_they_are_halves_and_others_are_made() -> None:
    pixels = np.zeros((1001, 801), np.uint8)
    half = np.full((500, 400), 10, np.uint8)  # sides rounded down
    third = np.full((333, 267), 77, np.uint8)
    eighth = np.full((126, 101), 30, np.uint8)
    image = as_pyramid([pixels, half, third, eighth])
    assert image.read(1, 490, 390, 11, 11).min() == 10
    assert image.read(2, 0, 0, 251, 201).max() == 10
    assert image.read(3, 0, 0, 126, 101).min() == 30
    assert image.read(4, 0, 0, 63, 51).min() == 30
    assert [image.cost(level) for level in range(5)] == [1, 1, 4, 1, 4]


def test_what_is_a_pyramid_already_stays_what_it_is() -> None:
    image = as_pyramid(np.zeros((4, 4)))
    assert as_pyramid(image) is image
    assert isinstance(image, Pyramid)
    assert isinstance(MemoryPyramid([np.zeros((4, 4))]), Pyramid)
    assert as_pyramid(MemoryPyramid([np.zeros((4, 4))], identity="file 3")).identity == "file 3"
    assert identity_of(np.zeros(3)) == ""


def test_memory_maps_are_read_in_place(tmp_path: object) -> None:
    path = tmp_path / "image.npy"  # type: ignore[operator]
    np.save(path, np.arange(10_000, dtype=np.uint16).reshape(100, 100))
    image = as_pyramid(np.load(path, mmap_mode="r"))
    np.testing.assert_array_equal(image.read(0, 3, 4, 1, 2), [[304, 305]])


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (3, "int is no image"),
        ([[1, 2], [3, 4]], "list is no image"),
        ([], "list is no image"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros(7), r"shape \(7,\)"),
        (np.zeros((2, 3), complex), "complex128"),
        ([np.zeros((8, 8)), np.zeros((8, 8))], "not smaller"),
        ([np.zeros((8, 8)), np.zeros((4, 9))], "not smaller"),
        ([np.zeros((8, 8)), np.zeros((4, 4), np.uint8)], "type uint8"),
        ([np.zeros((8, 8, 3)), np.zeros((4, 4))], "channels differ"),
    ],
)
def test_what_is_no_image_is_said(thing: object, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        as_pyramid(thing)


@pytest.mark.parametrize("region", [(0, -1, 0, 2, 2), (0, 0, 0, 0, 2), (0, 7, 0, 2, 2), (9, 0, 0, 1, 1)])
def test_a_region_outside_is_refused(region: tuple[int, ...]) -> None:
    for image in (MemoryPyramid([np.zeros((8, 8))]), as_pyramid(np.zeros((8, 8)))):
        with pytest.raises(ImageError) as caught:
            image.read(*region)
        assert caught.value.code == "region-outside"


def test_what_breaks_while_it_is_read_becomes_a_sentence() -> None:
    class Broken:
        shape, dtype = (100, 100), np.dtype(np.uint8)

        def __getitem__(self, index: object) -> np.ndarray:
            raise OSError(5, "Input/output error")

    class Short(Broken):
        def __getitem__(self, index: object) -> np.ndarray:
            return np.zeros((1, 1))

    for thing, words in ((Broken(), "Input/output error"), (Short(), r"shape \(1, 1\) instead of \(5, 5\)")):
        with pytest.raises(SamjError, match=words) as caught:
            as_pyramid(thing).read(0, 0, 0, 5, 5)
        assert caught.value.code == "region-unreadable"
        assert caught.value.hint


def test_halved_pyramids_know_their_image() -> None:
    assert isinstance(as_pyramid(np.zeros((300, 200, 3), np.uint8)), HalvedPyramid)
    assert list(as_pyramid(np.zeros((300, 200, 3), np.uint8)).levels)[-1] == (38, 25, 3)
