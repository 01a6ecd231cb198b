"""``samj-bridge info``: what people and programs are told of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fakes import large_files
from typer.testing import CliRunner

from samj_bridge.cli.main import app

STACK = np.random.default_rng(0).integers(100, 60_000, (2, 3, 150, 211), dtype=np.uint16)


def info(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["info", *arguments], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout


def test_size_channels_levels_and_what_prompts_count_in(tmp_path: Path) -> None:
    large_files.write_ome_tiff(tmp_path / "a.ome.tif", STACK)
    code, said = info(str(tmp_path / "a.ome.tif"))
    assert code == 0
    values = [f"values {plane.min()} to {plane.max()} (first plane, level 0)" for plane in STACK[:, 0]]
    for words in (
        "a.ome.tif: TIFF (OME)",
        "211 x 150, uint16, 2 channels, 3 slices (Z)",
        "pixel 0.5 µm",
        f"channel 0 DAPI, {values[0]}",
        f"channel 1 actin, {values[1]}",
        "levels (--level 0 to 2): 211 x 150, 106 x 75, 53 x 38",
        "--z 0 to 2",
        "x from 0 to 211, y from 0 to 150",
    ):
        assert words in said


def test_one_object_for_programs(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK[0, 0, :20, :30], metadata=None)
        writer.write(STACK[0, 0, :50, :40], metadata=None)
    (tmp_path / "b.tif").write_bytes(b"II*\0")
    code, said = info(str(tmp_path), "--json")
    answer: dict[str, Any] = json.loads(said)
    assert code == 1
    assert "b.tif" in answer["errors"][0]["message"]
    (image,) = answer["data"]["images"]
    sizes = [(series["width"], series["height"], series["levels"]) for series in image["series"]]
    assert sizes == [(30, 20, [{"width": 30, "height": 20}]), (40, 50, [{"width": 40, "height": 50}])]
    part = STACK[0, 0, :50, :40]
    assert image["series"][1]["channels"][0]["values"] == [float(part.min()), float(part.max())]
    code, said = info(str(tmp_path / "a.tif"), "--series", "1", "--json")
    assert [series["index"] for series in json.loads(said)["data"]["images"][0]["series"]] == [1]
    code, said = info(str(tmp_path / "a.tif"), "--series", "7", "--json")
    assert "series 7 was asked for" in json.loads(said)["errors"][0]["message"]


@pytest.mark.parametrize("damage", ["level", "pixels"])
def test_what_is_damaged_in_one_image_is_a_line_of_it(damage: str, tmp_path: Path) -> None:
    pytest.importorskip("zarr", minversion="3")
    large_files.write_ome_zarr(tmp_path / "a.zarr", STACK)
    where = tmp_path / "a.zarr" / ("1" if damage == "level" else "0")
    for path in where.rglob("*"):
        if path.is_file() and (damage == "level" or not path.name.startswith(".")):
            path.write_bytes(b"?")
    code, said = info(str(tmp_path / "a.zarr"))
    assert code == 0
    assert "211 x 150, uint16" in said
    assert ("level 1 can't be opened" if damage == "level" else "of level 0 of a.zarr can't be read") in said
