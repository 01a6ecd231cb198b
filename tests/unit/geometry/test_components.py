"""Connected parts, checked against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hard_masks import HARD_MASKS, masks
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from samj_bridge.geometry.components import drop_small, fill_holes, keep_largest, label_components

EIGHT = np.ones((3, 3), bool)


@given(masks())
def test_parts_are_numbered_as_scipy_numbers_them(mask: NDArray[np.bool_]) -> None:
    labels, count = label_components(mask)
    expected, expected_count = ndimage.label(mask)
    assert count == expected_count
    assert labels.dtype == np.int32
    assert np.array_equal(labels, expected)


@given(masks())
def test_holes_are_what_diagonal_steps_do_not_leave(mask: NDArray[np.bool_]) -> None:
    filled = fill_holes(mask)
    assert np.array_equal(filled, ndimage.binary_fill_holes(mask, EIGHT))
    assert np.array_equal(fill_holes(filled), filled)


@given(masks(), st.integers(0, 12))
def test_small_parts_are_dropped_and_large_ones_kept_whole(mask: NDArray[np.bool_], least: int) -> None:
    labels, count = ndimage.label(mask)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    assert np.array_equal(drop_small(mask, least), mask & (areas >= least)[labels])


@given(masks())
def test_the_largest_part_is_kept(mask: NDArray[np.bool_]) -> None:
    labels, count = ndimage.label(mask)
    expected = mask
    if count:
        expected = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    assert np.array_equal(keep_largest(mask), expected)


@pytest.mark.parametrize("function", [fill_holes, keep_largest, lambda mask: drop_small(mask, 0)])
@pytest.mark.parametrize("name", HARD_MASKS)
def test_the_mask_handed_in_stays_as_it_is(name: str, function: object) -> None:
    mask = HARD_MASKS[name].copy()
    result = function(mask)  # type: ignore[operator]
    assert result.dtype == np.bool_
    assert result.shape == mask.shape
    result[...] = ~result
    assert np.array_equal(mask, HARD_MASKS[name])


def test_a_large_noisy_mask_is_labelled() -> None:
    mask = np.random.default_rng(2).random((1024, 1024)) < 0.59
    labels, count = label_components(mask)
    expected, expected_count = ndimage.label(mask)
    assert count == expected_count
    assert np.array_equal(labels, expected)


def test_what_is_no_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        label_components(np.zeros(3, bool))
