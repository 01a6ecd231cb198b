"""What every export format promises; a new line in the table is tested before its author writes a test."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hard_masks import HARD_MASKS
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.errors import Cancelled, FileError, InputError, NoSpaceError
from samj_bridge.export import EXPORTERS, export
from samj_bridge.export.imagej_zip import read_rois
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region

every_format = pytest.mark.parametrize("name", EXPORTERS)
GREY = 128


def write(name: str, folder: Path, regions: list[Region], shape: tuple[int, int]) -> Path:
    pixels = np.full(shape, GREY, np.uint8)
    return export(name, folder / f"image{EXPORTERS[name].suffix}", regions, shape=shape, pixels=pixels)


def pixels_of_file(name: str, path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """All pixels that a file claims for any region."""
    if name == "roi":
        return np.any([np.zeros(shape, bool), *(region.mask(shape) for region in read_rois(path))], axis=0)
    if name == "labels":
        return tifffile.imread(path) > 0
    if name == "geojson":
        drawn = np.zeros(shape, bool)
        for feature in json.loads(path.read_text("utf-8"))["features"]:
            parts = feature["geometry"]["coordinates"]
            for part in parts if feature["geometry"]["type"] == "MultiPolygon" else [parts]:
                drawn |= rasterise([np.array(ring[:-1]) for ring in part], shape)
        return drawn
    if name == "coco":
        drawn = np.zeros(shape, bool)
        for one in json.loads(path.read_text("utf-8"))["annotations"]:
            counts = one["segmentation"]["counts"]
            flat = np.repeat(np.arange(len(counts)) % 2, counts)
            drawn |= flat.reshape(shape[::-1]).T.astype(bool)
        return drawn
    with Image.open(path) as picture:
        canvas = np.array(picture)
    scale = canvas.shape[0] // shape[0]
    blocks = (canvas != canvas[..., :1]).any(axis=2).reshape(shape[0], scale, shape[1], scale)
    assert (blocks.all(axis=(1, 3)) == blocks.any(axis=(1, 3))).all(), "a pixel is tinted wholly or not at all"
    return blocks.any(axis=(1, 3))


@every_format
def test_the_table_names_what_is_there(name: str) -> None:
    exporter = EXPORTERS[name]
    assert callable(getattr(import_module(exporter.module), exporter.function))
    assert set(exporter.takes) <= {"shape", "pixels", "calibration", "image_name"}


@every_format
@pytest.mark.parametrize(
    "mask",
    [mask for mask in HARD_MASKS.values() if mask.size],
    ids=[key for key, mask in HARD_MASKS.items() if mask.size],
)
def test_the_file_has_exactly_the_pixels_of_the_region(name: str, mask: NDArray[np.bool_], tmp_path: Path) -> None:
    path = write(name, tmp_path, [Region.from_mask(mask, score=0.5)], mask.shape)
    assert np.array_equal(pixels_of_file(name, path, mask.shape), mask)


@every_format
def test_no_regions_make_a_file_without_regions(name: str, tmp_path: Path) -> None:
    path = write(name, tmp_path, [], (6, 7))
    assert not pixels_of_file(name, path, (6, 7)).any()


@every_format
def test_empty_regions_are_left_out_and_keep_their_number(name: str, tmp_path: Path) -> None:
    empty = Region.from_mask(np.zeros((4, 4), bool))
    path = write(name, tmp_path, [empty, Region.from_mask(np.eye(4) > 0), empty], (4, 4))
    assert np.array_equal(pixels_of_file(name, path, (4, 4)), np.eye(4) > 0)
    if name == "roi":
        assert [region.name for region in read_rois(path)] == ["object-0002"]
    if name == "labels":
        assert tifffile.imread(path).max() == 2
    if name == "geojson":
        assert json.loads(path.read_text())["features"][0]["properties"]["name"] == "object-0002"


@every_format
def test_regions_that_reach_out_of_the_image_are_written(name: str, tmp_path: Path) -> None:
    region = Region.from_mask(np.ones((5, 5)), origin_xy=(-3, 4), shape=(6, 6))
    path = write(name, tmp_path, [region], (6, 6))
    assert np.array_equal(pixels_of_file(name, path, (6, 6)), region.mask())


@every_format
@pytest.mark.parametrize("side", [60, 4200])
def test_how_far_it_is_is_told_and_a_cancel_leaves_no_file(name: str, side: int, tmp_path: Path) -> None:
    if name == "overlay" and side > 60:
        side = 600
    spots = [Region.from_mask(np.ones((3, 3), bool), origin_xy=(5 * n, side - 4)) for n in range(8)]
    told: list[float] = []
    path, pixels = tmp_path / f"image{EXPORTERS[name].suffix}", np.zeros((side, side), np.uint8)
    export(name, path, spots, shape=(side, side), pixels=pixels, check=told.append)
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] <= 1
    assert len(told) >= (1 if name == "labels" and side == 60 else 4)
    old, heard = path.read_bytes(), 0

    def stop(_fraction: float) -> None:
        nonlocal heard
        heard += 1
        if heard == min(3, len(told)):
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled, match="Enough"):
        export(name, path, spots[:2] * 4, shape=(side, side), pixels=pixels, check=stop)
    assert heard == min(3, len(told))
    assert path.read_bytes() == old
    assert [one.name for one in tmp_path.iterdir()] == [path.name], "no draft is left behind"


@every_format
def test_a_missing_folder_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="folder does not exist"):
        write(name, tmp_path / "missing", [Region.from_mask([[1]])], (1, 1))


@every_format
def test_a_folder_in_the_place_of_the_file_is_refused_and_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / f"image{EXPORTERS[name].suffix}" / "inside").mkdir(parents=True)
    with pytest.raises(FileError, match="Can't write"):
        write(name, tmp_path, [Region.from_mask([[1]])], (1, 1))
    assert len(list(tmp_path.iterdir())) == 1, "no draft is left behind"


@every_format
@pytest.mark.skipif(os.name == "nt", reason="Windows has no file size limit per process")
def test_when_space_runs_out_the_old_file_stays_and_no_draft(name: str, tmp_path: Path) -> None:
    """A real limit, set by the system for a process of its own: the first byte beyond it can't be written."""
    old = write(name, tmp_path, [], (4, 4)).read_bytes()
    command = [sys.executable, __file__, name, str(tmp_path)]
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    # numpy does not say why it could write only a part.
    assert done.stdout.strip() in {"FileError", "NoSpaceError"}, done.stderr
    (left,) = tmp_path.iterdir()
    assert left.read_bytes() == old


@every_format
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full, the disk that is always full")
def test_a_full_disk_is_told_as_such(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "draft")
    (tmp_path / f".samj-draft{Path(EXPORTERS[name].suffix).suffix}").symlink_to("/dev/full")
    with pytest.raises(NoSpaceError, match="disk is full"):
        write(name, tmp_path, [Region.from_mask([[1]])], (1, 1))
    assert not list(tmp_path.iterdir())


@every_format
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not end with"):
        export(name, tmp_path / "x.exe", [], shape=(2, 2), pixels=np.zeros((2, 2)))


@every_format
@pytest.mark.parametrize("regions", [[np.ones((2, 2))], 5, ["a"], None])
def test_what_is_no_region_is_refused(name: str, regions: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"egions? "):
        write(name, tmp_path, regions, (2, 2))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@every_format
def test_names_of_any_script_and_paths_of_any_kind_work(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "a b é 漢"
    folder.mkdir()
    region = Region.from_mask([[1, 1]], name='noyau é 漢 / "x": 🔬')
    path = write(name, folder, [region, region], (1, 2))
    assert pixels_of_file(name, path, (1, 2)).all()
    if name == "roi":
        assert [read.name for read in read_rois(path)] == [region.name, f"{region.name}-2"]


def _write_beyond_the_limit(name: str, folder: str) -> None:
    """Body of the process with the limit."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
    noise = np.random.default_rng(0).random((64, 64)) < 0.5
    try:
        write(name, Path(folder), [Region.from_mask(noise)], noise.shape)
    except FileError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    _write_beyond_the_limit(*sys.argv[1:])
