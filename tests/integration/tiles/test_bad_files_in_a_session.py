"""Files that go wrong while a session asks about them: a sentence each, and the session lives on."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from fakes import large_files
from fakes.large_images import IMAGE, LABELS, SIDE, asked, pixels_of
from fakes.opening import open_session

from samj_bridge import open_pyramid, read_rois
from samj_bridge.errors import FileError
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker

NEAR, FAR = asked(1)[0], asked(int(LABELS.max()))[0]
"""Boxes in the first tile, and in the last."""


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), tile_px=SIDE) as opened:
        yield opened


def written(path):
    tifffile.imwrite(path, IMAGE, tile=(64, 64), compression="zlib")
    return path


def held_open(path):
    """Return this process's descriptors of a file."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}") == str(path):
                found.append(int(name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux lists descriptors")
def test_a_drive_that_goes_away_while_a_tile_is_read_costs_a_sentence_and_comes_back(session, tmp_path):
    path = written(tmp_path / "drive.tif")
    with open_pyramid(path) as image, session.encode(image, ranges=(0, 200)) as scene:
        first = pixels_of(scene.segment(NEAR)[0])
        # The file is still in its folder, but the system can't read it any more: as of a server that is gone.
        (held,) = held_open(path)
        kept, nothing = os.dup(held), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, held)
        try:
            with pytest.raises(
                FileError, match=r"The region of .* of level 0 of drive\.tif can't be read"
            ) as caught:
                scene.segment(FAR)
            assert "its drive connected" in caught.value.hint
            # What was read before is there.
            assert pixels_of(scene.segment(NEAR)[0]) == first
        finally:
            os.dup2(kept, held)
            os.close(kept)
            os.close(nothing)
        assert scene.segment(FAR)[0].area > 0
    assert session.stats()["restarts"] == 0


@pytest.mark.parametrize("kind", ["tif", "zarr"])
def test_a_drive_that_is_not_there_any_more_is_told_as_such(kind, session, tmp_path):
    """A Zarr's chunks that are gone with their drive must not be taken for background."""
    drive, away = tmp_path / "drive", tmp_path / "away"
    drive.mkdir()
    path = drive / f"image.ome.{kind}"
    if kind == "zarr":
        pytest.importorskip("zarr", minversion="3", reason="the extras of large files are not installed")
        large_files.write_ome_zarr(path, IMAGE[None, None], tile=64)
    else:
        written(path)
    with open_pyramid(path) as image, session.encode(image, ranges=(0, 200)) as scene:
        first = pixels_of(scene.segment(NEAR)[0])
        drive.rename(away)
        with pytest.raises(FileError, match="can no longer be read") as caught:
            scene.segment(FAR)
        assert caught.value.code == "file-gone"
        assert "its drive connected" in caught.value.hint
        away.rename(drive)
        assert scene.segment(FAR)[0].area > 0
        assert pixels_of(scene.segment(NEAR)[0]) == first


@pytest.mark.parametrize("change", ["written again", "cut", "replaced"])
def test_an_image_that_changes_on_disk_while_it_is_open_is_refused_and_opened_again(change, session, tmp_path):
    path = written(tmp_path / "image.tif")
    with open_pyramid(path) as image, session.encode(image, ranges=(0, 200)) as scene:
        before = pixels_of(scene.segment(NEAR)[0])
        if change == "cut":
            os.truncate(path, path.stat().st_size // 2)
        elif change == "replaced":
            tifffile.imwrite(tmp_path / "other.tif", IMAGE[::-1], tile=(64, 64))
            os.replace(tmp_path / "other.tif", path)
        else:
            tifffile.imwrite(path, IMAGE[::-1], tile=(64, 64))
        with pytest.raises(FileError, match=r"image\.tif has changed while it was open") as caught:
            scene.segment(FAR)
        assert caught.value.code == "file-changed"
        # Everything mode reads too: it does not mix two images.
        with pytest.raises(FileError, match="has changed"):
            scene.everything(within=(500, 300, 560, 360))
    if change == "cut":
        written(path)
    with open_pyramid(path) as image, session.encode(image, ranges=(0, 200)) as scene:
        labels = LABELS if change == "cut" else LABELS[::-1]
        np.testing.assert_array_equal(scene.segment(asked(1, labels)[0])[0].mask(), labels == 1)
    assert before[0] > 0


def test_an_image_of_one_row_of_300_000_pixels_is_asked_from_its_file(ready_home, session, tmp_path):
    row = np.zeros((1, 300_000), np.uint8)
    places = [(7, 19), (123_456, 123_468), (299_988, 300_000)]
    for first, last in places:
        row[0, first:last] = 200
    tifffile.imwrite(tmp_path / "long.tif", row, compression="zlib", rowsperstrip=1)
    with open_pyramid(tmp_path / "long.tif") as image, session.encode(image) as scene:
        for first, last in places:
            for prompt in (Prompt(points=[(first + 5, 0)]), Prompt(box=(first - 2, 0, last + 2, 1))):
                assert scene.segment(prompt)[0].bbox_xyxy == (first, 0, last, 1)
        (found,) = scene.everything(within=(123_400, 0, 123_600, 1))
        assert found.bbox_xyxy == (123_456, 0, 123_468, 1)
    # The starter too, from the command to the file: one row is an image like any other.
    command = [sys.executable, "-m", "samj_bridge.cli.main", "segment", "long.tif", "--json", "--output", "out"]
    command += ["--box", "123450,0,123474,1", "--point", "123460,0", "--format", "roi,labels,geojson,overlay"]
    environ = {**os.environ, "SAMJ_HOME": str(ready_home)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (image,) = json.loads(done.stdout)["data"]["images"]
    assert image["taken"]["width"] == 300_000
    assert len(image["files"]) == 4
    for region in read_rois(tmp_path / "out" / "long_rois.zip"):
        x0, y0, x1, y1 = region.bbox_xyxy
        assert (y0, y1) == (0, 1)
        assert 123_300 < x0 < x1 < 123_700
    assert tifffile.imread(tmp_path / "out" / "long_labels.tif").shape == (1, 300_000)
