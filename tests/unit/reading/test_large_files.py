"""Files read in place: the same pixels in parts, whole, and as they were written; and what is told of bad ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fakes import large_files
from numpy.typing import NDArray

from samj_bridge.errors import FileError, ImageError
from samj_bridge.reading import OpenedImage, describe_image, open_pyramid, read_image
from samj_bridge.reading.pyramid import Pyramid, as_pyramid

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


def test_a_region_outside_and_a_closed_file_are_told(tmp_path: Path) -> None:
    large_files.write_ome_tiff(tmp_path / "a.ome.tif", STACK)
    opened = open_pyramid(tmp_path / "a.ome.tif", z=0)
    with pytest.raises(ImageError, match="is not in level 1 of 106 x 75"):
        opened.read(1, 60, 0, 20, 20)
    with pytest.raises(ImageError, match="There is no level 3"):
        opened.read(3, 0, 0, 1, 1)
    opened.close()
    with pytest.raises(FileError, match=r"a\.ome\.tif was closed"):
        opened.read(0, 0, 0, 1, 1)


@pytest.mark.parametrize("name", ["cells.ome.tif", "lzw.ome.tif", "cells.czi", "cells.lif"])
def test_a_file_cut_in_the_middle_is_refused(name: str, tmp_path: Path) -> None:
    WRITERS[name][0](tmp_path / name, STACK)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with (
        pytest.raises(FileError, match=name.replace(".", r"\.")) as caught,
        open_pyramid(tmp_path / name, z=2) as image,
    ):
        image.read(0, 0, 0, 150, 211)
    assert caught.value.hint


def test_a_file_that_changes_or_goes_while_it_is_open_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    large_files.write_ome_tiff(path, STACK)
    with open_pyramid(path, z=0) as opened:
        opened.read(0, 0, 0, 10, 10)
        os.utime(path, ns=(1, 1))
        with pytest.raises(FileError, match="has changed while it was open") as caught:
            opened.read(0, 0, 0, 10, 10)
        assert caught.value.code == "file-changed"
        if os.name != "nt":
            path.unlink()
            with pytest.raises(FileError, match="can no longer be read") as caught:
                opened.read(0, 0, 0, 10, 10)
            assert caught.value.code == "file-gone"


def test_levels_that_are_no_copies_are_left_out_and_told(tmp_path: Path) -> None:
    plane = STACK[0, 0]
    options = {"tile": (32, 32), "photometric": "minisblack"}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(plane, subifds=3, metadata={"axes": "YX"}, **options)
        writer.write(plane[::2, ::2], subfiletype=1, **options)
        writer.write(plane[:75, :33], subfiletype=1, **options)
        writer.write(plane[:1, :1], subfiletype=1, **options)
    with open_pyramid(tmp_path / "a.ome.tif") as opened:
        assert list(opened.levels) == [(150, 211), (75, 106), (1, 1)]
        assert "a level of 33 x 75 is no reduced copy" in opened.describe()
        assert as_pyramid(opened).read(1, 0, 0, 75, 106).shape == (75, 106)


def test_a_zarr_without_one_of_its_levels_is_read_and_that_is_told(tmp_path: Path) -> None:
    large_files.write_ome_zarr(tmp_path / "a.zarr", STACK)
    shutil.rmtree(tmp_path / "a.zarr" / "1")
    with open_pyramid(tmp_path / "a.zarr", z=0, channels=0) as opened:
        assert opened.levels == ((150, 211), (38, 53))
        assert "level 1 of cells is missing" in opened.describe()
    shutil.rmtree(tmp_path / "a.zarr" / "0")
    with pytest.raises(FileError, match="level 0 of cells is missing"):
        open_pyramid(tmp_path / "a.zarr", z=0)


def test_a_zarr_group_that_is_no_image_says_what_is_in_it(tmp_path: Path) -> None:
    import zarr

    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    group.create_group("nuclei")
    with pytest.raises(FileError, match="is a Zarr group, but no image") as caught:
        describe_image(tmp_path / "a.zarr")
    assert "nuclei" in caught.value.hint
    (tmp_path / "a.zarr" / ".zattrs").write_text('{"multiscales": [{"version": "0.4"}]}')
    with pytest.raises(FileError, match="multiscales are not as OME-Zarr has them"):
        describe_image(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / ".zattrs").write_text("{")
    with pytest.raises(FileError, match=r"a\.zarr can't be read"):
        describe_image(tmp_path / "a.zarr")
    (tmp_path / "plain").mkdir()
    with pytest.raises(FileError, match="is a folder"):
        describe_image(tmp_path / "plain")


def test_a_damaged_or_missing_chunk_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    large_files.write_ome_zarr(tmp_path / "a.zarr", STACK)
    chunk = tmp_path / "a.zarr" / "0" / "0" / "1" / "2" / "3"
    with open_pyramid(tmp_path / "a.zarr", z=1, channels=0) as opened:
        chunk.write_bytes(b"no chunk")
        with pytest.raises(FileError, match=r"The region of 40 x 40 pixels at \(90, 60\) of level 0 of a\.zarr"):
            opened.read(0, 60, 90, 40, 40)
        assert np.array_equal(opened.read(0, 0, 0, 60, 90), STACK[0, 1, :60, :90])
        chunk.unlink()
        with pytest.raises(FileError, match=r"chunk 3 of level 0 is missing, and a coarser level shows") as caught:
            opened.read(0, 60, 90, 40, 40)
        assert "stays usable" in caught.value.hint


def test_chunks_that_were_never_written_are_background(tmp_path: Path) -> None:
    dark = STACK.copy()
    dark[..., :80, :100] = 0
    large_files.write_ome_zarr(tmp_path / "a.zarr", dark, version="0.5")
    with open_pyramid(tmp_path / "a.zarr", z=1, channels=0) as opened:
        assert not (tmp_path / "a.zarr" / "0" / "c" / "0" / "1" / "0" / "0").exists()
        check_regions(opened, large_files.levels_of(dark[0, 1]))
        assert opened.notes == ("chunks that are not there were read as 0",)


def test_a_very_long_and_thin_image_and_one_of_many_pages(tmp_path: Path) -> None:
    long = np.arange(300_000, dtype=np.uint32).astype(np.uint16)[None]
    tifffile.imwrite(tmp_path / "long.tif", long, compression="zlib")
    with open_pyramid(tmp_path / "long.tif") as opened:
        assert np.array_equal(opened.read(0, 0, 123_456, 1, 100), long[:, 123_456:123_556])
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        writer.write(
            (np.full((16, 16), page % 251, np.uint8) for page in range(10_000)),
            shape=(10_000, 16, 16),
            dtype=np.uint8,
            metadata=None,
            compression="zlib",
        )
    with pytest.raises(ImageError, match="a stack of 10000 planes"):
        open_pyramid(tmp_path / "pages.tif")
    with open_pyramid(tmp_path / "pages.tif", plane=9_876) as opened:
        assert (opened.read(0, 2, 3, 4, 5) == 9_876 % 251).all()


@pytest.mark.parametrize(
    ("module", "extra", "name"),
    [("zarr", "large", "a.zarr"), ("pylibCZIrw.czi", "vendors", "a.czi"), ("liffile", "vendors", "a.lif")],
)
def test_a_package_that_is_missing_is_named_with_what_installs_it(
    module: str, extra: str, name: str, tmp_path: Path
) -> None:
    """In a process of its own, in which the package can't be imported."""
    write = {"a.zarr": large_files.write_ome_zarr, "a.czi": large_files.write_czi, "a.lif": large_files.write_lif}[
        name
    ]
    write(tmp_path / name, STACK)
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from samj_bridge.reading import describe_image\n"
        "try:\n    describe_image(sys.argv[1])\n"
        "except Exception as error:\n    print(error.code, error.message, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"extra-missing {name} is a ")
    assert f"pip install 'samj-bridge[{extra}]'" in done.stdout
