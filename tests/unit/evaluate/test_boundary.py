"""Outlines compared within a tolerance, against distances by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from samj_bridge.errors import InputError
from samj_bridge.evaluate import as_objects, boundary_scores
from samj_bridge.geometry.region import Region

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)


def boundary(image: NDArray[np.int64]) -> NDArray[np.bool_]:
    edge = np.zeros(image.shape, bool)
    for y, x in np.argwhere(image > 0):
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            there = y + dy, x + dx
            if 0 <= there[0] < image.shape[0] and 0 <= there[1] < image.shape[1]:
                edge[y, x] |= image[there] != image[y, x]
    return edge


def share(one: NDArray[np.bool_], other: NDArray[np.bool_], tolerance: float) -> float:
    if not one.any() or not other.any():
        return 0.0
    return float((distance_transform_edt(~other)[one] <= tolerance).mean())


@given(
    SHAPES.flatmap(lambda s: st.tuples(*[arrays(np.int64, s, elements=st.integers(0, 3))] * 2)),
    st.sampled_from([0.0, 0.9, 1.0, 1.5, 2.0, 3.7, 50.0]),
)
def test_a_boundary_pixel_is_right_if_one_of_the_other_side_is_near(
    images: tuple[NDArray[np.int64], NDArray[np.int64]], tolerance: float
) -> None:
    there, here = (boundary(image) for image in images)
    got = boundary_scores(*(as_objects(image) for image in images), tolerance)
    if not there.any() and not here.any():
        assert got == (1.0, 1.0, 1.0)
        return
    precision, recall = share(here, there, tolerance), share(there, here, tolerance)
    assert got[:2] == pytest.approx((precision, recall))
    total = precision + recall
    assert got[2] == pytest.approx(2 * precision * recall / total if total else 0.0)


@given(arrays(np.int64, SHAPES, elements=st.integers(0, 3)))
def test_regions_have_the_boundary_of_their_labels(image: NDArray[np.int64]) -> None:
    regions = [Region.from_mask(image == label) for label in np.unique(image[image > 0])]
    both = boundary_scores(as_objects(image), as_objects(regions, image.shape), 0.0)
    assert both == (1.0, 1.0, 1.0)


def test_a_tolerance_is_a_distance() -> None:
    nothing = as_objects(np.zeros((2, 2), int))
    for tolerance in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="distance"):
            boundary_scores(nothing, nothing, tolerance)
