"""Matching found objects with true ones, against the definition written out with SciPy."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from samj_bridge.errors import InputError
from samj_bridge.evaluate import (
    THRESHOLDS,
    as_objects,
    dice_of_union,
    iou,
    match,
    mean_best_iou,
    overlaps,
    pool,
    regions_of,
)
from samj_bridge.geometry.region import Region

pytestmark = pytest.mark.filterwarnings("error")

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)


@st.composite
def two_label_images(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    shape = draw(SHAPES)
    # Few labels on few pixels: halves, thirds and ties are the rule.
    labels = arrays(np.int64, shape, elements=st.integers(0, 4))
    return draw(labels), draw(labels)


def by_definition(
    true: NDArray[np.int64], found: NDArray[np.int64], threshold: float
) -> tuple[int, int, int, float]:
    there, here = np.unique(true[true > 0]), np.unique(found[found > 0])
    table = np.zeros((len(there), len(here)))
    allowed = np.zeros_like(table, bool)
    for a, one in enumerate(there):
        for b, other in enumerate(here):
            shared = int(((true == one) & (found == other)).sum())
            union = int(((true == one) | (found == other)).sum())
            table[a, b] = shared / union
            allowed[a, b] = Fraction(shared, union) >= Fraction(str(threshold))
    # A pair counts more than all that IoU can add.
    rows, columns = linear_sum_assignment(np.where(allowed, 1000 + table, 0), maximize=True)
    pairs = [(a, b) for a, b in zip(rows, columns, strict=True) if allowed[a, b]]
    tp = len(pairs)
    return tp, len(here) - tp, len(there) - tp, sum(table[pair] for pair in pairs)


@given(two_label_images(), st.sampled_from([0.01, 0.1, 0.25, 0.3, 0.5, 0.55, 0.75, 1.0]))
def test_a_match_is_what_its_definition_says(
    images: tuple[NDArray[np.int64], NDArray[np.int64]], threshold: float
) -> None:
    (got,) = match(*images, [threshold])
    tp, fp, fn, iou_sum = by_definition(*images, threshold)
    assert (got.tp, got.fp, got.fn) == (tp, fp, fn)
    assert got.iou_sum == pytest.approx(iou_sum)
    assert len({a for a, _ in got.pairs}) == len({b for _, b in got.pairs}) == tp


@given(two_label_images())
def test_regions_and_labels_give_the_same(images: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
    expected = match(*images)
    sides = [[Region.from_mask(image == label) for label in np.unique(image[image > 0])] for image in images]
    shape = images[0].shape
    for true in (images[0], sides[0]):
        for found in (images[1], sides[1]):
            # Regions take the shape of the labels beside them.
            got = match(true, found, shape=shape if true is sides[0] and found is sides[1] else None)
            assert [(m.tp, m.fp, m.fn) for m in got] == [(m.tp, m.fp, m.fn) for m in expected]
            assert [m.iou_sum for m in got] == pytest.approx([m.iou_sum for m in expected])
            pairs = overlaps(as_objects(true, shape), as_objects(found, shape))
            assert sorted(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)) == list(
                zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)
            )


@given(two_label_images(), st.integers(2, 2**40))
def test_numbering_and_types_do_not_matter(
    images: tuple[NDArray[np.int64], NDArray[np.int64]], factor: int
) -> None:
    expected = [(m.tp, m.fp, m.fn, m.iou_sum) for m in match(*images)]
    sparse = match(images[0] * factor, (images[1] * 7).astype(np.float32))
    assert [(m.tp, m.fp, m.fn, m.iou_sum) for m in sparse] == expected
    turned = match(images[1], images[0])
    assert [(m.tp, m.fn, m.fp) for m in turned] == [one[:3] for one in expected]


def test_an_iou_that_is_a_threshold_exactly_counts_at_every_one() -> None:
    for step in range(1, 21):
        true, found = np.zeros((1, 20), np.uint8), np.zeros((1, 20), np.uint8)
        true[0, :step], found[0] = 1, 1
        (at,) = match(true, found, [0.05 * step])
        assert at.tp == 1, step
        if step < 20:
            (above,) = match(true, found, [0.05 * step + 0.001])
            assert above.tp == 0, step


def test_two_halves_of_an_object_are_one_hit_and_one_too_many() -> None:
    (half,) = match(np.ones((1, 4), int), np.array([[1, 1, 2, 2]]), [0.5])
    assert (half.tp, half.fp, half.fn) == (1, 1, 0)


def test_more_pairs_go_before_better_ones() -> None:
    # A takes B's only partner if it is greedy.
    true = np.array([[1, 1, 1, 1, 2, 2]])
    found = np.array([[2, 2, 1, 1, 1, 1]])
    (low,) = match(true, found, [0.3])
    assert low.tp == 2
    assert low.pairs == ((1, 2), (2, 1))


@pytest.mark.parametrize(
    ("true", "found", "scores"),
    [
        ([[0, 0]], [[0, 0]], (1.0, 1.0, 1.0, 1.0, 1.0)),
        ([[1, 0]], [[0, 0]], (0.0, 0.0, 0.0, 0.0, 0.0)),
        ([[0, 0]], [[0, 5]], (0.0, 0.0, 0.0, 0.0, 0.0)),
        # Without any background.
        ([[1, 2]], [[9, 4]], (1.0, 1.0, 1.0, 1.0, 1.0)),
        # One label in two pieces is one object.
        ([[1, 0, 1]], [[1, 0, 0]], (1.0, 1.0, 1.0, 1.0, 0.5)),
    ],
)
def test_empty_images_and_odd_labels(
    true: list[list[int]], found: list[list[int]], scores: tuple[float, ...]
) -> None:
    (half,) = match(np.array(true), np.array(found), [0.5])
    assert (half.accuracy, half.precision, half.recall, half.f1, half.pq) == scores


def test_truth_values_are_one_object_and_very_many_are_many() -> None:
    (one,) = match(np.eye(4, dtype=bool), np.eye(4, dtype=np.uint8), [1.0])
    assert one.tp == 1
    many = np.arange(300 * 300).reshape(300, 300).astype(np.uint32)
    (all_of_them,) = match(many, many.T.copy().T, [1.0])
    assert all_of_them.tp == 300 * 300 - 1


def test_means_over_images_and_sums_over_objects_differ_and_both_can_be_had() -> None:
    one, other = np.array([[1, 2, 3, 4]]), np.array([[1, 0, 0, 0]])
    matches = [match(one, one, [0.5])[0], match(other, np.roll(other, 1), [0.5])[0]]
    assert pool(matches).accuracy == 4 / 6
    assert np.mean([m.accuracy for m in matches]) == 0.5
    assert pool(matches).count_error == 0
    with pytest.raises(InputError, match="one threshold"):
        pool([match(one, one, [0.5])[0], match(one, one, [0.6])[0]])


def test_dice_and_mean_best_iou() -> None:
    true, found = as_objects(np.array([[1, 1, 2, 2, 0]])), as_objects(np.array([[3, 3, 3, 0, 0]]))
    assert dice_of_union(true, found) == 6 / 7
    assert mean_best_iou(overlaps(true, found)) == pytest.approx((2 / 3 + 1 / 4) / 2)
    nothing = as_objects(np.zeros((1, 5), int))
    assert dice_of_union(nothing, nothing) == 1.0
    assert mean_best_iou(overlaps(true, nothing)) == 0.0
    assert math.isnan(mean_best_iou(overlaps(nothing, true)))


def test_regions_may_overlap_and_lie_partly_outside() -> None:
    whole = Region.from_mask(np.ones((2, 4), bool))
    left = Region.from_mask(np.ones((2, 2), bool))
    outside = Region.from_mask(np.ones((2, 4), bool), origin_xy=(-2, 0))
    gone = Region.from_mask(np.ones((2, 2), bool), origin_xy=(10, 0))
    objects = as_objects([whole, left, outside, gone], (2, 4))
    assert objects.areas.tolist() == [8, 4, 4]
    assert objects.foreground().all()
    (half,) = match([whole, left], objects, [0.5])
    assert (half.tp, half.fp, half.fn, half.iou_sum) == (2, 1, 0, 2.0)


@pytest.mark.parametrize(
    ("thing", "code"),
    [
        (np.zeros((4, 4, 3), np.uint8), "labels"),
        (np.array([[0.5]]), "labels"),
        (np.array([[np.nan]]), "labels"),
        (np.array([[np.inf]]), "labels"),
        (np.array([[-1]]), "labels"),
        (np.array([["a"]]), "labels"),
        ([1, 2], "labels"),
        (3, "labels"),
        ([], "shape-missing"),
    ],
)
def test_what_is_no_label_image_is_refused_in_words(thing: object, code: str) -> None:
    with pytest.raises(InputError) as caught:
        as_objects(thing)
    assert caught.value.code == code
    assert caught.value.hint


def test_other_sizes_and_thresholds_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 x 3 .* 3 x 2"):
        match(np.zeros((2, 3), int), np.zeros((3, 2), int))
    for threshold in (0, -0.5, 1.1, math.nan, math.inf, "half"):
        with pytest.raises(InputError, match="threshold"):
            match(np.zeros((1, 1), int), np.zeros((1, 1), int), [threshold])  # type: ignore[list-item]


def test_the_thresholds_are_the_fields() -> None:
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@given(two_label_images())
def test_the_iou_of_regions_is_that_of_their_pixels(images: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
    true, found = images
    there, here = as_objects(true), as_objects(found)
    for label, one in zip(there.labels, regions_of(there), strict=True):
        for number, other in zip(here.labels, regions_of(here), strict=True):
            union = int(((true == label) | (found == number)).sum())
            assert iou(one, other) == int(((true == label) & (found == number)).sum()) / union
    nothing = Region((), shape=true.shape)
    assert iou(nothing, nothing) == 1.0
    assert all(iou(one, nothing) == 0.0 for one in regions_of(there))
