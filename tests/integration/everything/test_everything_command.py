"""``segment --everything`` on an image of several tiles: killed in the middle it goes on, to the same files."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes.large_files import write_ome_zarr
from fakes.opening import wait_until
from PIL import Image

from samj_bridge.reading import read_image

pytestmark = pytest.mark.worker

COMMAND = [sys.executable, "-m", "samj_bridge.cli.main", "segment"]
OPTIONS = ["--everything", "--json"]
ALL = ["--format", "geojson,labels", "--labels", "cells"]
DATA = Path(__file__).parents[2] / "data" / "images"


@pytest.fixture(scope="module")
def strip(tmp_path_factory):
    """Write a strip of nuclei of 2600 pixels: two tiles for the starter."""
    picture = np.asarray(Image.open(DATA / "fluorescence_2.png"))
    picture = picture[..., 0] if picture.ndim == 3 else picture
    piece = np.concatenate([picture[:128, :256], picture[:128, 255::-1]], 1)
    path = tmp_path_factory.mktemp("images") / "strip.tif"
    tifffile.imwrite(path, np.tile(piece, (1, 6))[:, :2600])
    return path


def started(strip, output, home, *options):
    arguments = [*COMMAND, str(strip), "--output", str(output), *OPTIONS, *options]
    environ = {**os.environ, "SAMJ_HOME": str(home)}
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def told(run):
    output, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    return json.loads(output)["data"]["images"][0]


def steps_in(record):
    try:
        with sqlite3.connect(f"file:{record}?mode=ro", uri=True, timeout=0.1) as base:
            (count,) = base.execute("SELECT count(*) FROM done").fetchone()
        base.close()
    except sqlite3.Error:
        return 0
    return count


def is_settled(record):
    """Whether nothing is half-written: the journal of an exclusive lock stays, and begins with zeros then."""
    try:
        return not any(record.with_name(f"{record.name}-journal").read_bytes()[:8])
    except FileNotFoundError:
        return True


def test_a_killed_command_goes_on_and_writes_the_same_files(ready_home, strip, tmp_path):
    whole = told(started(strip, tmp_path / "whole", ready_home, *ALL))
    assert whole["objects"] > 40
    assert f"{whole['objects']} objects found in 2 tiles" in whole["message"]
    record = tmp_path / "part" / "strip_everything.part"
    run = started(strip, tmp_path / "part", ready_home, *ALL)
    # The record is locked as long as it is written: its size says that the first tile is in it.
    assert wait_until(lambda: record.exists() and record.stat().st_size > 24_000 and is_settled(record), 200)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert sorted(path.name for path in record.parent.iterdir() if path.suffix != ".part-journal") == [record.name]
    assert wait_until(lambda: steps_in(record) >= 1)
    rest = told(started(strip, tmp_path / "part", ready_home, *ALL))
    assert rest["message"].startswith("1 step was done in an earlier run. ")
    assert not record.exists()
    for name in ("strip_outlines.geojson", "strip_labels.tif", "strip_cells.btf"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    labels = tifffile.imread(tmp_path / "whole" / "strip_cells.btf")
    assert labels.dtype == np.int32
    assert np.array_equal(labels, tifffile.imread(tmp_path / "whole" / "strip_labels.tif"))


@pytest.mark.filterwarnings("ignore::Warning:yaozarrs")
def test_a_box_and_a_size_are_options_and_labels_go_into_the_image_itself(ready_home, strip, tmp_path):
    pytest.importorskip("zarr", minversion="3")
    yaozarrs = pytest.importorskip("yaozarrs")
    image = tmp_path / "strip.ome.zarr"
    write_ome_zarr(image, tifffile.imread(strip)[None, None], version="0.5", tile=256)
    options = ("--within", "2300,0,2600,128", "--object-size", "40", "--labels", "nuclei")
    done = told(started(image, tmp_path / "out", ready_home, *options))
    assert "found in 1 tile;" in done["message"]
    assert [Path(file).name for file in done["files"]] == ["nuclei"]
    yaozarrs.validate_zarr_store(str(image))
    yaozarrs.validate_zarr_store(str(image / "labels" / "nuclei"))
    labels = read_image(image / "labels" / "nuclei").pixels
    assert labels.dtype == np.int32
    assert labels.max() == done["objects"] > 3
    assert np.flatnonzero(labels.any(0)).min() > 2260
    assert not any((tmp_path / "out").iterdir())
    again = started(image, tmp_path / "out", ready_home, *options)
    output, _ = again.communicate(timeout=300)
    assert "has labels called 'nuclei'" in json.loads(output)["errors"][0]["message"]
