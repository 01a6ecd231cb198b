"""COCO's files: runs, boxes, categories and planes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samj_bridge.errors import InputError
from samj_bridge.export import write_coco
from samj_bridge.export.coco import as_coco, run_lengths
from samj_bridge.geometry.region import Region

SQUARE = np.array([[1, 1], [3, 1], [3, 3], [1, 3]], np.int32)


def counted(mask: np.ndarray) -> list[int]:
    """Run lengths as COCO defines them, pixel by pixel."""
    counts, now = [0], False
    for value in mask.T.ravel():
        if bool(value) == now:
            counts[-1] += 1
        else:
            counts.append(1)
            now = not now
    return counts


@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_runs_are_those_of_the_pixels(mask: np.ndarray) -> None:
    assert run_lengths(Region.from_mask(mask).rings, mask.shape) == counted(mask)


def test_a_file_says_which_image_it_is_about(tmp_path: Path) -> None:
    region = Region((SQUARE,), shape=(4, 6), score=0.5, name="one")
    path = write_coco(tmp_path / "cells é_coco.json", [region])
    found = json.loads(path.read_text("utf-8"))
    assert found["images"] == [{"id": 1, "file_name": "cells é", "width": 6, "height": 4}]
    assert found["categories"] == [{"id": 1, "name": "object"}]
    (one,) = found["annotations"]
    assert one["bbox"] == [1, 1, 2, 2]
    assert (one["area"], one["score"], one["name"], one["iscrowd"]) == (4, 0.5, "one", 1)
    write_coco(path, region, image_name="cells.tif")
    assert json.loads(path.read_text("utf-8"))["images"][0]["file_name"] == "cells.tif"


def test_a_class_has_the_number_of_its_group_in_every_file() -> None:
    def made(class_name: str, group: int) -> Region:
        return Region((SQUARE,), shape=(4, 6), class_name=class_name, group=group)

    found = as_coco(
        [made("nucleus", 7), made("", 3), made("cell", 0), made("debris", 0), made("cell", 0)], (4, 6), ""
    )
    assert [one["category_id"] for one in found["annotations"]] == [8, 1, 257, 258, 257]
    assert found["categories"] == [
        {"id": 1, "name": "object"},
        {"id": 8, "name": "nucleus"},
        {"id": 257, "name": "cell"},
        {"id": 258, "name": "debris"},
    ]


def test_planes_are_images_of_their_own() -> None:
    there = [Region((SQUARE,), shape=(4, 6), position=position) for position in ((0, 2, 0), (0, 0, 0), (0, 2, 0))]
    found = as_coco(there, (4, 6), "stack.tif")
    assert [one["image_id"] for one in found["annotations"]] == [1, 2, 1]
    assert found["images"][0]["plane"] == {"c": -1, "z": 1, "t": 0}
    assert "plane" not in found["images"][1]


def test_objects_outside_the_image_are_left_out_and_the_shape_must_be_known() -> None:
    away = Region((SQUARE + 50,), shape=(100, 100))
    assert as_coco([away], (4, 6), "")["annotations"] == []
    with pytest.raises(InputError, match="not known"):
        write_coco("never.json", Region((SQUARE,)))
