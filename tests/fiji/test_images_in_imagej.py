"""ImagePlus to numpy and shared memory: every type, every plane, what the user sees."""

from __future__ import annotations

import threading
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import jpype
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.errors import FijiError, FileError, ImageError, InputError
from samj_bridge.fiji import (
    ImageJ,
    copy_pixels,
    display_ranges,
    java_class,
    java_thread,
    open_image,
    pixels_of,
    plane_spec,
    start_imagej,
)


@pytest.fixture
def blobs(data_dir: Path) -> Path:
    return data_dir / "images" / "blobs.gif"


def open_array(folder: Path, pixels: NDArray[np.generic], axes: str | None = None) -> object:
    tifffile.imwrite(folder / "a.tif", pixels, imagej=True, metadata={"axes": axes} if axes else {})
    return open_image(folder / "a.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_images_keep_every_value(dtype: type, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(np.uint16).max, (37, 53)).astype(dtype)
    imp = open_array(tmp_path, pixels)
    assert plane_spec(imp) == ((37, 53), np.dtype(dtype))
    assert np.array_equal(pixels_of(imp), pixels)


def test_nan_and_infinity_arrive_as_they_are(tmp_path: Path) -> None:
    pixels = np.array([[np.nan, np.inf, -np.inf], [0, -1.5, 1e30]], np.float32)
    assert np.array_equal(pixels_of(open_array(tmp_path, pixels)), pixels, equal_nan=True)


def test_rgb_has_red_first(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    imp = open_image(tmp_path / "a.png")
    assert plane_spec(imp) == ((20, 30, 3), np.dtype(np.uint8))
    assert np.array_equal(pixels_of(imp), pixels)
    assert display_ranges(imp) is None


def test_indexed_colour_is_seen_as_rgb(tmp_path: Path) -> None:
    pixels = np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(20, 30)
    palette = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)
    picture = Image.frombytes("P", (30, 20), pixels.tobytes())
    picture.putpalette(palette.ravel().tolist())
    picture.save(tmp_path / "a.png")
    imp = open_image(tmp_path / "a.png")
    assert plane_spec(imp) == ((20, 30, 3), np.dtype(np.uint8))
    assert np.array_equal(pixels_of(imp), palette[pixels])
    assert display_ranges(imp) is None


def test_a_tint_is_not_a_colour_image(blobs: Path) -> None:
    imp = open_image(blobs)
    before = pixels_of(imp)
    imp.setLut(java_class("ij.process.LUT").createLutFromColor(java_class("java.awt.Color").green))
    assert np.array_equal(pixels_of(imp), 255 - before), "green is not inverted any more"
    assert display_ranges(imp) == [(0.0, 255.0)]


def test_every_plane_of_a_hyperstack_is_found(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)
    imp = open_array(tmp_path, pixels, "TZCYX")
    for t in range(2):
        for z in range(3):
            for c in range(4):
                assert np.array_equal(pixels_of(imp, c=c + 1, z=z + 1, t=t + 1), pixels[t, z, c])
    imp.setPosition(2, 3, 1)
    assert np.array_equal(pixels_of(imp), pixels[0, 2, 1])
    assert np.array_equal(pixels_of(imp, t=2), pixels[1, 2, 1])


def test_a_virtual_stack_is_read_too(data_dir: Path) -> None:
    path = data_dir / "images" / "stardist_16bit_3d.tif"
    expected = tifffile.imread(path)
    info = java_class("ij.plugin.FileInfoVirtualStack")
    imp = info.openVirtual(str(path))
    assert np.array_equal(pixels_of(imp, z=2 if imp.getNSlices() > 1 else 0), expected[1])


@pytest.mark.parametrize("place", [{"c": 2}, {"z": 9}, {"t": -1}])
def test_a_plane_that_is_not_there_is_refused(place: dict[str, int], blobs: Path) -> None:
    with pytest.raises(InputError, match="counted from 1"):
        pixels_of(open_image(blobs), **place)


def test_pixels_go_straight_to_shared_memory_and_java_does_not_hold_it(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 60_000, (64, 48)).astype(np.uint16)
    imp = open_array(tmp_path, pixels)
    memory = SharedMemory(create=True, size=pixels.nbytes)
    try:
        copy_pixels(imp, memory.buf)
        assert bytes(memory.buf[: pixels.nbytes]) == pixels.tobytes()
    finally:
        memory.close()  # raises BufferError while anyone holds the memory
        memory.unlink()


@pytest.mark.parametrize("out", [bytearray(10), bytes(256 * 254), "text", np.zeros((254, 512), np.uint8)[:, ::2]])
def test_memory_that_does_not_fit_is_refused(out: object, blobs: Path) -> None:
    with pytest.raises(InputError):
        copy_pixels(open_image(blobs), out)


def test_blobs_are_shown_with_an_inverting_table(blobs: Path) -> None:
    imp = open_image(blobs)
    with Image.open(blobs) as picture:
        shown = np.asarray(picture.convert("L"))
    assert np.array_equal(pixels_of(imp), shown)
    assert np.array_equal(pixels_of(imp, raw=True), 255 - shown)
    imp.setDisplayRange(10, 200)
    assert display_ranges(imp) == [(55.0, 245.0)]
    assert display_ranges(imp, raw=True) == [(10.0, 200.0)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_under_an_inverting_table_low_values_are_bright(dtype: type, tmp_path: Path) -> None:
    pixels = np.array([[0, 50, 200], [10, 100, 255]]).astype(dtype)
    imp = open_array(tmp_path, pixels)
    imp.setDisplayRange(0, 200)
    imp.getProcessor().invertLut()
    assert imp.isInvertedLut()
    ((low, high),) = display_ranges(imp)
    seen = np.clip((pixels_of(imp).astype(float) - low) / (high - low), 0, 1)
    assert np.allclose(seen, 1 - np.clip(pixels / 200, 0, 1))
    assert np.array_equal(pixels_of(imp, raw=True), pixels)


def test_the_display_range_is_the_one_the_user_set(tmp_path: Path) -> None:
    imp = open_array(tmp_path, np.arange(600, dtype=np.uint16).reshape(20, 30))
    imp.setDisplayRange(100, 400)
    assert display_ranges(imp) == [(100.0, 400.0)]


def test_each_channel_has_a_range_of_its_own(tmp_path: Path) -> None:
    imp = open_array(tmp_path, np.zeros((2, 8, 9), np.uint16), "CYX")
    for channel, high in ((1, 70), (2, 900)):
        imp.setC(channel)
        imp.setDisplayRange(5, high)
    assert imp.isComposite()
    assert display_ranges(imp, c=1) == [(5.0, 70.0)]
    assert display_ranges(imp, c=2) == [(5.0, 900.0)]
    with pytest.raises(InputError, match="no channel 3"):
        display_ranges(imp, c=3)


def test_an_image_of_nan_has_no_range(tmp_path: Path) -> None:
    assert display_ranges(open_array(tmp_path, np.full((3, 3), np.nan, np.float32))) is None


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    for not_image in (None, "a", np.zeros((3, 3))):
        with pytest.raises(InputError, match=r"ij\.ImagePlus is needed"):
            pixels_of(not_image)
    with pytest.raises(ImageError, match="no pixels"):
        pixels_of(java_class("ij.ImagePlus")())
    with pytest.raises(FileError, match="There is no file"):
        open_image(tmp_path / "missing.tif")
    (tmp_path / "text.tif").write_text("hello")
    with pytest.raises((FileError, FijiError), match=r"text\.tif"):
        open_image(tmp_path / "text.tif")


def test_a_path_with_any_letters_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "a b é 漢"
    folder.mkdir()
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(pixels_of(open_array(folder, pixels)), pixels)


def test_starting_again_gives_the_same_imagej(imagej: ImageJ) -> None:
    again = start_imagej(fiji="somewhere")
    assert again.source == "running"
    assert (again.version, again.java) == (imagej.version, imagej.java)
    assert imagej.version.startswith("1.54p")


def test_threads_that_come_and_go_leave_nothing_in_java(blobs: Path) -> None:
    count = java_class("java.lang.Thread").getAllStackTraces
    done = []

    def work() -> None:
        with java_thread():
            assert java_class("java.lang.Thread").currentThread().getContextClassLoader() is not None
            done.append(pixels_of(open_image(blobs)).sum())

    before = len(count())
    for _ in range(20):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(set(done)) == 1
    assert len(done) == 20
    assert len(count()) <= before + 2


def test_a_class_that_is_not_there_is_named() -> None:
    with pytest.raises(FijiError, match=r"no class net\.nowhere\.Nothing"):
        java_class("net.nowhere.Nothing")
    assert jpype.isJVMStarted()
