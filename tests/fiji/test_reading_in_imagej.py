"""Files read by us and by ImageJ: the same numbers, or one of the two refuses, never others without a word."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jpype
import numpy as np
import pytest
import tifffile
from fuzz_tiff import run
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.errors import FileError
from samj_bridge.fiji import display_ranges, java_class, open_image, pixels_of
from samj_bridge.reading import read_image
from samj_bridge.reading.imagej_limits import misread_by_imagej

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
DEEP = RNG.integers(0, 65_536, (20, 30, 3), dtype=np.uint16)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
SMOOTH = np.add.outer(np.arange(20) * 5, np.arange(30) * 5).astype(np.uint8)
RAMP = np.arange(256, dtype=np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _no_window_of_exceptions() -> Iterator[None]:
    """Close the window of what went wrong in ImageJ's readers: it lies over those of the next tests."""
    yield
    window = java_class("ij.WindowManager").getWindow("Exception")
    if window is not None:
        window.dispose()
        java_class("ij.WindowManager").removeWindow(window)


def test_tiffs_of_every_kind_are_what_imagej_shows(tmp_path: Path) -> None:
    # As many on every machine: a fast one must not find tomorrow what a slow one has passed over today.
    counts, bad = run(range(2000), tmp_path, time.monotonic() + 300)
    assert not bad, "\n".join(bad[:5])
    assert counts["same"] > 20, counts


def png(path: Path, pixels: NDArray[Any], kind: int, bits: int, **chunks: bytes) -> Path:
    """Write a PNG of any depth, with chunks such as tRNS."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width = pixels.shape[:2]
    if bits < 8:
        digits = ((pixels[..., np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1).reshape(height, -1)
        rows = [np.packbits(row.astype(np.uint8)).tobytes() for row in digits]
    else:
        rows = [row.astype(f">u{bits // 8}").tobytes() for row in pixels.reshape(height, -1)]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    more = b"".join(chunk(name.encode(), body) for name, body in chunks.items())
    data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + more + data + chunk(b"IEND", b""))
    return path


TABLES = {
    "ramp": np.stack([RAMP] * 3, 1),
    "falling": np.stack([RAMP[::-1]] * 3, 1),
    "green": np.stack([RAMP * 0, RAMP, RAMP * 0], 1),
    "falling green": np.stack([RAMP * 0, RAMP[::-1], RAMP * 0], 1),
    "scrambled greys": np.stack([RNG.permutation(RAMP)] * 3, 1),
    "colours": RNG.integers(0, 256, (256, 3), dtype=np.uint8),
    "seven colours": RNG.integers(0, 256, (7, 3), dtype=np.uint8),
    "five greys": np.stack([np.array([9, 200, 30, 255, 0], np.uint8)] * 3, 1),
}


def by_table(folder: Path, table: NDArray[np.uint8], ending: str) -> Path:
    numbers = (GREY.astype(int) % len(table)).astype(np.uint8)
    path = folder / f"a.{ending}"
    if ending == "png":
        return png(path, numbers, 3, 8, PLTE=table.tobytes())
    if ending == "tif":
        whole = np.zeros((3, 256), np.uint16)
        whole[:, : len(table)] = table.T.astype(np.uint16) * 257
        tifffile.imwrite(path, numbers, photometric="palette", colormap=whole)
        return path
    picture = Image.frombytes("P", (30, 20), numbers.tobytes())
    picture.putpalette(table.ravel().tolist())
    picture.save(path)
    return path


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("ending", ["png", "gif", "bmp", "tif"])
def test_a_table_of_colours_means_the_same_here_and_there(name: str, ending: str, tmp_path: Path) -> None:
    path = by_table(tmp_path, TABLES[name], ending)
    assert np.array_equal(read_image(path).pixels, pixels_of(open_image(path)))


def save(pixels: NDArray[Any], *modes: str, **options: Any) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(pixels, *modes).save(path, **options)


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x112] = orientation
    return made


PICTURES: dict[str, Callable[[Path], object]] = {
    "grey.png": save(GREY),
    "rgb.png": save(RGB),
    "one bit.png": save(GREY > 128),
    "two bits.png": lambda path: png(path, GREY % 4, 0, 2),
    "four bits.png": lambda path: png(path, GREY % 16, 0, 4),
    "16 bits.png": lambda path: png(path, DEEP[..., 0], 0, 16),
    "16 bits of colour.png": lambda path: png(path, DEEP, 2, 16),
    "alpha.png": save(np.dstack([RGB, GREY])),
    "clear.png": save(np.dstack([RGB, GREY * 0])),
    "one clear colour.png": lambda path: png(path, RGB, 2, 8, tRNS=struct.pack(">3H", *map(int, RGB[0, 0]))),
    "clear places.png": lambda path: png(
        path, GREY % 7, 3, 8, PLTE=TABLES["seven colours"].tobytes(), tRNS=bytes([255, 0, 128])
    ),
    "grey.jpg": save(SMOOTH, quality=95),
    "rgb.jpg": save(np.dstack([SMOOTH, SMOOTH[::-1], SMOOTH]), quality=90),
    "grey as rgb.jpg": save(np.dstack([SMOOTH] * 3), quality=95),
    "turned.jpg": save(SMOOTH, exif=exif(6)),
    "grey.bmp": save(GREY),
    "rgb.bmp": save(RGB),
    "one bit.bmp": save(GREY > 128),
    "rgba.bmp": save(np.dstack([RGB, GREY])),
    "grey.gif": save(GREY),
    "one bit.gif": save(GREY > 128),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_imagej_shows(name: str, tmp_path: Path) -> None:
    PICTURES[name](tmp_path / name)
    imp = open_image(tmp_path / name)
    several = int(imp.getNChannels()) > 1
    theirs = np.dstack([pixels_of(imp, c=c) for c in (1, 2, 3)]) if several else pixels_of(imp)
    ours = read_image(tmp_path / name).pixels
    if theirs.ndim > ours.ndim:
        # Grey that ImageJ holds as RGB.
        ours = np.dstack([ours] * 3)
    assert ours.dtype == theirs.dtype
    # Java's rounding of what is half transparent.
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= ("alpha" in name)


def test_a_grey_gif_movie_is_read_frame_by_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(SMOOTH, n, 1)) for n in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    imp = open_image(tmp_path / "a.gif")
    for n in range(4):
        assert np.array_equal(read_image(tmp_path / "a.gif", plane=n).pixels, pixels_of(imp, z=n + 1))


def test_greys_by_a_table_are_shown_from_0_to_255(tmp_path: Path) -> None:
    imp = open_image(png(tmp_path / "a.png", GREY % 4, 0, 2))
    assert display_ranges(imp) == [(0.0, 255.0)]
    assert np.array_equal(pixels_of(imp, raw=True), GREY % 4)


def saved_by_imagej(path: Path, pixels: NDArray[Any], *commands: str, channels: int = 1) -> Any:
    """Let ImageJ make a stack, apply commands to it, and save it."""
    height, width = pixels.shape[1:]
    stack = java_class("ij.ImageStack")(width, height)
    kinds = {"uint8": ("Byte", jpype.JByte), "uint16": ("Short", jpype.JShort), "float32": ("Float", jpype.JFloat)}
    name, kind = kinds[str(pixels.dtype)]
    for plane in pixels:
        signed = plane.view(plane.dtype.str.replace("u", "i")).ravel()
        stack.addSlice(
            "", java_class(f"ij.process.{name}Processor")(width, height, jpype.JArray(kind)(signed), None)
        )
    imp = java_class("ij.ImagePlus")("made", stack)
    imp.setDimensions(channels, len(pixels) // channels, 1)
    for command in commands:
        java_class("ij.IJ").run(imp, command, "")
    imp = java_class("ij.CompositeImage")(imp, 1) if channels > 1 else imp
    saver = java_class("ij.io.FileSaver")(imp)
    assert saver.saveAsTiffStack(str(path)) if len(pixels) > 1 else saver.saveAsTiff(str(path))
    return imp


TINTS = [(), ("Invert LUT",), ("Green",), ("Fire",), ("Red", "Invert LUT")]


@pytest.mark.parametrize(
    ("dtype", "commands"),
    [*((dtype, tint) for dtype in ("uint8", "uint16", "float32") for tint in TINTS), ("uint8", ("3-3-2 RGB",))],
)
def test_what_imagej_saves_is_read_back(dtype: str, commands: tuple[str, ...], tmp_path: Path) -> None:
    pixels = RNG.integers(0, 250, (3, 20, 30)).astype(dtype)
    for count in (1, 3):
        made = saved_by_imagej(tmp_path / "a.tif", pixels[:count], *commands)
        imp = open_image(tmp_path / "a.tif")
        for n in range(count):
            shown = pixels_of(imp, z=n + 1)
            assert np.array_equal(shown, pixels_of(made, z=n + 1))
            assert np.array_equal(read_image(tmp_path / "a.tif", plane=n).pixels, shown)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_composite_that_imagej_saves_is_read_back(dtype: str, tmp_path: Path) -> None:
    pixels = RNG.integers(0, 250, (6, 20, 30)).astype(dtype)
    saved_by_imagej(tmp_path / "a.tif", pixels, channels=3)
    imp = open_image(tmp_path / "a.tif")
    for c in range(3):
        for z in range(2):
            ours = read_image(tmp_path / "a.tif", z=z, channels=c).pixels
            assert np.array_equal(ours, pixels_of(imp, c=c + 1, z=z + 1))
            assert np.array_equal(ours, pixels[3 * z + c])


MISREAD: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "predictor 3": (GREY.astype(np.float32), {"compression": "lzw", "predictor": 3, "photometric": "minisblack"}),
    "32-bit numbers": (GREY.astype(np.int32) * 99_991, {"compression": "lzw", "predictor": 2}),
    "int8": (GREY.view(np.int8), {}),
    "uint32": (GREY.astype(np.uint32) * 16_000_000, {}),
    "pages of 1 bit": (GREY > 128, {"compression": "packbits"}),
    "JPEG": (GREY, {"compression": "jpeg"}),
    "three of four": (np.dstack([RGB, GREY]), {"photometric": "minisblack", "planarconfig": "contig"}),
    "one plane of samples": (
        np.stack([GREY, GREY[::-1]] * 2),
        {"photometric": "minisblack", "planarconfig": "separate"},
    ),
    "in a stack": (np.stack([np.dstack([RGB, GREY])] * 2), {"photometric": "separated"}),
    "black": (GREY, {"photometric": "palette", "colormap": RNG.integers(1, 256, (3, 256)).astype(np.uint16)}),
}


@pytest.mark.parametrize("reason", MISREAD)
def test_what_imagej_would_misread_is_refused_there_and_read_here(reason: str, tmp_path: Path) -> None:
    pixels, options = MISREAD[reason]
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=None, **options)
    with pytest.raises(FileError, match=reason) as caught:
        open_image(tmp_path / "a.tif")
    assert caught.value.code == "misread-by-imagej"
    imp = java_class("ij.io.Opener")().openImage(str(tmp_path / "a.tif"))
    ours = read_image(tmp_path / "a.tif", plane=0).pixels
    theirs = pixels_of(imp)
    assert ours.shape != theirs.shape or not np.array_equal(ours, theirs), "ImageJ reads it well by now"


@pytest.mark.parametrize(("kind", "bits"), [(4, 8), (4, 16), (6, 16)])
def test_pngs_that_java_recolours_are_refused_there(kind: int, bits: int, tmp_path: Path) -> None:
    top = np.full_like(DEEP[..., :1], 2**bits - 1)
    colours = DEEP[..., : kind - 3] >> (16 - bits)
    png(tmp_path / "a.png", np.concatenate([colours, top], axis=2), kind, bits)
    with pytest.raises(FileError, match="brighter" if kind == 4 else "low bytes"):
        open_image(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png").pixels, colours.squeeze())
    imp = java_class("ij.io.Opener")().openImage(str(tmp_path / "a.png"))
    theirs = pixels_of(imp)
    assert theirs.dtype != colours.dtype or not np.array_equal(theirs[..., 0], colours[..., 0])


def test_stacks_that_imagej_mixes_are_not_opened_silently(tmp_path: Path) -> None:
    planes = RNG.integers(0, 256, (2, 3, 37, 38), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    bits = RNG.integers(0, 2, (2, 32, 8)).astype(bool)
    tifffile.imwrite(tmp_path / "b.tif", bits, photometric="minisblack", metadata=None)
    for name in ("a.tif", "b.tif"):
        with pytest.raises(FileError, match="ImageJ would show other numbers"):
            open_image(tmp_path / name)
    assert np.array_equal(read_image(tmp_path / "a.tif", plane=1).pixels, np.moveaxis(planes[1], 0, -1))
    assert np.array_equal(read_image(tmp_path / "b.tif", plane=1).pixels, bits[1] * np.uint8(255))


# What hours of other seeds found: a page shown twice, pages dropped or mixed, bits at wrong places, a thumbnail
# taken for a plane, and (ours) tables of colours of one channel among several.
@pytest.mark.parametrize("seed", [2538, 7015388, 7022418, 7036903, 7043827, 7051614, 7064601, 7096815, 47017247])
def test_files_that_once_differed_do_no_more(seed: int, tmp_path: Path) -> None:
    _counts, bad = run([seed], tmp_path, time.monotonic() + 60)
    assert not bad, bad


def test_ordinary_files_are_not_held_for_misread(data_dir: Path) -> None:
    for path in (data_dir / "images").iterdir():
        assert not misread_by_imagej(path), path
