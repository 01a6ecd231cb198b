"""The command line on stacks, with prompts of others: positions go in and come out, what is left out is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile

from samj_bridge import read_rois

pytestmark = pytest.mark.worker

KIND = roifile.ROI_TYPE
CENTRES = [(50, 50), (70, 40), (40, 60)]


def run(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "samj_bridge.cli.main", *map(str, arguments)]
    variables = {**os.environ, "SAMJ_HOME": str(home)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables, timeout=300)


def envelope(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A disc on each slice, elsewhere on each."""
    y, x = np.mgrid[:100, :120]
    planes = [np.where((x - cx) ** 2 + (y - cy) ** 2 < 400, 3000, 200).astype(np.uint16) for cx, cy in CENTRES]
    tifffile.imwrite(tmp_path / "z.tif", np.stack(planes), imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "z.tif"


def test_rois_are_used_on_their_plane_and_what_is_found_has_it(
    ready_home: Path, stack: Path, tmp_path: Path
) -> None:
    rois = [
        roifile.ImagejRoi(
            roitype=KIND.RECT, version=228, name=f"z{n}", position=n,
            left=x - 20, top=y - 20, right=x + 21, bottom=y + 21,
        )
        for n, (x, y) in enumerate(CENTRES, 1)
    ]  # fmt: skip
    rois.append(roifile.ImagejRoi(roitype=KIND.LINE, version=228, name="scale", right=9, bottom=9))
    roifile.roiwrite(tmp_path / "p.zip", rois)
    out = tmp_path / "out"
    arguments = ("segment", stack, "--prompts", tmp_path / "p.zip", "-o", out, "--json")
    done = run(*arguments, "--plane", 1, "--format", "roi,geojson", home=ready_home)
    assert done.returncode == 0, done.stderr
    data = envelope(done)["data"]
    assert data["notes"] == ["p.zip: left out 'scale' is a line, which has no area."]
    assert "2 of 3 prompts belong to other planes (plane 1, plane 3)" in data["images"][0]["message"]
    (region,) = read_rois(out / "z_rois.zip")
    assert (region.name, region.position) == ("z2", (0, 2, 0))
    truth = tifffile.imread(stack)[1] > 1000
    found = region.mask(truth.shape)
    assert (found & truth).sum() / (found | truth).sum() > 0.8
    assert roifile.roiread(out / "z_rois.zip")[0].position == 2
    (feature,) = json.loads((out / "z_outlines.geojson").read_text())["features"]
    assert feature["geometry"]["plane"] == {"c": -1, "z": 1, "t": 0}
    # What was found is a prompt for its own plane only.
    arguments = ("segment", stack, "--prompts", out / "z_rois.zip", "-o", tmp_path / "again", "--json")
    again = run(*arguments, "--plane", 0, home=ready_home)
    assert again.returncode == 1
    (error,) = envelope(again)["errors"]
    assert "None of the 1 prompts belongs to z 1; they are for plane 2" in error["message"]


def test_a_file_of_lines_alone_is_refused_with_the_reason(ready_home: Path, stack: Path, tmp_path: Path) -> None:
    roifile.ImagejRoi(roitype=KIND.LINE, version=228, name="scale", right=9, bottom=9).tofile(tmp_path / "p.roi")
    done = run("segment", stack, "--prompts", tmp_path / "p.roi", "-o", tmp_path, "--json", home=ready_home)
    assert done.returncode == 2
    (error,) = envelope(done)["errors"]
    assert "No prompt was given. p.roi: left out 'scale' is a line" in error["message"]


def test_names_from_a_mac_and_prompts_for_images_that_are_not_there(
    ready_home: Path, stack: Path, tmp_path: Path
) -> None:
    pixels = tifffile.imread(stack)[0]
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / unicodedata.normalize("NFD", "Zellkörper.tif"), pixels)
    prompts = {"Zellkörper.tif": [{"points": [CENTRES[0]], "name": None}], "gone.tif": [{"points": [[1, 1]]}]}
    (tmp_path / "p.json").write_text(json.dumps({"images": prompts}))
    done = run("segment", folder, "--prompts", tmp_path / "p.json", "-o", tmp_path, "--json", home=ready_home)
    assert done.returncode == 0, done.stderr
    data = envelope(done)["data"]
    assert data["images"][0]["objects"] == 1
    assert data["notes"] == ["The prompt file also speaks of gone.tif: of none of the images."]
