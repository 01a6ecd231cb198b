"""Files read in place that are damaged, incomplete or odd: a sentence each, and what can be read is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes import large_files

from samj_bridge.errors import FileError, ImageError
from samj_bridge.reading import describe_image, open_pyramid
from samj_bridge.reading.pyramid import as_pyramid

pytest.importorskip("zarr", minversion="3", reason="the extras of large files are not installed")
pytest.importorskip("pylibCZIrw")
pytest.importorskip("liffile")

STACK = np.random.default_rng(0).integers(1, 60_000, (2, 3, 150, 211), dtype=np.uint16)
WRITERS = {
    "cells.ome.tif": large_files.write_ome_tiff,
    "lzw.ome.tif": lambda path, stack: large_files.write_ome_tiff(path, stack, compression="lzw"),
    "cells.czi": large_files.write_czi,
    "cells.lif": large_files.write_lif,
    "a.zarr": large_files.write_ome_zarr,
}


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
    WRITERS[name](tmp_path / name, STACK)
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
    [("zarr", "large", "a.zarr"), ("pylibCZIrw.czi", "vendors", "cells.czi"), ("liffile", "vendors", "cells.lif")],
)
def test_a_package_that_is_missing_is_named_with_what_installs_it(
    module: str, extra: str, name: str, tmp_path: Path
) -> None:
    """In a process of its own, in which the package can't be imported."""
    WRITERS[name](tmp_path / name, STACK)
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
