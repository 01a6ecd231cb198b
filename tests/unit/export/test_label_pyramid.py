"""Labels of large images: pyramids in OME-Zarr, which an independent library validates, and tiled BigTIFFs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes import large_files
from numpy.typing import NDArray

from samj_bridge.errors import Cancelled, FileError, InputError
from samj_bridge.export.calibration import Calibration
from samj_bridge.export.label_pyramid import LabelPyramid, write_label_pyramid
from samj_bridge.export.labels import label_image
from samj_bridge.export.tiled_labels import label_tiles, write_tiled_labels
from samj_bridge.geometry.region import Region
from samj_bridge.reading import read_image
from samj_bridge.reading.pyramid import as_pyramid

SHAPE = (150, 211)


def regions() -> list[Region]:
    """Return regions of every size, some over one another, some over the border of tiles."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        mask = rng.random((int(rng.integers(1, 40)), int(rng.integers(1, 40)))) < 0.7
        place = (int(rng.integers(0, 211 - mask.shape[1])), int(rng.integers(0, 150 - mask.shape[0])))
        if mask.any():
            found.append(Region.from_mask(mask, origin_xy=place, score=float(rng.random())))
    return found


REGIONS = regions()
LABELS: NDArray[np.int32] = label_image(REGIONS, SHAPE).astype(np.int32)


@pytest.mark.parametrize("tile", [16, 64, 512])
def test_tiles_together_are_the_label_image(tile: int) -> None:
    whole = np.zeros(SHAPE, np.int32)
    for y0, x0, labels in label_tiles(REGIONS, SHAPE, tile):
        assert labels.any()
        whole[y0 : y0 + labels.shape[0], x0 : x0 + labels.shape[1]] = labels
    assert np.array_equal(whole, LABELS)


def test_a_tiled_bigtiff_has_them_with_their_scale(tmp_path: Path) -> None:
    write_tiled_labels(tmp_path / "l.tif", iter(REGIONS), SHAPE, Calibration(0.5, 0.25, "um"), tile=64)
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        page = file.pages.first
        assert (file.is_bigtiff, page.is_tiled, page.dtype) == (True, True, np.int32)
        assert np.array_equal(page.asarray(), LABELS)
    taken = read_image(tmp_path / "l.tif")
    assert np.array_equal(taken.pixels, LABELS)
    assert str(taken.series.pixel_size) == "0.5 x 0.25 µm"
    with pytest.raises(InputError, match="multiple of 16"):
        write_tiled_labels(tmp_path / "l.tif", REGIONS, SHAPE, tile=50)


@pytest.mark.filterwarnings("ignore::Warning:yaozarrs")
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_in_an_ome_zarr_are_valid_and_read_back(version: str, tmp_path: Path) -> None:
    pytest.importorskip("zarr", minversion="3")
    import zarr

    yaozarrs = pytest.importorskip("yaozarrs")
    stack = np.ones((2, 3, *SHAPE), np.uint16)
    large_files.write_ome_zarr(tmp_path / "a.zarr", stack, version=version)
    told: list[float] = []
    write_label_pyramid(tmp_path / "a.zarr", "nuclei", iter(REGIONS), place={"z": 1}, check=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr"))
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr" / "labels" / "nuclei"))
    taken = read_image(tmp_path / "a.zarr" / "labels" / "nuclei", z=1)
    assert np.array_equal(taken.pixels, LABELS)
    assert str(taken.series.pixel_size) == "0.5 µm"
    assert not read_image(tmp_path / "a.zarr" / "labels" / "nuclei", z=0).pixels.any()
    for level in range(3):
        array = zarr.open_array(str(tmp_path / "a.zarr" / "labels" / "nuclei" / str(level)), mode="r")
        assert array.shape == (3, *stack[..., :: 2**level, :: 2**level].shape[2:])
        assert set(np.unique(array[1])) <= set(np.unique(LABELS))
        assert (np.asarray(array[1]) > 0).mean() == pytest.approx((LABELS > 0).mean(), abs=0.05)
    # The image itself is as it was.
    assert np.array_equal(read_image(tmp_path / "a.zarr", z=1, channels=0).pixels, stack[0, 1])


def test_labels_are_never_lost_and_a_killed_run_leaves_none(tmp_path: Path) -> None:
    pytest.importorskip("zarr", minversion="3")
    large_files.write_ome_zarr(tmp_path / "a.zarr", np.ones((1, 1, *SHAPE), np.uint16))
    LabelPyramid(tmp_path / "a.zarr", "nuclei").write(0, 0, LABELS)  # and killed before it was finished
    assert not (tmp_path / "a.zarr" / "labels" / ".zattrs").exists()
    assert not (tmp_path / "a.zarr" / "labels" / "nuclei").exists()
    with LabelPyramid(tmp_path / "a.zarr", "nuclei") as pyramid:
        pyramid.write(0, 0, LABELS[:10])
    for y0, labels, words in ((145, LABELS[:10], "is not inside 211 x 150"), (0, LABELS - 1, "Labels lie between")):
        with pytest.raises(InputError, match=words):
            pyramid.write(y0, 0, labels)
    with pytest.raises(FileError, match="has labels called 'nuclei'"):
        LabelPyramid(tmp_path / "a.zarr", "nuclei")
    before = read_image(tmp_path / "a.zarr" / "labels" / "nuclei").pixels
    assert np.array_equal(before[:10], LABELS[:10])

    def stopped(_fraction: float) -> None:
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        write_label_pyramid(tmp_path / "a.zarr", "nuclei", REGIONS, overwrite=True, check=stopped)
    assert np.array_equal(read_image(tmp_path / "a.zarr" / "labels" / "nuclei").pixels, before)
    write_label_pyramid(tmp_path / "a.zarr", "nuclei", REGIONS, overwrite=True)
    assert np.array_equal(read_image(tmp_path / "a.zarr" / "labels" / "nuclei").pixels, LABELS)
    with LabelPyramid(tmp_path / "a.zarr", "others") as pyramid:
        pyramid.write(0, 0, LABELS)
    assert '"nuclei"' in (tmp_path / "a.zarr" / "labels" / ".zattrs").read_text()
    for name in ("", "..", ".hidden", "a/b"):
        with pytest.raises(InputError, match="can't be called"):
            LabelPyramid(tmp_path / "a.zarr", name)
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(FileError, match="is no OME-Zarr image"):
        LabelPyramid(tmp_path / "b.zarr", "nuclei")
    assert as_pyramid(LABELS).shape == SHAPE
