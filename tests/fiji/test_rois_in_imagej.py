"""The law that matters to users: ImageJ's own mask of a ROI has exactly the region's pixels."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import roifile
from hard_masks import HARD_MASKS, masks
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from samj_bridge.errors import FijiError, FileError, InputError
from samj_bridge.export import read_rois, write_rois
from samj_bridge.fiji import (
    count_mismatches,
    from_roi,
    java_class,
    read_zip_in_imagej,
    roi_mask,
    to_roi,
)
from samj_bridge.geometry.region import Region


def regions_of(drawn: list[NDArray[np.bool_]], origin: tuple[int, int] = (0, 0)) -> list[Region]:
    regions = [Region.from_mask(mask, origin_xy=origin, shape=mask.shape) for mask in drawn]
    return [region for region in regions if not region.is_empty]


@pytest.mark.parametrize("name", HARD_MASKS)
def test_a_hard_mask_is_the_same_in_imagej_made_there_and_read_there(name: str, tmp_path: Path) -> None:
    regions = regions_of([HARD_MASKS[name]])
    shape = HARD_MASKS[name].shape
    assert count_mismatches(regions, [to_roi(region) for region in regions], shape) == 0
    assert count_mismatches(regions, read_zip_in_imagej(write_rois(tmp_path / "a.zip", regions)), shape) == 0


@given(st.lists(masks(10), min_size=20, max_size=40), st.integers(-20, 20), st.integers(-20, 20))
@settings(max_examples=25)
def test_random_masks_are_the_same_in_imagej(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[NDArray[np.bool_]], x: int, y: int
) -> None:
    regions = regions_of(drawn, (x, y))
    made = [to_roi(region) for region in regions]
    read = read_zip_in_imagej(write_rois(tmp_path_factory.getbasetemp() / "imagej.zip", regions))
    shape = (80, 80)
    assert count_mismatches(regions, made, shape) == 0
    assert count_mismatches(regions, read, shape) == 0
    for region, roi in zip(regions, made, strict=True):
        back = from_roi(roi)
        assert [ring.tolist() for ring in back.rings] == [ring.tolist() for ring in region.rings]
        assert back.shape == region.shape


def test_measured_area_in_imagej_is_the_number_of_pixels() -> None:
    for mask in HARD_MASKS.values():
        for region in regions_of([mask]):
            assert to_roi(region).getStatistics().pixelCount == region.area


def test_one_ring_is_a_polygon_and_more_are_a_composite() -> None:
    kinds = {"disc": "Traced", "ring": "Composite", "diagonal": "Composite"}
    for name, kind in kinds.items():
        assert str(to_roi(Region.from_mask(HARD_MASKS[name])).getTypeAsString()) == kind


def test_large_and_far_regions_are_exact(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((120, 150)) < 0.5
    comb = np.zeros((3, 33_000), bool)
    comb[0] = True
    comb[:, ::2] = True
    assert len(Region.from_mask(comb).rings[0]) > 2**16
    for mask, origin in [(noise, (0, 0)), (comb, (0, 0)), (noise, (32_600, 32_500)), (noise, (59_000, 7))]:
        region = Region.from_mask(mask, origin_xy=origin)
        (read,) = read_zip_in_imagej(write_rois(tmp_path / "a.zip", region))
        for roi in (to_roi(region), read):
            back = from_roi(roi)
            assert back.bbox_xyxy == region.bbox_xyxy
            assert np.array_equal(back.crop()[0], region.crop()[0])


@pytest.mark.parametrize("x", [-5000, -4999, -1, 32_766, 32_767, 32_768, 60_500, 60_533, 60_535, 65_534, 100_000])
def test_polygons_are_exact_wherever_16_bit_numbers_turn(x: int, tmp_path: Path) -> None:
    for mask in (np.ones((2, 2), bool), HARD_MASKS["one-pixel lines"], HARD_MASKS["ring"]):
        region = Region.from_mask(mask, origin_xy=(x, 3))
        (roi,) = read_zip_in_imagej(write_rois(tmp_path / "a.zip", region))
        assert from_roi(roi).bbox_xyxy == region.bbox_xyxy
        assert np.array_equal(from_roi(roi).crop()[0], mask)
        assert read_rois(tmp_path / "a.zip")[0].bbox_xyxy == region.bbox_xyxy


def test_wide_polygons_are_exact(tmp_path: Path) -> None:
    for width in (32_760, 32_770, 45_000, 60_500, 60_540, 66_000):
        mask = np.ones((3, width), bool)
        mask[0, : width // 2] = False
        region = Region.from_mask(mask)
        (roi,) = read_zip_in_imagej(write_rois(tmp_path / "a.zip", region))
        assert from_roi(roi).area == region.area, width
        assert read_rois(tmp_path / "a.zip")[0].area == region.area


def test_name_position_and_properties_are_seen_by_imagej(tmp_path: Path) -> None:
    prompt = {"box": [1, 2, 3, 4], "points": [[1.5, 2]], "name": 'é 漢 \\ "x" 🔬: = #!'}
    for name in ("disc", "ring"):
        region = Region.from_mask(
            HARD_MASKS[name],
            score=0.875,
            model="starter é",
            prompt=prompt,
            name="noyau é 漢 🔬",
            position=(2, 3, 4),
            class_name="axon é",
        )
        (read,) = read_zip_in_imagej(write_rois(tmp_path / "a.zip", region))
        for roi in (to_roi(region), read):
            assert str(roi.getName()) == region.name
            assert (roi.getCPosition(), roi.getZPosition(), roi.getTPosition()) == (2, 3, 4)
            assert float(str(roi.getProperty("score"))) == 0.875
            assert str(roi.getProperty("model")) == "starter é"
            seen = json.loads(str(roi.getProperty("prompt")))
            assert (seen["box"], seen["points"]) == (prompt["box"], prompt["points"])
            assert unquote(seen["name"]) == prompt["name"]
            assert from_roi(roi).prompt == prompt
            assert str(roi.getProperty("shape")) == f"{region.shape[0]} {region.shape[1]}"
            assert str(roi.getProperty("class")) == "axon é"
            assert from_roi(roi).class_name == "axon é"
            assert str(roi.getProperty("nothing")) == "None"


def test_a_slice_alone_is_a_position_too(tmp_path: Path) -> None:
    region = Region.from_mask([[1]], position=(0, 5, 0))
    (read,) = read_zip_in_imagej(write_rois(tmp_path / "a.zip", region))
    for roi in (to_roi(region), read):
        assert (roi.getCPosition(), roi.getZPosition(), roi.getTPosition()) == (0, 5, 0)
        assert from_roi(roi).position == (0, 5, 0)


def test_everything_survives_a_journey_through_imagejs_own_encoder(tmp_path: Path) -> None:
    region = Region.from_mask(
        HARD_MASKS["disc with holes"], score=0.5, model="é", prompt={"name": "漢"}, name="n", position=(1, 2, 3)
    )
    path = tmp_path / "imagej.roi"
    assert java_class("ij.io.RoiEncoder").save(to_roi(region), str(path))
    (back,) = read_rois(path)
    assert np.array_equal(back.mask(), region.mask())
    for field in ("score", "model", "prompt", "position", "shape"):
        assert getattr(back, field) == getattr(region, field), field


def test_the_stroke_colour_is_seen_by_imagej(tmp_path: Path) -> None:
    path = write_rois(tmp_path / "a.zip", Region.from_mask([[1]]), colour=(255, 128, 0))
    colour = read_zip_in_imagej(path)[0].getStrokeColor()
    assert (colour.getRed(), colour.getGreen(), colour.getBlue()) == (255, 128, 0)


def test_selections_that_users_draw_become_regions() -> None:
    roi = java_class("ij.gui.Roi")(3, 4, 5, 6)
    assert from_roi(roi).bbox_xyxy == (3, 4, 8, 10)
    assert from_roi(roi, shape=(20, 20)).mask().sum() == 30
    oval = from_roi(java_class("ij.gui.OvalRoi")(0, 0, 20, 10))
    assert oval.area == pytest.approx(np.pi * 50, rel=0.05)
    assert roi_mask(roi, (6, 6)).sum() == 6
    assert roi_mask(roi, (2, 2)).sum() == 0


def test_points_and_lines_have_no_area() -> None:
    image = java_class("ij.gui.ImageRoi")(0, 0, java_class("ij.process.ByteProcessor")(7, 5))
    text = java_class("ij.gui.TextRoi")(0, 0, "a text")
    for roi in (java_class("ij.gui.PointRoi")(3, 4), java_class("ij.gui.Line")(0, 0, 5, 5), text, image):
        with pytest.raises(InputError, match="has no area"):
            from_roi(roi)
    with pytest.raises(InputError, match=r"ij\.gui\.Roi is needed, not a str"):
        from_roi("roi")


def test_an_empty_region_makes_no_roi() -> None:
    with pytest.raises(InputError, match="is empty"):
        to_roi(Region.from_mask(np.zeros((3, 3)), name="nothing"))


def test_unequal_lists_are_not_compared() -> None:
    with pytest.raises(InputError, match="1 regions can't be compared with 0 ROIs"):
        count_mismatches([Region.from_mask([[1]])], [], (3, 3))


def test_a_difference_is_counted() -> None:
    region, other = Region.from_mask([[1, 1, 0]]), Region.from_mask([[0, 1, 1]])
    assert count_mismatches([region], [to_roi(other)], (1, 3)) == 2


def test_files_that_are_no_roi_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_zip_in_imagej(tmp_path / "missing.zip")
    (tmp_path / "bad.zip").write_bytes(b"hello")
    with pytest.raises(FileError, match="is no ROI file"):
        read_zip_in_imagej(tmp_path / "bad.zip")
    (tmp_path / "bad.roi").write_bytes(b"hello")
    with pytest.raises((FileError, FijiError), match=r"bad\.roi"):
        read_zip_in_imagej(tmp_path / "bad.roi")


def test_imagejs_other_rois_are_read_by_it(tmp_path: Path) -> None:
    oval = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.OVAL, left=1, top=2, right=21, bottom=12)
    oval.tofile(tmp_path / "a.roi")
    (roi,) = read_zip_in_imagej(tmp_path / "a.roi")
    assert from_roi(roi).bbox_xyxy == (1, 2, 21, 12)


def test_labels_are_read_by_imagej_and_show_the_right_values(tmp_path: Path) -> None:
    from samj_bridge.export import write_labels
    from samj_bridge.fiji import open_image, pixels_of

    regions = [Region.from_mask([[1, 1, 0]], score=0.5), Region.from_mask([[0, 1, 1]], score=0.9)]
    imp = open_image(write_labels(tmp_path / "a.tif", regions))
    assert pixels_of(imp).tolist() == [[1, 2, 2]]
    assert imp.getBitDepth() == 16
