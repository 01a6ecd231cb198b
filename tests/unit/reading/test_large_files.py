"""Files read in place: the same pixels in parts, whole, and as they were written; and what is told of bad ones."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fakes import dicom_slides, large_files
from numpy.typing import NDArray

from samj_bridge.errors import FileError, ImageError
from samj_bridge.geometry.display_range import windows_of
from samj_bridge.reading import OpenedImage, describe_image, open_pyramid, read_image
from samj_bridge.reading.pyramid import MemoryPyramid, Pyramid
from samj_bridge.session.tiles.ranges import ranges_of
from samj_bridge.session.tiles.source import TileSource, pixels_or_tiles

pytest.importorskip("zarr", minversion="3", reason="the extras of large files are not installed")
pytest.importorskip("pylibCZIrw")
pytest.importorskip("openslide")
pytest.importorskip("liffile")

STACK = np.random.default_rng(0).integers(1, 60_000, (2, 3, 150, 211), dtype=np.uint16)
_Y, _X = np.mgrid[:256, :384]
RGB = np.stack([_Y // 2, _X // 2, (_X + _Y) // 4], axis=-1).astype(np.uint8)


def sharded(path: Path, stack: NDArray[Any]) -> None:
    large_files.write_ome_zarr(path, stack, version="0.5", sharded=True)


def lzw(path: Path, stack: NDArray[Any]) -> None:
    large_files.write_ome_tiff(path, stack, compression="lzw")


WRITERS: dict[str, tuple[Callable[..., None], int]] = {
    "cells.ome.tif": (large_files.write_ome_tiff, 3),
    "lzw.ome.tif": (lzw, 3),
    "old.ome.zarr": (large_files.write_ome_zarr, 3),
    "new.ome.zarr": (lambda path, stack: large_files.write_ome_zarr(path, stack, version="0.5"), 3),
    "sharded.ome.zarr": (sharded, 3),
    "cells.czi": (large_files.write_czi, 1),
    "cells.lif": (large_files.write_lif, 1),
}


def check_regions(opened: OpenedImage, levels: list[NDArray[Any]], tolerance: int = 0) -> None:
    """Compare regions everywhere in an image with what was written."""
    assert isinstance(opened, Pyramid)
    assert list(opened.levels) == [level.shape for level in levels]
    rng = np.random.default_rng(1)
    for number, level in enumerate(levels):
        height, width = level.shape[:2]
        boxes = [(0, 0, height, width), (height - 1, width - 1, 1, 1)]
        for _ in range(8):
            y0, x0 = int(rng.integers(height)), int(rng.integers(width))
            boxes.append((y0, x0, int(rng.integers(1, height - y0 + 1)), int(rng.integers(1, width - x0 + 1))))
        for y0, x0, high, wide in boxes:
            found = opened.read(number, y0, x0, high, wide)
            wanted = level[y0 : y0 + high, x0 : x0 + wide]
            assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
            assert np.abs(found.astype(int) - wanted.astype(int)).max() <= tolerance


@pytest.mark.parametrize("name", WRITERS)
def test_regions_of_every_level_are_what_was_written(name: str, tmp_path: Path) -> None:
    write, count = WRITERS[name]
    write(tmp_path / name, STACK)
    (series,) = describe_image(tmp_path / name).series
    assert (series.width, series.height, series.dtype, series.channels) == (211, 150, "uint16", 2)
    assert (series.axes, series.counts, str(series.pixel_size)) == ("Z", (3,), "0.5 µm")
    with open_pyramid(tmp_path / name, z=2) as opened:
        assert opened.channels == (0, 1)
        check_regions(opened, large_files.levels_of(np.moveaxis(STACK[:, 2], 0, -1), count))
    with open_pyramid(tmp_path / name, z=1, channels=1) as opened:
        assert opened.channels is None
        check_regions(opened, large_files.levels_of(STACK[1, 1], count))
    assert np.array_equal(read_image(tmp_path / name, z=0, channels=1).pixels, STACK[1, 0])
    with pytest.raises(ImageError, match="a stack of 3 planes"):
        open_pyramid(tmp_path / name)
    with pytest.raises(ImageError, match="channel 2 was asked for, but there are 2"):
        open_pyramid(tmp_path / name, z=0, channels=2)


def test_a_coarser_level_is_chosen_by_its_number(tmp_path: Path) -> None:
    large_files.write_ome_tiff(tmp_path / "a.ome.tif", STACK)
    levels = large_files.levels_of(STACK[1, 0])
    taken = read_image(tmp_path / "a.ome.tif", z=0, channels=1, level=2)
    assert np.array_equal(taken.pixels, levels[2])
    assert "level 2, 53 x 38 of 211 x 150" in taken.describe()
    with open_pyramid(tmp_path / "a.ome.tif", z=0, channels=1, level=1) as opened:
        check_regions(opened, levels[1:])
        first = opened.identity
    with open_pyramid(tmp_path / "a.ome.tif", z=0, channels=1) as opened:
        assert opened.identity != first
    with pytest.raises(ImageError, match="has 3 levels; level 3 was asked for"):
        read_image(tmp_path / "a.ome.tif", z=0, level=3)


def test_slides_of_leica_and_akoya_are_their_levels_and_channels(tmp_path: Path) -> None:
    # Tifffile halves the sides and rounds down to know a level of theirs.
    stack, colours = np.moveaxis(STACK[:, 0, :148, :208], 0, -1), RGB[:128, :192]
    large_files.write_qptiff(tmp_path / "a.qptiff", np.moveaxis(stack, -1, 0))
    with open_pyramid(tmp_path / "a.qptiff") as opened:
        check_regions(opened, large_files.levels_of(stack))
        assert "PerkinElmer" in opened.describe()
        assert "pixel 0.5 µm" in opened.describe()
    large_files.write_scn(tmp_path / "a.scn", colours)
    with open_pyramid(tmp_path / "a.scn") as opened:
        check_regions(opened, large_files.levels_of(colours))
        assert "Leica SCN" in opened.describe()


def test_a_slide_is_its_levels_and_not_its_label(tmp_path: Path) -> None:
    large_files.write_svs(tmp_path / "a.svs", RGB, compression="zlib")
    with open_pyramid(tmp_path / "a.svs") as opened:
        check_regions(opened, large_files.levels_of(RGB))
        assert opened.chosen.series.name == "Baseline"
        assert str(opened.chosen.series.pixel_size) == "0.25 µm"
    assert [series.thumbnail for series in describe_image(tmp_path / "a.svs").series] == [False, True, True, True]
    large_files.write_svs(tmp_path / "jpeg.svs", RGB)
    with open_pyramid(tmp_path / "jpeg.svs") as opened:
        whole = [tifffile.imread(tmp_path / "jpeg.svs", level=level) for level in range(3)]
        check_regions(opened, whole)


def test_a_slide_that_only_openslide_reads(tmp_path: Path) -> None:
    large_files.write_vms(tmp_path / "a.vms", RGB)
    with open_pyramid(tmp_path / "a.vms") as opened:
        assert opened.chosen.reader == "openslide (hamamatsu)"
        assert np.abs(opened.read(0, 10, 20, 100, 150).astype(int) - RGB[10:110, 20:170]).max() <= 4
        assert opened.levels[1] == (128, 192, 3)
        assert np.abs(opened.read(1, 5, 6, 50, 60).astype(int) - RGB[10:110:2, 12:132:2]).max() <= 8


def test_a_dicom_slide_is_its_levels_with_their_pixel_size(tmp_path: Path) -> None:
    smooth = RGB[:150, :211]
    first = dicom_slides.write_dicom(tmp_path / "slide", [smooth, np.ascontiguousarray(smooth[::2, ::2])])
    with open_pyramid(first) as opened:
        assert opened.chosen.reader == "openslide (dicom)"
        assert opened.levels == ((150, 211, 3), (75, 106, 3))
        assert str(opened.chosen.series.pixel_size) == "0.5 µm"
        # JPEG's colours are nearly those written.
        assert np.abs(opened.read(0, 40, 30, 100, 150).astype(int) - smooth[40:140, 30:180]).max() <= 6
        assert np.abs(opened.read(1, 5, 6, 50, 60).astype(int) - smooth[10:110:2, 12:132:2]).max() <= 8
    first.write_bytes(first.read_bytes()[:-4000])
    with pytest.raises(FileError, match=r"0\.dcm"), open_pyramid(first) as opened:
        opened.read(0, 0, 0, 150, 211)


def test_colours_keep_their_order(tmp_path: Path) -> None:
    large_files.write_czi(tmp_path / "a.czi", RGB, rgb=True)
    with open_pyramid(tmp_path / "a.czi") as opened:
        assert opened.chosen.is_rgb(opened.shape)
        check_regions(opened, [RGB])
    planes = np.moveaxis(RGB, -1, 0)[:, None]
    large_files.write_ome_zarr(tmp_path / "a.zarr", planes, colours=("FF0000", "00FF00", "0000FF"))
    with open_pyramid(tmp_path / "a.zarr") as opened:
        assert opened.chosen.is_rgb(opened.shape)
        check_regions(opened, large_files.levels_of(RGB))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 7},
        {"compression": "lzw", "rowsperstrip": 7, "predictor": True},
        {"compression": "zlib", "byteorder": ">"},
        {"tile": (16, 32), "byteorder": ">"},
        {"tile": (32, 16), "bigtiff": True, "compression": "zstd"},
    ],
)
@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "f4", "?", "planar", "rgb", "white"])
def test_tiffs_of_every_layout_are_read_in_parts_as_they_are_whole(
    options: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    samples = (3,) if kind in {"planar", "rgb"} else ()
    dtype = np.dtype("u1" if samples or kind == "white" else kind)
    pixels = rng.integers(0, 200, (41, 67, *samples)).astype(dtype)
    options = {**options, "photometric": "rgb" if samples else "miniswhite" if kind == "white" else "minisblack"}
    if kind == "planar":
        pixels, options = np.moveaxis(pixels, -1, 0), {**options, "planarconfig": "separate"}
    if "predictor" in options and kind in {"f4", "?"}:
        del options["predictor"]
    head = {key: options.pop(key) for key in ("byteorder", "bigtiff") if key in options}
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=None, **head, **options)
    with open_pyramid(tmp_path / "a.tif") as opened:
        check_regions(opened, [read_image(tmp_path / "a.tif").pixels])


def test_reading_a_region_of_a_large_file_reads_a_small_part_of_it(tmp_path: Path) -> None:
    side = 6_000
    row = np.arange(side, dtype=np.uint16)
    pixels = np.broadcast_to(row, (side, side))
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(256, 256), compression="zlib")
    code = (
        "import resource, sys\n"
        "from samj_bridge.reading import open_pyramid\n"
        "import imagecodecs, tifffile\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3\n"
        "before = peak()\n"
        "with open_pyramid(sys.argv[1]) as image:\n"
        "    assert image.read(0, 3000, 3000, 300, 300)[0, 0] == 3000\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tif")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 30  # of 72 MB


def test_regions_may_be_read_from_several_threads(tmp_path: Path) -> None:
    large_files.write_ome_tiff(tmp_path / "a.ome.tif", STACK)
    wrong: list[object] = []
    with open_pyramid(tmp_path / "a.ome.tif", z=0, channels=0) as opened:

        def look(seed: int) -> None:
            rng = np.random.default_rng(seed)
            for _ in range(40):
                y, x = int(rng.integers(100)), int(rng.integers(150))
                if not np.array_equal(opened.read(0, y, x, 50, 61), STACK[0, 0, y : y + 50, x : x + 61]):
                    wrong.append((y, x))

        threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_what_is_told_of_an_image(tmp_path: Path) -> None:
    large_files.write_ome_zarr(tmp_path / "a.zarr", STACK, version="0.5")
    with open_pyramid(tmp_path / "a.zarr", z=1) as opened:
        words = (
            "OME-Zarr 0.5, z 1 of 3, channels 0 (DAPI), 1 (actin) of 2, 211 x 150, uint16, pixel 0.5 µm, 3 levels"
        )
        assert opened.describe() == words
        data = json.loads(json.dumps(opened.to_dict()))
        assert data["levels"][2] == {"height": 38, "width": 53}
        assert opened.chosen.series.channel_windows == ((10, 3000), (10, 3000))
        first = opened.identity
    with open_pyramid(tmp_path / "a.zarr", z=2) as opened:
        assert opened.identity != first


def test_chunks_that_were_never_written_are_background(tmp_path: Path) -> None:
    dark = STACK.copy()
    dark[..., :80, :100] = 0
    large_files.write_ome_zarr(tmp_path / "a.zarr", dark, version="0.5")
    with open_pyramid(tmp_path / "a.zarr", z=1, channels=0) as opened:
        assert not (tmp_path / "a.zarr" / "0" / "c" / "0" / "1" / "0" / "0").exists()
        check_regions(opened, large_files.levels_of(dark[0, 1]))
        assert opened.notes == ("chunks that are not there were read as 0",)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_display_range_is_that_of_windows_read_one_by_one(version: str, tmp_path: Path) -> None:
    pytest.importorskip("zarr", minversion="3")
    stack = np.random.default_rng(0).integers(0, 60_000, (2, 1, 700, 900), dtype=np.uint16)
    large_files.write_ome_zarr(tmp_path / "a.zarr", stack, version=version, tile=64)
    with open_pyramid(tmp_path / "a.zarr") as opened:
        source = pixels_or_tiles(opened, None, opened.channels, tile_px=64, whole_px=128)
        assert isinstance(source, TileSource)
        assert source.grid(0, windows_of((700, 900))) is not None
        pixels = MemoryPyramid([np.moveaxis(stack[:, 0], 0, -1)])
        one_by_one = pixels_or_tiles(pixels, None, opened.channels, tile_px=64, whole_px=128)
        assert isinstance(one_by_one, TileSource)
        assert one_by_one.grid(0, windows_of((700, 900))) is None
        assert ranges_of(source, lambda _part: None) == ranges_of(one_by_one, lambda _part: None)
        # A chunk that is gone is told here, too.
        key = "0/0/0/5/7" if version == "0.4" else "0/c/0/0/5/7"
        y, x = 5 * 64, 7 * 64
        (tmp_path / "a.zarr" / key).unlink()
        with pytest.raises(FileError, match="is missing, and a coarser level shows"):
            opened.read_grid(0, [y], [x], 64, 64)
