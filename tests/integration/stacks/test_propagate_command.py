"""``samj-bridge propagate``: a real file, the starter, files that others read."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fakes.disks import disk, fill

from samj_bridge import read_rois, write_rois
from samj_bridge.cli.commands.propagate import Request, run
from samj_bridge.errors import FileError, ImageError, InputError, NoSpaceError, PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, ignore_progress
from samj_bridge.reading import Wish
from samj_bridge.settings import Settings

SHAPE = (7, 80, 110)


def truth(plane: int, number: int) -> np.ndarray[Any, Any]:
    """Return a rod and a ball."""
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    x, y, r = (30, 40, 14) if number == 1 else (80, 36, 17)
    squared = r * r - (3 * (plane - 2)) ** 2 if number == 2 else r * r
    return (columns - x) ** 2 + (rows - y) ** 2 <= squared


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.random.default_rng(5).normal(300, 25, SHAPE)
    for plane in range(SHAPE[0]):
        for number in (1, 2):
            pixels[plane][truth(plane, number)] += 1500
    path = tmp_path_factory.mktemp("stack") / "balls é.tif"
    metadata = {"spacing": 2.0, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(path, pixels.astype(np.uint16), imagej=True, resolution=(2, 2), metadata=metadata)
    return path


def request(stack: Path, output: Path, **fields: Any) -> Request:
    given = {
        "boxes": [],
        "points": [],
        "rois": None,
        "plane": None,
        "formats": ["roi", "labels", "table"],
        **fields,
    }
    return Request(stack, output=output, **given)


def command(asked: Request, home: Path) -> Any:
    return run(asked, Settings(home=home), progress=ignore_progress, cancel=CancelToken())


@pytest.mark.worker
def test_objects_become_rois_with_positions_a_label_stack_and_a_table(
    ready_home: Path, stack: Path, tmp_path: Path
) -> None:
    drawn = Region.from_mask(truth(2, 2), name="right", position=(1, 3, 1))
    rois = write_rois(tmp_path / "drawn.zip", [drawn])
    result = command(request(stack, tmp_path / "out", points=[(30, 40)], plane=1, rois=rois), ready_home)
    assert result.data["objects"] == 2
    assert result.data["planes"] == SHAPE[0]
    assert not result.failures

    labels = tifffile.imread(tmp_path / "out" / "balls é_tracks_labels.tif")
    assert (labels.shape, labels.dtype) == (SHAPE, np.uint16)
    assert (labels[2][truth(2, 2)] == 2).all()
    for plane in range(SHAPE[0]):
        for number in (1, 2):
            there, true = labels[plane] == number, truth(plane, number)
            assert (there & true).sum() >= 0.75 * (there | true).sum(), (plane, number)
    with tifffile.TiffFile(tmp_path / "out" / "balls é_tracks_labels.tif") as file:
        assert file.imagej_metadata["slices"] == SHAPE[0]
        assert (file.imagej_metadata["spacing"], file.imagej_metadata["unit"]) == (2.0, "um")
        assert file.pages[0].tags["XResolution"].value == (2, 1)

    regions = read_rois(tmp_path / "out" / "balls é_tracks.zip")
    assert {region.group for region in regions} == {1, 2}
    for region in regions:
        there = labels[region.position[1] - 1] == region.group
        assert (region.mask(SHAPE[1:]) == there).all()

    with (tmp_path / "out" / "balls é_tracks.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {(int(row["object"]), int(row["plane"])): row for row in rows}
    assert found[2, 3]["state"] == "prompted"
    assert found[1, 2]["state"] == "prompted"
    assert found[1, 5]["state"] == "followed"
    for (number, plane), row in found.items():
        assert int(row["area_px"]) == (labels[plane - 1] == number).sum()
        assert float(row["area"]) == pytest.approx(int(row["area_px"]) / 4)
    assert float(found[1, 4]["x"]) == pytest.approx(30.5, abs=1)

    asked = request(stack, tmp_path / "out", points=[(30, 40)], plane=1)
    with pytest.raises(FileError, match="would be replaced"):
        command(asked, ready_home)

    # What can't be written doesn't take the rest with it.
    table = tmp_path / "out" / "balls é_tracks.csv"
    table.unlink()
    table.mkdir()
    result = command(replace(asked, overwrite=True, start=1, stop=2), ready_home)
    assert [type(failure) for failure in result.failures] == [FileError]
    assert len(result.data["files"]) == 2
    assert len(read_rois(tmp_path / "out" / "balls é_tracks.zip")) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "No object was given"),
        ({"points": [(3, 3)]}, "say nothing of the plane"),
        ({"points": [(3, 3)], "plane": 1, "axis": "c"}, "--axis is 'c'"),
        ({"points": [(3, 3)], "plane": 1, "axis": "t"}, "no stack along t"),
        ({"points": [(3, 3)], "plane": 1, "formats": ["xml"]}, "Unknown format xml"),
    ],
)
def test_what_cant_be_meant_is_refused(stack: Path, tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    with pytest.raises((InputError, PromptError, ImageError), match=words) as caught:
        command(request(stack, tmp_path, **fields), tmp_path)
    assert caught.value.hint


def test_slices_and_frames_need_to_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "both.tif"
    tifffile.imwrite(path, np.zeros((3, 4, 20, 30), np.uint8), imagej=True, metadata={"axes": "TZYX"})
    asked = request(path, tmp_path, points=[(3, 3)], plane=1)
    with pytest.raises(ImageError, match=r"3 frames \(T\) and 4 slices \(Z\)") as caught:
        command(asked, tmp_path)
    assert "--axis" in caught.value.hint
    from samj_bridge.reading.image import open_stack

    with open_stack(path, Wish(t=2), "") as slices, open_stack(path, Wish(z=1), "t") as frames:
        assert (len(slices), slices.axis, len(frames), frames.axis) == (4, "z", 3, "t")
        assert slices[0].shape == (20, 30)
    with pytest.raises(ImageError, match="3 frames"):
        open_stack(path, Wish(t=5), "z")


def test_a_roi_without_a_place_needs_one(stack: Path, tmp_path: Path) -> None:
    rois = write_rois(tmp_path / "drawn.zip", [Region.from_mask(truth(2, 2), name="somewhere")])
    with pytest.raises(PromptError, match="'somewhere' has no position"):
        command(request(stack, tmp_path, rois=rois), tmp_path)


@pytest.mark.worker
def test_on_a_full_disk_what_fits_is_written_and_the_rest_is_told(
    ready_home: Path, stack: Path, tmp_path: Path
) -> None:
    with disk(tmp_path / "small", "size=1m") as folder:
        other = fill(folder, leave=24_000)
        result = command(request(stack, folder, points=[(30, 40)], plane=1), ready_home)
        # The label stack has 123 kB, ROIs and table a few.
        assert [(type(failure), "labels" in failure.message) for failure in result.failures] == [
            (NoSpaceError, True)
        ]
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            [other.name, "balls é_tracks.csv", "balls é_tracks.zip"]
        )
        assert len(read_rois(folder / "balls é_tracks.zip")) == SHAPE[0]
        other.unlink()
        asked = request(stack, folder, points=[(30, 40)], plane=1)
        again = command(replace(asked, overwrite=True), ready_home)
        assert not again.failures
        assert tifffile.imread(folder / "balls é_tracks_labels.tif").shape == SHAPE
