"""Image files: every kind that users have, and a clear sentence for every damaged one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from samj_bridge import reading
from samj_bridge.errors import FileError, ImageError
from samj_bridge.reading import find_images


def read_image(path: Path, plane: int | None = None) -> np.ndarray:
    return reading.read_image(path, plane=plane).pixels


def test_grey_16_bit_tiff_keeps_its_values(tmp_path: Path) -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    assert np.array_equal(read_image(tmp_path / "a.tif"), pixels)


def test_a_tiff_with_channels_first_comes_back_with_channels_last(tmp_path: Path) -> None:
    pixels = np.arange(2 * 20 * 30, dtype=np.uint16).reshape(2, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "CYX"})
    assert np.array_equal(read_image(tmp_path / "a.tif"), np.moveaxis(pixels, 0, -1))


def test_a_stack_needs_a_plane_and_says_which_there_are(tmp_path: Path) -> None:
    pixels = np.arange(5 * 20 * 30, dtype=np.uint8).reshape(5, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(ImageError, match="5 planes") as caught:
        read_image(tmp_path / "a.tif")
    assert "--plane" in caught.value.hint
    assert np.array_equal(read_image(tmp_path / "a.tif", 3), pixels[3])
    with pytest.raises(ImageError, match="planes 0 to 4"):
        read_image(tmp_path / "a.tif", 5)


def test_imagejs_blobs_are_read_as_they_are_shown(data_dir: Path) -> None:
    pixels = read_image(data_dir / "images" / "blobs.gif")
    assert pixels.shape == (254, 256)
    assert pixels.dtype == np.uint8


def test_rgb_png_with_alpha_is_seen_over_white_as_in_imagej(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    alpha = pixels[..., 3:] / 255.0
    seen = pixels[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(read_image(tmp_path / "a.png") - seen).max() <= 1


@pytest.mark.parametrize("keep", [0, 5, 40, 300])
def test_a_truncated_tiff_is_named_with_a_way_out(tmp_path: Path, keep: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((50, 50), np.uint8))
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[:keep])
    with pytest.raises(FileError, match=r"cut\.tif") as caught:
        read_image(tmp_path / "cut.tif")
    assert caught.value.hint


def test_a_text_file_called_png_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(FileError, match="can't be read"):
        read_image(tmp_path / "a.png")


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="There is no file"):
        read_image(tmp_path / "missing.tif")
    with pytest.raises(FileError, match="no file or folder"):
        find_images([tmp_path / "missing"])


def test_a_folder_gives_its_images_in_name_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.png", "a.TIF", "notes.txt", "c.roi", "._a.TIF", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_images([tmp_path])] == ["a.TIF", "b.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="No image"):
        find_images([tmp_path / "empty"])
