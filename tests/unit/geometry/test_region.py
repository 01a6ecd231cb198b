"""Region: the pixels and the outline of one object are the same thing."""

from __future__ import annotations

import numpy as np
import pytest
from hard_masks import HARD_MASKS, masks
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from samj_bridge.geometry.region import Region


@given(masks())
def test_from_mask_and_mask_are_each_others_inverse(mask: NDArray[np.bool_]) -> None:
    region = Region.from_mask(mask)
    assert region.shape == mask.shape
    assert np.array_equal(region.mask(), mask)
    assert region.area == mask.sum()
    assert region.is_empty == (not mask.any())


@given(masks(), st.integers(-9, 9), st.integers(-9, 9))
def test_a_crop_and_its_origin_give_the_same_region(mask: NDArray[np.bool_], x: int, y: int) -> None:
    region = Region.from_mask(mask, origin_xy=(x, y), shape=(40, 40))
    crop, origin = region.crop()
    again = Region.from_mask(crop, origin_xy=origin, shape=(40, 40))
    assert [ring.tolist() for ring in again.rings] == [ring.tolist() for ring in region.rings]
    x0, y0, x1, y1 = region.bbox_xyxy
    assert crop.shape == (y1 - y0, x1 - x0)
    assert crop.sum() == region.area == mask.sum()


@given(masks(), st.integers(-9, 9), st.integers(-9, 9))
def test_within_a_box_are_the_pixels_of_the_image_there(mask: NDArray[np.bool_], x: int, y: int) -> None:
    region = Region.from_mask(mask, origin_xy=(9, 9))
    padded = np.pad(mask, ((20, 60), (20, 60)))
    box = (x + 9, y + 9, x + 9 + 17, y + 9 + 12)
    wanted = padded[y + 20 : y + 32, x + 20 : x + 37]
    assert np.array_equal(region.within(box), wanted)


@given(masks())
def test_centroid_is_the_mean_of_the_pixel_centres(mask: NDArray[np.bool_]) -> None:
    region = Region.from_mask(mask)
    if region.is_empty:
        assert np.isnan(region.centroid_xy).all()
    else:
        y, x = np.nonzero(mask)
        assert region.centroid_xy == pytest.approx((x.mean() + 0.5, y.mean() + 0.5))


def test_a_region_far_out_in_a_huge_image_is_small_work() -> None:
    region = Region.from_mask(np.ones((3, 2)), origin_xy=(1_000_000_000, 2_000_000_000))
    assert region.area == 6
    assert region.centroid_xy == (1_000_000_001.0, 2_000_000_001.5)
    assert region.crop()[0].shape == (3, 2)


def test_without_a_shape_the_mask_reaches_as_far_as_the_region() -> None:
    region = Region.from_mask(np.ones((2, 3)), origin_xy=(4, 1))
    assert region.shape is None
    assert region.mask().shape == (3, 7)
    assert region.mask((2, 5)).sum() == 1


def test_a_region_partly_outside_its_image_is_cut_off_in_the_mask_only() -> None:
    region = Region.from_mask(np.ones((4, 4)), origin_xy=(-2, 8), shape=(10, 10))
    assert region.mask().sum() == 4
    assert region.area == 16


def test_fields_pass_through_from_mask() -> None:
    region = Region.from_mask(
        [[1]], score=0.5, name="a", model="m", position=(1, 2, 3), candidate=1, prompt_index=7
    )
    assert (region.score, region.name, region.model, region.position) == (0.5, "a", "m", (1, 2, 3))
    assert (region.candidate, region.prompt_index) == (1, 7)


def test_the_outline_of_a_traced_region_can_not_be_written_to() -> None:
    region = Region.from_mask(HARD_MASKS["ring"])
    with pytest.raises(ValueError, match="read-only"):
        region.rings[0][0, 0] = 9


def test_lists_of_rings_become_tuples_of_int32() -> None:
    region = Region([np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.int64)], shape=[3, 3])  # type: ignore[arg-type]
    assert isinstance(region.rings, tuple)
    assert region.rings[0].dtype == np.int32
    assert region.shape == (3, 3)
    assert region.mask().sum() == 4


@pytest.mark.parametrize(
    ("rings", "shape", "error", "words"),
    [
        ([np.zeros((2, 2), int)], None, ValueError, "at least 3 vertices, this one has 2"),
        ([np.zeros((0, 2), int)], None, ValueError, "this one has 0"),
        ([np.array([[0, 0], [2**40, 0], [1, 1]])], None, ValueError, "32 bits"),
        ([np.zeros((4, 2))], None, TypeError, "whole numbers"),
        ([], (1, 2, 3), TypeError, r"\(height, width\)"),
        ([], (-1, 2), ValueError, "negative"),
    ],
)
def test_what_is_no_outline_is_refused(
    rings: list[object], shape: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Region(tuple(rings), shape=shape)  # type: ignore[arg-type]
