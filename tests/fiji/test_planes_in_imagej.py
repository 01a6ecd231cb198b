"""One plane of a file, chosen by series, slice, channels and level: in ImageJ it is what `read_image` gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fakes import large_files
from PIL import Image

from samj_bridge.errors import FileError, ImageError
from samj_bridge.fiji import open_image, pixels_of
from samj_bridge.reading import read_image

STACK = np.random.default_rng(2).integers(0, 60_000, (2, 3, 96, 128), np.uint16)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    large_files.write_ome_tiff(tmp_path / "cells.ome.tif", STACK)
    return tmp_path / "cells.ome.tif"


def test_a_channel_of_a_slice_at_a_coarser_level_has_that_levels_pixels(stack: Path) -> None:
    imp = open_image(stack, z=1, channels=1, level=1)
    np.testing.assert_array_equal(pixels_of(imp), STACK[1, 1, ::2, ::2])
    found = imp.getCalibration()
    assert (float(found.pixelWidth), float(found.pixelHeight), str(found.getUnit())) == (1.0, 1.0, "µm")
    assert (str(imp.getTitle()), int(imp.getBitDepth()), int(imp.getStackSize())) == ("cells.ome.tif", 16, 1)


def test_channels_become_a_composite_with_their_names(stack: Path) -> None:
    imp = open_image(stack, z=2)
    assert (bool(imp.isComposite()), int(imp.getNChannels())) == (True, 2)
    for number, name in enumerate(["DAPI", "actin"]):
        np.testing.assert_array_equal(pixels_of(imp, c=number + 1), STACK[number, 2])
        assert str(imp.getStack().getSliceLabel(number + 1)) == name
    assert float(imp.getCalibration().pixelWidth) == 0.5


def test_what_imagej_alone_can_not_open_is_read_by_samj_bridge(tmp_path: Path) -> None:
    pytest.importorskip("zarr", minversion="3", reason="the extras of large files are not installed")
    large_files.write_ome_zarr(tmp_path / "cells.ome.zarr", STACK)
    with pytest.raises(FileError, match="There is no file") as caught:
        open_image(tmp_path / "cells.ome.zarr")
    assert "level=0" in caught.value.hint
    imp = open_image(tmp_path / "cells.ome.zarr", z=0, channels=0)
    np.testing.assert_array_equal(pixels_of(imp), STACK[0, 0])


@pytest.mark.parametrize("kind", ["bytes", "floats", "whole numbers", "colours"])
def test_numbers_are_those_that_read_image_gives(kind: str, tmp_path: Path) -> None:
    pixels: Any = {
        "bytes": STACK[0, 0].astype(np.uint8),
        "floats": STACK[0, 0] / np.float32(7),
        "whole numbers": STACK[0, 0].astype(np.int32) - 30_000,
        "colours": STACK[0].transpose(1, 2, 0).astype(np.uint8),
    }[kind]
    if kind == "colours":
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / "a.png")
        path = tmp_path / "a.png"
    else:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, pixels)
    imp, expected = open_image(path, level=0), read_image(path).pixels
    np.testing.assert_array_equal(pixels_of(imp), expected)
    assert int(imp.getBitDepth()) == {"bytes": 8, "colours": 24}.get(kind, 32)


def test_what_is_not_there_is_told_as_on_the_command_line(stack: Path) -> None:
    for options, words in (
        ({"level": 7, "z": 0}, "has 3 levels; level 7 was asked for"),
        ({"level": 1}, "is a stack of 3 planes"),
        ({"z": 9}, "has 3 slices"),
        ({"z": 0, "channels": 5}, "channel 5 was asked for"),
        ({"series": 4}, "series 4 was asked for"),
    ):
        with pytest.raises(ImageError, match=words):
            open_image(stack, **options)


def test_a_plane_that_imagej_can_not_hold_is_refused_with_the_level_that_fits(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3", reason="the extras of large files are not installed")
    group = zarr.open_group(str(tmp_path / "huge.ome.zarr"), mode="w", zarr_format=2)
    datasets = []
    for number, side in enumerate((60_000, 30_000)):
        # Chunks that nobody has written are background, and take no space.
        group.create_array(str(number), shape=(side, side), chunks=(1024, 1024), dtype=np.uint8, fill_value=0)
        scale = [{"type": "scale", "scale": [2.0**number] * 2}]
        datasets.append({"path": str(number), "coordinateTransformations": scale})
    axes = [{"name": name, "type": "space"} for name in "yx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    with pytest.raises(ImageError, match="60000 x 60000 pixels, and ImageJ's planes have 2,147,483,647") as caught:
        open_image(tmp_path / "huge.ome.zarr", level=0)
    assert "Choose level=1" in caught.value.hint
