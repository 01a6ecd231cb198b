"""Label images, GeoJSON and overlays: what is special about each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hard_masks import HARD_MASKS, masks
from hypothesis import given
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.errors import ImageError, InputError
from samj_bridge.export.geojson import as_geojson, write_geojson
from samj_bridge.export.imagej_zip import read_rois, write_rois
from samj_bridge.export.labels import label_image, write_labels
from samj_bridge.export.overlay import draw_overlay, to_display, write_overlay
from samj_bridge.geometry.components import label_components
from samj_bridge.geometry.parts import split_parts
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.simplify import simplify


def pixel_rows(*scores: float | None) -> list[Region]:
    """Regions of two pixels each, every one overlapping the next by one."""
    shape = (1, len(scores) + 1)
    return [Region.from_mask([[1, 1]], origin_xy=(i, 0), shape=shape, score=s) for i, s in enumerate(scores)]


def test_the_higher_score_wins_an_overlap() -> None:
    assert label_image(pixel_rows(0.2, 0.9, 0.5)).tolist() == [[1, 2, 2, 3]]


def test_among_equal_scores_the_first_wins_and_no_score_loses() -> None:
    assert label_image(pixel_rows(0.5, 0.5, None, float("nan"))).tolist() == [[1, 1, 2, 3, 4]]


def test_many_regions_make_a_32_bit_label_image(tmp_path: Path) -> None:
    one = Region.from_mask([[1]])
    regions = [Region((), shape=(1, 2))] * 65_535 + [Region.from_mask([[1]], origin_xy=(1, 0), shape=(1, 2))]
    path = write_labels(tmp_path / "a.tif", [*regions, one], (1, 2))
    labels = tifffile.imread(path)
    assert labels.dtype == np.float32
    assert labels.tolist() == [[65_537, 65_536]]


def test_label_images_are_imagejs_and_show_all_labels(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "a.tiff", pixel_rows(0.1, 0.2, 0.3))
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert file.pages[0].dtype == np.uint16
        assert (file.imagej_metadata["min"], file.imagej_metadata["max"]) == (0, 3)


@pytest.mark.parametrize(
    ("regions", "shape", "words"),
    [
        ([], None, "none of the regions knows it"),
        ([Region((), shape=(1, 2)), Region((), shape=(2, 2))], None, r"images of \[\(1, 2\), \(2, 2\)\]"),
        ([], (0, 5), "no pixels"),
        ([], (-1, 5), "neither negative"),
        ([], "ab", "height, width"),
    ],
)
def test_a_label_image_needs_a_shape(regions: list[Region], shape: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        label_image(regions, shape)  # type: ignore[arg-type]


@given(masks())
def test_parts_are_an_exterior_with_its_holes(mask: NDArray[np.bool_]) -> None:
    region = Region.from_mask(mask)
    labels, count = label_components(mask)
    parts = split_parts(region.rings)
    assert len(parts) == count
    drawn = [rasterise(part, mask.shape) for part in parts]
    assert {part.tobytes() for part in drawn} == {(labels == n).tobytes() for n in range(1, count + 1)}


def test_simplified_outlines_are_split_by_their_boxes() -> None:
    mask = np.kron(HARD_MASKS["rings in rings"], np.ones((6, 6), bool))
    assert [len(part) for part in split_parts(simplify(Region.from_mask(mask).rings, 0.5))] == [2, 2]
    discs = np.hstack([HARD_MASKS["disc"], HARD_MASKS["disc"]])
    holed = discs & ~np.roll(np.kron(discs, [[1]])[::-1] & (np.indices(discs.shape)[1] % 41 == 20), 0)
    rings = simplify(Region.from_mask(holed).rings, 0.4)
    assert sum(len(part) for part in split_parts(rings)) == len(rings)


def test_geojson_has_closed_rings_scores_and_planes() -> None:
    region = Region.from_mask(
        HARD_MASKS["ring"], score=0.5, model="m", prompt={"points": [[1, 2]]}, position=(0, 3, 1), name="é"
    )
    (feature,) = as_geojson(region)["features"]
    geometry = feature["geometry"]
    assert geometry["type"] == "Polygon"
    outer, hole = geometry["coordinates"]
    assert outer == [[0, 0], [5, 0], [5, 4], [0, 4], [0, 0]]
    assert hole[0] == hole[-1]
    assert geometry["plane"] == {"c": -1, "z": 2, "t": 0}
    properties = feature["properties"]
    assert (properties["name"], properties["score"], properties["model"]) == ("é", 0.5, "m")
    assert properties["prompt"] == {"points": [[1, 2]]}
    assert "classification" not in properties


def test_the_class_of_a_region_is_in_the_geojson_as_qupath_has_it(tmp_path: Path) -> None:
    region = Region.from_mask(HARD_MASKS["ring"], class_name='axon "é" 漢')
    # By way of ImageJ's ROI zip, where classes usually come from.
    read = read_rois(write_rois(tmp_path / "a.zip", region))
    written = json.loads(write_geojson(tmp_path / "a.geojson", read).read_text("utf-8"))
    properties = written["features"][0]["properties"]
    assert properties["classification"] == {"name": 'axon "é" 漢'}
    assert properties["objectType"] == "annotation"
    assert not {"class", "class_name"} & properties.keys()


def test_small_images_are_enlarged_and_large_ones_are_not() -> None:
    assert draw_overlay(np.zeros((100, 80)), []).shape == (400, 320, 3)
    assert draw_overlay(np.zeros((512, 512)), []).shape == (1024, 1024, 3)
    assert draw_overlay(np.zeros((900, 1500)), []).shape == (900, 1500, 3)
    assert draw_overlay(np.zeros((20, 3000)), []).shape == (20, 3000, 3)


def test_neighbours_have_different_colours_and_keep_their_outlines() -> None:
    left, right = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    left[:, :20], right[:, 20:] = True, True
    canvas = draw_overlay(np.zeros((20, 40)), [Region.from_mask(left), Region.from_mask(right)], scale=3, fill=0)
    assert canvas[30, 59].any()
    assert canvas[30, 60].any()
    assert (canvas[30, 59] != canvas[30, 60]).any()
    assert not canvas[30, 30].any()


def test_numbers_are_drawn_where_they_are_wanted() -> None:
    region = Region.from_mask(HARD_MASKS["disc"])
    plain = draw_overlay(np.zeros((41, 41)), region, fill=0)
    numbered = draw_overlay(np.zeros((41, 41)), region, fill=0, numbers=True)
    assert (plain != numbered).any()
    assert (numbered == 255).all(axis=2).any()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_images_of_every_kind_are_shown(channels: int, dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (9, 8, channels)).astype(dtype)
    shown = to_display(pixels)
    assert shown.shape == (9, 8, 3)
    assert shown.dtype == np.uint8


def test_the_display_range_reaches_from_black_to_white_and_may_be_inverted() -> None:
    pixels = np.array([[0, 50, 100]], np.uint16)
    assert to_display(pixels, [(0, 100)])[0, :, 0].tolist() == [0, 128, 255]
    assert to_display(pixels, [(100, 0)])[0, :, 0].tolist() == [255, 128, 0]
    assert to_display(np.full((3, 3), 7)).max() == 0


def test_nan_and_infinity_are_shown_as_black_and_white() -> None:
    pixels = np.array([[np.nan, -np.inf, np.inf, 0.0, 1.0]])
    assert to_display(pixels)[0, :3, 0].tolist() == [0, 0, 255]
    assert to_display(np.full((2, 2), np.nan)).max() == 0


@pytest.mark.parametrize("pixels", [np.zeros((0, 5)), np.zeros(4), np.zeros((2, 2, 2, 2)), np.array([["a"]]), None])
def test_what_is_no_image_is_refused(pixels: object, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image"):
        write_overlay(tmp_path / "a.png", pixels, [])  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [{"scale": 0}, {"scale": 1.5}, {"fill": 2}, {"fill": float("nan")}, {"ranges": [(0, 1), (0, 1)]}]
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        draw_overlay(np.zeros((3, 3)), [], **options)  # type: ignore[arg-type]


def test_a_thirty_thousand_pixels_wide_strip_is_drawn(tmp_path: Path) -> None:
    region = Region.from_mask(np.ones((5, 25_000)), origin_xy=(10, 3), shape=(20, 30_000))
    path = write_overlay(tmp_path / "a.png", np.zeros((20, 30_000), np.uint8), region)
    with Image.open(path) as picture:
        assert picture.size == (30_000, 20)


def test_qupath_gets_numbers_as_measurements_and_texts_as_metadata() -> None:
    region = Region.from_mask(np.eye(3), score=0.75, model="starter", prompt={"box": [0, 0, 3, 3]})
    empty = Region.from_mask(np.zeros((3, 3)))
    (feature,) = as_geojson([empty, region])["features"]
    assert feature["properties"]["measurements"] == {"SAMJ score": 0.75, "SAMJ label": 2}
    metadata = feature["properties"]["metadata"]
    assert (metadata["SAMJ model"], json.loads(metadata["SAMJ prompt"])["box"]) == ("starter", [0, 0, 3, 3])
    assert all(isinstance(value, str) for value in metadata.values())
