"""ROI files of a real ImageJ, of every kind and at random, say the same to us as to ImageJ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hard_masks import HARD_MASKS
from roi_maker import AREAS, OTHERS, Maker, compare, differences, opened, saved

from samj_bridge.export import read_rois, write_rois
from samj_bridge.export.properties import fields_of, read_properties
from samj_bridge.export.roi_file import parse_roi
from samj_bridge.fiji import count_mismatches, from_roi, java_class, read_zip_in_imagej, to_roi
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.simplify import simplify

ROUNDS = 150
"""As many on every machine; ``python tests/fiji/roi_maker.py --seconds 3600`` takes an hour."""


@pytest.mark.usefixtures("group_colours")
def test_files_of_rois_at_random_are_read_as_imagej_reads_them() -> None:
    done, wrong = compare(seed=13, seconds=300, rounds=ROUNDS)
    assert {what: len(files) for what, files in wrong.items()} == {}
    assert done > 10 * len(AREAS + OTHERS)


def test_round_corners_far_from_the_origin_have_imagejs_pixels() -> None:
    rng, wrong = np.random.default_rng(3), []
    for x, y, width, height, corner in rng.integers(
        (60_000, 0, 1, 1, 1), (100_000, 100_000, 150, 150, 150), (300, 5)
    ):
        roi = java_class("ij.gui.Roi")(int(x), int(y), int(width), int(height))
        roi.setCornerDiameter(int(corner))
        wrong += differences(saved(roi))
    assert wrong == []


def test_polygons_with_whole_and_half_vertices_have_imagejs_pixels() -> None:
    maker, rng = Maker(1), np.random.default_rng(1)
    differ = 0
    for number in range(1000):
        roi = maker.roi("sub-pixel polygon" if number % 2 else "polygon")
        file = parse_roi(saved(roi))
        expected = from_roi(opened(saved(roi)))
        if file.vertices.dtype == np.int64:
            drawn = Region((file.vertices.astype(np.int32),))
            assert drawn.area == expected.area
            # What is cut off must not change the rest.
            x0, _, x1, y1 = drawn.bbox_xyxy
            left, top = int(rng.integers(0, 9)), int(rng.integers(0, 9))
            shape = (max(y1 - top, 1), max(x1 - left, 1))
            differ += count_mismatches([drawn], [opened(saved(roi))], shape) if x0 > -50 and x1 < 200 > y1 else 0
    assert differ == 0


def test_simplified_outlines_have_the_same_pixels_in_imagej(tmp_path: Path) -> None:
    regions, shape = [], (200, 200)
    rng = np.random.default_rng(2)
    for mask in [*HARD_MASKS.values(), *(rng.random((60, 60)) < density for density in (0.5, 0.7, 0.97))]:
        for tolerance in (0.5, 1.0, 3.0):
            rings = simplify(Region.from_mask(mask).rings, tolerance)
            regions += [Region(rings)] if rings and Region(rings).area else []
    assert len(regions) > 20
    assert count_mismatches(regions, [to_roi(region) for region in regions], shape) == 0
    path = write_rois(tmp_path / "a.zip", regions)
    assert count_mismatches(regions, read_zip_in_imagej(path), shape) == 0
    assert count_mismatches(list(read_rois(path)), read_zip_in_imagej(path), shape) == 0


def test_a_tall_outline_has_imagejs_pixels() -> None:
    """The sums that find where an edge crosses thousands of rows are off by more than ImageJ's shift of 1e-8."""
    rng = np.random.default_rng(3)
    for _ in range(6):
        ring = np.column_stack([rng.integers(0, 1500, 5), rng.integers(0, 9000, 5)]).astype(np.int32)
        region = Region((ring,))
        assert count_mismatches([region], [to_roi(region)], (9000, 1500)) == 0


def test_properties_survive_being_opened_and_saved_by_imagej_again_and_again(tmp_path: Path) -> None:
    prompt = {"box": [1, 2, 3, 4], "points": [[1.5, 2]], "name": 'é 漢 \\ "x" \n 🔬: = #! 100%'}
    for mask in (HARD_MASKS["disc"], HARD_MASKS["ring"]):
        region = Region.from_mask(
            mask, score=1 / 3, model="starter é", prompt=prompt, class_name="axon é", name='a "b" \\c é', group=0,
            position=(1, 2, 3), prompt_index=3, candidate=2,
        )  # fmt: skip
        for made in (to_roi(region), read_zip_in_imagej(write_rois(tmp_path / "a.zip", region))[0]):
            data = saved(made)
            for _ in range(4):
                fields = fields_of(read_properties(parse_roi(data).properties))
                for name in ("score", "model", "prompt", "class_name", "shape", "prompt_index", "candidate"):
                    assert fields[name] == getattr(region, name), name
                assert parse_roi(data).name == region.name
                back = from_roi(opened(data))
                assert (back.prompt, back.score, back.position) == (prompt, region.score, region.position)
                data = saved(opened(data))


def test_a_class_with_quotes_and_backslashes_survives_imagejs_saving() -> None:
    for name in ('a "b" \\c', "C:\\temp\\new", "50 % é"):
        region = Region.from_mask([[1]], class_name=name)
        roi = to_roi(region)
        assert str(roi.getProperty("class")) == name
        assert from_roi(roi).class_name == name
        assert fields_of(read_properties(parse_roi(saved(roi)).properties))["class_name"] == name


@pytest.mark.usefixtures("group_colours")
def test_the_group_goes_there_and_back(tmp_path: Path) -> None:
    region = Region.from_mask([[1, 1]], group=7)
    (read,) = read_zip_in_imagej(write_rois(tmp_path / "a.zip", region))
    for roi in (to_roi(region), read):
        assert int(roi.getGroup()) == from_roi(roi).group == 7
    path = tmp_path / "b.roi"
    assert java_class("ij.io.RoiEncoder").save(to_roi(region), str(path))
    assert read_rois(path)[0].group == 7
