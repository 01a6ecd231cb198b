"""The laws of outlines: mask -> rings -> mask is the identity, for every mask."""

from __future__ import annotations

import numpy as np
import pytest
from hard_masks import HARD_MASKS, masks
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from samj_bridge.geometry.components import label_components
from samj_bridge.geometry.measure import area, signed_areas
from samj_bridge.geometry.normalise import normalise
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.trace import trace


def check_laws(mask: NDArray[np.bool_]) -> None:
    rings = trace(mask)
    assert np.array_equal(rasterise(rings, mask.shape), mask)
    assert area(rings) == mask.sum()
    for ring in rings:
        assert ring.dtype == np.int32
        assert len(ring) >= 4
        steps = np.roll(ring, -1, axis=0) - ring
        assert ((steps == 0).sum(axis=1) == 1).all(), "edges are horizontal or vertical, none is empty"
        assert (steps[0::2, 1] == 0).all()
        assert (steps[1::2, 0] == 0).all(), "horizontal and vertical edges alternate: no collinear vertices"
        first = np.lexsort((np.minimum(ring[0::2, 0], ring[1::2, 0]), ring[0::2, 1]))[0]
        assert first == 0, "a ring starts with its topmost, then leftmost horizontal edge"
    # 4-connected: as many exteriors as parts; 8-connected background: as many holes as it has parts inside.
    signs = signed_areas(rings)
    assert (signs > 0).sum() == label_components(mask)[1]
    for ring, sign in zip(rings, signs, strict=True):
        alone = rasterise([ring], mask.shape)
        assert alone.sum() == abs(sign)
        if sign < 0:
            others = [other for other, s in zip(rings, signs, strict=True) if s > 0]
            assert any((rasterise([other], mask.shape) & alone).sum() == alone.sum() for other in others)


@pytest.mark.parametrize("name", HARD_MASKS)
def test_hard_masks_obey_the_laws_of_outlines(name: str) -> None:
    check_laws(HARD_MASKS[name])


@given(masks())
@settings(max_examples=300)
def test_random_masks_obey_the_laws_of_outlines(mask: NDArray[np.bool_]) -> None:
    check_laws(mask)


@given(masks(8), st.integers(-50, 50), st.integers(-50, 50))
def test_an_origin_moves_the_outline_and_nothing_else(mask: NDArray[np.bool_], x: int, y: int) -> None:
    moved, still = trace(mask, (x, y)), trace(mask)
    assert len(moved) == len(still)
    assert all(np.array_equal(a, b + np.array([x, y])) for a, b in zip(moved, still, strict=True))
    assert np.array_equal(rasterise(moved, mask.shape, (x, y)), mask)


@given(masks(8), st.integers(-12, 12), st.integers(-12, 12), st.integers(0, 15), st.integers(0, 15))
def test_what_lies_outside_the_shape_is_cut_off(
    mask: NDArray[np.bool_], x: int, y: int, height: int, width: int
) -> None:
    drawn = rasterise(trace(mask, (x, y)), (height, width))
    expected = np.zeros((height + 80, width + 80), bool)
    expected[40 + y : 40 + y + mask.shape[0], 40 + x : 40 + x + mask.shape[1]] = mask
    assert np.array_equal(drawn, expected[40 : 40 + height, 40 : 40 + width])


def test_a_pixel_touching_another_by_a_corner_is_a_ring_of_its_own() -> None:
    rings = trace(np.eye(2, dtype=bool))
    assert [ring.tolist() for ring in rings] == [
        [[0, 0], [1, 0], [1, 1], [0, 1]],
        [[1, 1], [2, 1], [2, 2], [1, 2]],
    ]


def test_exteriors_run_clockwise_on_screen_and_holes_the_other_way() -> None:
    outer, hole = trace(HARD_MASKS["ring"])
    assert outer.tolist() == [[0, 0], [5, 0], [5, 4], [0, 4]]
    assert hole.tolist() == [[4, 1], [1, 1], [1, 3], [4, 3]]


def test_numbers_count_as_foreground_where_they_are_not_zero() -> None:
    assert len(trace([[0, 255, 0, 7]])) == 2
    assert len(trace(np.array([[0.0, 0.5]]))) == 1


def test_any_memory_layout_is_traced_alike() -> None:
    mask = HARD_MASKS["disc with holes"]
    for same in (np.asfortranarray(mask), mask[::-1][::-1], np.kron(mask, np.ones((2, 2), bool))[::2, ::2]):
        for a, b in zip(trace(same), trace(mask), strict=True):
            assert np.array_equal(a, b)


def test_an_image_wider_than_16_bits_is_traced() -> None:
    mask = np.zeros((3, 70_000), bool)
    mask[1, ::2] = mask[0, 65_530:65_545] = True
    assert np.array_equal(rasterise(trace(mask), mask.shape), mask)


def test_a_large_noisy_mask_comes_back_exactly() -> None:
    mask = np.random.default_rng(1).random((1500, 1500)) < 0.5
    assert np.array_equal(rasterise(trace(mask), mask.shape), mask)


def test_hand_made_rings_may_have_collinear_and_repeated_vertices() -> None:
    ring = np.array([[0, 0], [1, 0], [2, 0], [2, 0], [2, 1], [2, 3], [0, 3], [0, 2], [0, 0]])
    assert rasterise([ring], (3, 4)).tolist() == [[True, True, False, False]] * 3


def test_oblique_edges_take_the_pixels_whose_centres_they_enclose() -> None:
    triangle = np.array([[0, 0], [8, 8], [0, 8]])
    y, x = np.mgrid[:8, :8] + 0.5
    drawn = rasterise([triangle], (8, 8))
    assert drawn[x < y].all()
    assert not drawn[x > y].any()


@pytest.mark.parametrize(
    ("mask", "error", "words"),
    [
        (np.zeros(4, bool), ValueError, r"two-dimensional \(Y, X\), not of shape \(4,\)"),
        (np.zeros((2, 2, 3), bool), ValueError, r"shape \(2, 2, 3\)"),
        (np.array([["a"]]), TypeError, "bools or numbers, not <U1"),
        (np.array([[None]]), TypeError, "not object"),
    ],
)
def test_what_is_no_mask_is_refused_in_words(mask: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        trace(mask)  # type: ignore[arg-type]


@given(masks(), st.integers(-9, 9))
def test_any_outline_of_the_same_pixels_becomes_the_traced_one(mask: NDArray[np.bool_], x: int) -> None:
    rings = trace(mask, (x, 5))
    worse = [np.repeat(np.roll(ring[::-1], 3, axis=0), 2, axis=0) for ring in reversed(rings)]
    assert [ring.tolist() for ring in normalise(worse)] == [ring.tolist() for ring in rings]


def test_outlines_far_apart_are_normalised_without_drawing_what_lies_between() -> None:
    far = np.array([[0, 0], [2, 0], [2, 2], [0, 2]])
    rings = normalise([far + 2**30, far, far - 2**30])
    assert [ring[0].tolist() for ring in rings] == [[-(2**30)] * 2, [0, 0], [2**30] * 2]
    assert normalise([np.array([[0, 0], [5, 0]])]) == ()


def test_oblique_outlines_are_traced_by_their_pixels_unless_they_are_huge() -> None:
    triangle = np.array([[0, 0], [8, 8], [0, 8]])
    (ring,) = normalise([triangle])
    assert np.array_equal(rasterise([ring], (8, 8)), rasterise([triangle], (8, 8)))
    with pytest.raises(ValueError, match="too large"):
        normalise([triangle * 10_000])


@pytest.mark.parametrize("origin", [(0.5, 0), (1,), "ab", None, (float("nan"), 0), (0, float("inf"))])
def test_an_origin_that_is_no_pixel_is_refused(origin: object) -> None:
    with pytest.raises(TypeError, match="two whole numbers"):
        trace(np.ones((2, 2), bool), origin)  # type: ignore[arg-type]


def test_coordinates_beyond_32_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="32-bit"):
        trace(np.ones((2, 2), bool), (2**31 - 2, 0))


@pytest.mark.parametrize(
    ("rings", "shape", "error", "words"),
    [
        ([np.zeros((4, 2))], (3, 3), TypeError, "whole numbers, not float64"),
        ([np.zeros((4, 3), int)], (3, 3), ValueError, r"\(n, 2\)"),
        ([], (-1, 3), ValueError, "neither negative"),
        ([], (3,), TypeError, r"\(height, width\)"),
    ],
)
def test_what_is_no_outline_or_shape_is_refused(
    rings: list[object], shape: tuple[int, ...], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        rasterise(rings, shape)  # type: ignore[arg-type]
