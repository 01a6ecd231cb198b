"""Prompt files: JSON, CSV, ImageJ's ROIs; a wrong entry is named with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import roifile

from samj_bridge.cli.read_prompts import command_line_prompts, parse_channels, parse_numbers, read_prompts
from samj_bridge.errors import FileError, PromptError


def test_json_lists_objects_and_per_image_prompts(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    entry = {"box": [1, 2, 30, 40], "negative": [[5, 5]], "name": "one"}
    for content in ([entry], {"prompts": [entry]}):
        file.write_text(json.dumps(content))
        (prompt,) = read_prompts(file)[None]
        assert tuple(prompt.box) == (1, 2, 30, 40)
        assert prompt.name == "one"
    file.write_text(json.dumps({"images": {"a.tif": [entry], "b.tif": []}}))
    assert {name: len(prompts) for name, prompts in read_prompts(file).items()} == {"a.tif": 1, "b.tif": 0}


@pytest.mark.parametrize(
    "content", ["{", '{"prompts": 3}', '[{"bxo": [1, 2, 3, 4]}]', "[[1, 2]]", '[{"box": [1, 2]}]', "[{}]"]
)
def test_wrong_json_is_named_with_its_place(tmp_path: Path, content: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(content)
    with pytest.raises(PromptError, match=r"wrong\.json"):
        read_prompts(file)


def test_csv_has_points_or_boxes_and_optionally_images(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("image, x, y, name\na.tif, 10, 20, one\nb.tif, 30, 40,\n")
    prompts = read_prompts(file)
    assert set(prompts) == {"a.tif", "b.tif"}
    file.write_text("x0,y0,x1,y1\n1,2,30,40\n")
    assert tuple(read_prompts(file)[None][0].box) == (1, 2, 30, 40)
    file.write_text("x,y\n1,2\n3,\n")
    with pytest.raises(PromptError, match="line 3"):
        read_prompts(file)


def test_imagej_rois_become_boxes_and_points(tmp_path: Path) -> None:
    rectangle = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT, version=227, left=10, top=20, right=60, bottom=80, name="cell"
    )
    points = roifile.ImagejRoi.frompoints([[5, 6], [7, 8]])
    points.roitype = roifile.ROI_TYPE.POINT
    roifile.roiwrite(tmp_path / "p.zip", [rectangle, points])
    prompts = read_prompts(tmp_path / "p.zip")[None]
    assert [prompt.box for prompt in prompts] == [(10, 20, 60, 80), None, None]
    assert [tuple(prompt.points[0]) for prompt in prompts[1:]] == [(5, 6), (7, 8)]


def test_unknown_endings_and_unreadable_files_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"\.json"):
        read_prompts(tmp_path / "p.xlsx")
    with pytest.raises(FileError, match="Can't read"):
        read_prompts(tmp_path / "missing.json")
    (tmp_path / "p.csv").write_bytes("name,x,y\nZellkörper,1,2\n".encode("cp1252"))
    with pytest.raises(FileError, match="UTF-8"):
        read_prompts(tmp_path / "p.csv")
    (tmp_path / "p.roi").write_bytes(b"no roi at all")
    with pytest.raises(FileError, match="no ImageJ ROIs"):
        read_prompts(tmp_path / "p.roi")


def test_numbers_on_the_command_line() -> None:
    assert parse_numbers("1, 2.5", "x,y") == (1.0, 2.5)
    with pytest.raises(PromptError, match="x0,y0,x1,y1"):
        parse_numbers("1,2,3", "x0,y0,x1,y1")
    assert (parse_channels("1"), parse_channels("2,1,0"), parse_channels("merge")) == (1, (2, 1, 0), "merge")
    with pytest.raises(PromptError):
        parse_channels("red")


def test_options_and_file_add_up_and_negatives_need_company(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('[{"points": [[1, 1]]}]')
    prompts = command_line_prompts(["0,0,9,9"], ["4,4"], ["8,8"], tmp_path / "p.json")[None]
    assert len(prompts) == 3
    assert [len(prompt.negative) for prompt in prompts] == [0, 1, 1]
    with pytest.raises(PromptError, match="--negative"):
        command_line_prompts([], [], ["8,8"], None)
