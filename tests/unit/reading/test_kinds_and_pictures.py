"""Files known by their bytes, pictures beside TIFF, and what would not fit."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from samj_bridge.errors import FileError, ImageError
from samj_bridge.reading import describe_image, find_images, read_image
from samj_bridge.reading.memory import available_bytes, check_fits

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)

STRANGERS = {
    "d.oib": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), "Olympus"),
    "called.tif": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), "Olympus"),
    "f.vsi": (b"II*\0" + bytes(200), "Olympus slide"),
    "g.ims": (b"\x89HDF\r\n\x1a\n" + bytes(200), "Imaris"),
    "i.zip": (b"PK\x03\x04" + bytes(200), "ZIP"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_file_of_another_program_is_named_with_a_way_out(name: str, tmp_path: Path) -> None:
    body, what = STRANGERS[name]
    (tmp_path / name).write_bytes(body)
    with pytest.raises(FileError, match=what) as caught:
        read_image(tmp_path / name)
    assert caught.value.code == "unread-format"
    assert "Fiji" in caught.value.hint or "ImageJ" in caught.value.hint or "Unpack" in caught.value.hint


def test_folders_of_other_programs_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "a.oib").write_bytes(b"")
    with pytest.raises(FileError, match="No image") as caught:
        find_images([tmp_path / "slides"])
    assert ".oib" in caught.value.hint


def test_zarr_folders_and_slides_are_found_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.ome.zarr" / "0").mkdir(parents=True)
    (tmp_path / "a.ome.zarr" / ".zattrs").write_text("{}")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("b.czi", "c.mrxs", "d.svs", "e.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_images([tmp_path])] == ["a.ome.zarr", "b.czi", "c.mrxs", "d.svs"]
    # A Zarr without its ending, named itself, is an image and no folder of images.
    (tmp_path / "a.ome.zarr").rename(tmp_path / "cells")
    assert find_images([tmp_path / "cells"]) == [tmp_path / "cells"]


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(FileError, match="is empty: 0 bytes"):
        read_image(tmp_path / "a.tif")


def deep_png(path: Path, pixels: np.ndarray, kind: int) -> Path:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels.reshape(height, -1))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def test_16_bit_colours_keep_their_low_bytes(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65_536, (20, 30, 3), dtype=np.uint16)
    opaque = np.full((20, 30, 1), 65_535, np.uint16)
    for name, pixels, kind, wanted in (
        ("rgb", deep, 2, deep),
        ("rgba", np.concatenate([deep, opaque], axis=2), 6, deep),
        ("grey", deep[..., 0], 0, deep[..., 0]),
        ("grey and alpha", np.concatenate([deep[..., :1], opaque], axis=2), 4, deep[..., 0]),
    ):
        taken = read_image(deep_png(tmp_path / f"{name}.png", pixels, kind))
        assert np.array_equal(taken.pixels, wanted), name
        assert taken.pixels.dtype == np.uint16
    assert np.array_equal(read_image(tmp_path / "rgb.png", channels=1).pixels, deep[..., 1])


def test_a_frame_of_a_movie_is_chosen_by_number(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(GREY, n, 1)) for n in range(5)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="a stack of 5 planes"):
        read_image(tmp_path / "a.gif")
    assert np.array_equal(read_image(tmp_path / "a.gif", plane=3).pixels, np.roll(GREY, 3, 1))


def test_cmyk_in_jpeg_is_refused_as_by_imagej(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([GREY] * 4), "CMYK").save(tmp_path / "a.jpg")
    with pytest.raises(FileError, match="CMYK") as caught:
        read_image(tmp_path / "a.jpg")
    assert "RGB" in caught.value.hint


def test_a_large_picture_is_no_attack_and_pillows_own_limit_stays(tmp_path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    assert limit is not None
    Image.new("1", (14_000, 13_000)).save(tmp_path / "a.png", compress_level=1)
    assert describe_image(tmp_path / "a.png").series[0].width == 14_000
    Image.MAX_IMAGE_PIXELS = 100
    try:
        Image.fromarray(GREY).save(tmp_path / "b.png")
        assert np.array_equal(read_image(tmp_path / "b.png").pixels, GREY)
        assert Image.MAX_IMAGE_PIXELS == 100
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def test_what_does_not_fit_is_refused_with_both_numbers_before_it_is_read(tmp_path: Path) -> None:
    there = available_bytes()
    assert there is None or there > 2**20
    with pytest.raises(ImageError, match=r"needs 1000000\.0 GB of memory; .* GB are free") as caught:
        check_fits(10**15, "a.tif")
    assert caught.value.code == "image-too-large"
    # A picture of 40,000 gigabytes, all of it missing tiles.
    tifffile.imwrite(tmp_path / "a.tif", GREY, tile=(16, 16), compression="lzw", metadata=None)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tags = {tag.code: tag for tag in file.pages.first.tags}
        places = [tags[code].valueoffset for code in (256, 257)]
        kinds = [tags[code].dtype for code in (256, 257)]
    for place, kind in zip(places, kinds, strict=True):
        struct.pack_into("<I" if int(kind) == 4 else "<H", data, place, 6_000_000 if int(kind) == 4 else 65_000)
    (tmp_path / "a.tif").write_bytes(bytes(data))
    with pytest.raises((ImageError, FileError)):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_damaged_files_are_told_and_never_a_traceback(cut: int, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="lzw", photometric="minisblack")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[cut % len(data)] ^= 0xFF
    (tmp_path / "a.tif").write_bytes(bytes(data))
    told = ""
    try:
        seen = read_image(tmp_path / "a.tif").pixels.ndim in {2, 3}
    except (FileError, ImageError) as error:
        seen, told = False, error.message
    assert seen or "a.tif" in told
