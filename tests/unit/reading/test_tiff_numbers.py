"""TIFFs of every kind: their numbers come out as ImageJ shows them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.errors import FileError
from samj_bridge.reading import read_image
from samj_bridge.reading.bilevel import by_pillow, decoded

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
RAMP = np.arange(256, dtype=np.uint16) * 257


def write_raw(path: Path, body: bytes, tags: list[tuple[int, int, int]], width: int, height: int) -> Path:
    """Write a TIFF of one strip and whatever tags: (number, type, value)."""
    entries = [(256, 3, width), (257, 3, height), (273, 4, 8), (278, 3, height), (279, 4, len(body)), *tags]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(entries)
    )
    start = 8 + len(body) + len(body) % 2
    padded = body + bytes(len(body) % 2)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, start) + padded + directory + bytes(4))
    return path


@pytest.mark.parametrize("compression", ["lzw", "deflate", "packbits", "zstd", "lzma", "jpeg2000"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_compressed_numbers_come_back_as_they_were(compression: str, dtype: str, tmp_path: Path) -> None:
    pixels = GREY.astype(dtype) * (1 if dtype == "uint8" else 200)
    options = {"compressionargs": {"reversible": True, "level": 0}} if compression == "jpeg2000" else {}
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, **options)
    assert np.array_equal(read_image(tmp_path / "a.tif").pixels, pixels)


@pytest.mark.parametrize(("dtype", "predictor"), [("uint8", 2), ("uint16", 2), ("float32", 3), ("float64", 3)])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_predictors_are_undone(dtype: str, predictor: int, tile: tuple[int, int] | None, tmp_path: Path) -> None:
    pixels = np.dstack([GREY, GREY.T.reshape(GREY.shape), GREY[::-1]]).astype(dtype) / np.dtype(dtype).type(1)
    pixels = pixels.astype(dtype)
    options = {"tile": tile} if tile else {"rowsperstrip": 7}
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="rgb", compression="lzw", predictor=predictor, **options
    )
    assert np.array_equal(read_image(tmp_path / "a.tif").pixels, pixels)


def test_group_4_and_jpeg_are_read(tmp_path: Path) -> None:
    Image.fromarray(GREY > 128).save(tmp_path / "g4.tif", compression="group4")
    assert np.array_equal(read_image(tmp_path / "g4.tif").pixels, (GREY > 128) * np.uint8(255))
    smooth = np.add.outer(np.arange(40) * 3, np.arange(60)).astype(np.uint8)
    Image.fromarray(np.dstack([smooth, smooth[::-1], smooth])).save(tmp_path / "j.tif", compression="jpeg")
    taken = read_image(tmp_path / "j.tif")
    assert taken.series.colour
    assert np.abs(taken.pixels[..., 0].astype(int) - smooth).mean() < 4


@pytest.mark.parametrize("invert", [False, True])
def test_faxes_are_the_same_by_pillow_alone(invert: bool, tmp_path: Path) -> None:
    pages = [Image.fromarray(level < GREY) for level in (60, 128)]
    # A page that says which of black and white is zero, by libtiff either way.
    tags = {262: 0 if invert else 1}
    pages[0].save(tmp_path / "f.tif", compression="group4", save_all=True, append_images=pages[1:], tiffinfo=tags)
    with tifffile.TiffFile(tmp_path / "f.tif") as file:
        for page, level in zip(file.pages, (60, 128), strict=True):
            assert np.array_equal(by_pillow(page), decoded(page))
            shown = (level < GREY).astype(np.uint8)
            assert np.array_equal(by_pillow(page), 1 - shown if int(page.photometric) == 0 else shown)


def test_four_stains_of_8_bits_are_channels_and_no_rgba(tmp_path: Path) -> None:
    stains = np.stack([GREY, GREY[::-1], GREY[:, ::-1], GREY // 2])
    tifffile.imwrite(tmp_path / "ij.tif", stains, imagej=True, metadata={"axes": "CYX", "mode": "composite"})
    tifffile.imwrite(tmp_path / "o.ome.tif", stains, ome=True, metadata={"axes": "CYX"})
    tifffile.imwrite(
        tmp_path / "s.tif", np.moveaxis(stains, 0, -1), photometric="minisblack", planarconfig="contig"
    )
    for name in ("ij.tif", "o.ome.tif", "s.tif"):
        taken = read_image(tmp_path / name)
        assert np.array_equal(np.moveaxis(taken.pixels, -1, 0), stains), name
        assert taken.channels == "merge"
        assert np.array_equal(read_image(tmp_path / name, channels=3).pixels, stains[3])
        two = read_image(tmp_path / name, channels=[2, 0])
        assert np.array_equal(two.pixels, np.dstack([stains[2], stains[0]]))
        assert two.channels == (0, 1)


def test_three_stains_are_stretched_each_and_rgb_is_not(tmp_path: Path) -> None:
    stains = np.stack([GREY] * 3)
    tifffile.imwrite(tmp_path / "ij.tif", stains, imagej=True, metadata={"axes": "CYX", "mode": "composite"})
    assert read_image(tmp_path / "ij.tif").channels == (0, 1, 2)
    tifffile.imwrite(tmp_path / "rgb.tif", np.dstack([GREY, GREY // 2, GREY // 3]), photometric="rgb")
    assert read_image(tmp_path / "rgb.tif").channels is None
    assert read_image(tmp_path / "rgb.tif", channels=1).pixels.max() == GREY.max() // 2


def test_alpha_is_left_out_and_said(tmp_path: Path) -> None:
    rgba = np.dstack([GREY, GREY // 2, GREY // 3, GREY[::-1]])
    for dtype in (np.uint8, np.uint16):
        tifffile.imwrite(tmp_path / "a.tif", rgba.astype(dtype), photometric="rgb", extrasamples=["unassalpha"])
        taken = read_image(tmp_path / "a.tif")
        assert np.array_equal(taken.pixels, rgba[..., :3])
        assert "alpha left out" in taken.notes


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "bool"])
def test_white_is_zero_is_turned_round(dtype: str, tmp_path: Path) -> None:
    pixels = GREY > 128 if dtype == "bool" else GREY.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    taken = read_image(tmp_path / "a.tif")
    wanted = -pixels if dtype == "float32" else ~pixels * (np.uint8(255) if dtype == "bool" else 1)
    assert np.array_equal(taken.pixels, wanted)
    assert taken.notes == ("inverted",)


def table_of(kind: str) -> NDArray[np.uint16]:
    rng = np.random.default_rng(1)
    return {
        "ramp": np.stack([RAMP] * 3),
        "falling": np.stack([RAMP[::-1]] * 3),
        "green": np.stack([RAMP * 0, RAMP, RAMP * 0]),
        "scrambled greys": np.stack([rng.permutation(RAMP)] * 3),
        "colours": rng.integers(0, 256, (3, 256)).astype(np.uint16) * 257,
        "of bytes": rng.integers(0, 256, (3, 256)).astype(np.uint16),
        "seven": np.concatenate([rng.integers(0, 65_536, (3, 7)), np.zeros((3, 249))], axis=1).astype(np.uint16),
    }[kind]


@pytest.mark.parametrize("kind", ["ramp", "falling", "green", "scrambled greys", "colours", "of bytes", "seven"])
def test_tables_are_looked_up_where_they_are_colours_and_not_where_they_tint(kind: str, tmp_path: Path) -> None:
    table = table_of(kind)
    numbers = GREY % 7 if kind == "seven" else GREY
    tifffile.imwrite(tmp_path / "a.tif", numbers, photometric="palette", colormap=table)
    pixels = read_image(tmp_path / "a.tif").pixels
    bytes_ = (table if table.max() < 256 else table >> 8).astype(np.uint8)
    wanted = {
        "ramp": numbers,
        "green": numbers,
        "falling": 255 - numbers,
        "scrambled greys": bytes_[0][numbers],
    }.get(kind, np.moveaxis(bytes_[:, numbers], 0, -1))
    assert np.array_equal(pixels, wanted)


def test_pages_with_tables_of_their_own_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for kind in ("colours", "green"):
            writer.write(GREY, photometric="palette", colormap=table_of(kind), metadata=None)
    assert read_image(tmp_path / "a.tif", plane=0).pixels.ndim == 3
    with pytest.raises(FileError, match="tables of colours of their own"):
        read_image(tmp_path / "a.tif", plane=1)


def test_cmyk_is_rgb_by_imagejs_arithmetic_and_odd_inks_are_refused(tmp_path: Path) -> None:
    inks = np.dstack([GREY, GREY[::-1], GREY[:, ::-1], GREY // 4])
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    black = (GREY // 4).astype(int)
    cyan = np.where(black > 0, ((GREY.astype(int) * (256 - black)) >> 8) + black, GREY)
    assert np.array_equal(read_image(tmp_path / "a.tif").pixels[..., 0], 255 - cyan)
    tifffile.imwrite(tmp_path / "b.tif", inks.astype(np.uint16), photometric="separated")
    with pytest.raises(FileError, match="not plain CMYK"):
        read_image(tmp_path / "b.tif")
    tifffile.imwrite(tmp_path / "d.tif", GREY.astype(np.complex64))
    with pytest.raises(FileError, match="complex numbers") as caught:
        read_image(tmp_path / "d.tif")
    assert "complete" not in caught.value.hint
    tifffile.imwrite(tmp_path / "c.tif", inks[..., :3], photometric="cielab")
    with pytest.raises(FileError, match="save it as RGB"):
        read_image(tmp_path / "c.tif")


@pytest.mark.parametrize("bits", [2, 4, 10, 12])
def test_numbers_that_are_no_whole_bytes_are_unpacked(bits: int, tmp_path: Path) -> None:
    numbers = np.random.default_rng(2).integers(0, 2**bits, (6, 8))
    digits = "".join(f"{number:0{bits}b}" for number in numbers.ravel())
    body = int(digits, 2).to_bytes(len(digits) // 8, "big")
    path = write_raw(tmp_path / "a.tif", body, [(258, 3, bits), (262, 3, 1), (277, 3, 1)], 8, 6)
    assert np.array_equal(read_image(path).pixels, numbers)
