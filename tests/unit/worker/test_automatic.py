"""Objects from maps, without a network: against a queue of pixels, and where there is nothing to be found."""

import heapq

import numpy as np
import pytest

from samj_bridge.worker.automatic.distances import Thresholds, objects
from samj_bridge.worker.automatic.flooding import flood
from samj_bridge.worker.automatic.merging import laid_down, suppressed
from samj_bridge.worker.automatic.passes import lowest_passes
from samj_bridge.worker.automatic.prompts import points
from samj_bridge.worker.automatic.smoothing import gaussian
from samj_bridge.worker.everything.masks import found_in
from samj_bridge.worker.families.base import SoftMask


def by_queue(heights, seeds, mask):
    """Flood pixel by pixel, lowest first, the older first among equals."""
    labels, heap = np.zeros(heights.shape, int), []
    for y, x in np.argwhere((seeds > 0) & mask).tolist():
        labels[y, x] = seeds[y, x]
        heapq.heappush(heap, (heights[y, x], len(heap), y, x))
    pushed = len(heap)
    while heap:
        level, _, y, x = heapq.heappop(heap)
        for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            inside = 0 <= v < heights.shape[0] and 0 <= u < heights.shape[1]
            if inside and mask[v, u] and not labels[v, u]:
                labels[v, u] = labels[y, x]
                pushed += 1
                heapq.heappush(heap, (max(level, heights[v, u]), pushed, v, u))
    return labels


def random_case(rng, heights):
    shape = heights.shape
    mask = rng.random(shape) < rng.choice([0.6, 0.9, 1.1])
    chosen = rng.random(shape) < rng.choice([0.003, 0.02, 0.2])
    return np.where(chosen, rng.integers(1, 2**20, shape), 0).astype(np.int32), mask


def test_water_comes_as_from_a_queue_of_pixels():
    rng = np.random.default_rng(1)
    for _ in range(150):
        shape = tuple(rng.integers(1, 40, 2))
        heights = gaussian(rng.random(shape, dtype=np.float32), float(rng.choice([0, 0.7, 2.0])))
        seeds, mask = random_case(rng, heights)
        assert np.array_equal(flood(heights, seeds, mask), by_queue(heights, seeds, mask))


def test_on_plateaus_every_pixel_is_reached_that_a_queue_reaches():
    rng = np.random.default_rng(2)
    for _ in range(150):
        heights = rng.integers(0, 4, rng.integers(1, 40, 2)).astype(np.float32)
        seeds, mask = random_case(rng, heights)
        found, expected = flood(heights, seeds, mask), by_queue(heights, seeds, mask)
        assert np.array_equal(found > 0, expected > 0)
        assert set(np.unique(found)) <= {0, *np.unique(seeds[mask])}


def test_on_a_plain_the_nearer_seed_gets_the_pixel():
    seeds = np.zeros((5, 31), np.int32)
    seeds[2, 0], seeds[2, 20] = 1, 2
    found = flood(np.ones((5, 31), np.float32), seeds, np.ones((5, 31), bool))
    assert set(found[:, :10].ravel()) == {1}
    assert set(found[:, 11:].ravel()) == {2}


def test_a_wide_plain_and_a_long_way_are_walked_through():
    seeds = np.zeros((300, 300), np.int32)
    seeds[0, 0] = 7
    assert (flood(np.zeros((300, 300), np.float32), seeds, np.ones((300, 300), bool)) == 7).all()
    snake = np.zeros((99, 99), bool)
    snake[::2] = True
    snake[1::4, -1] = snake[3::4, 0] = True
    rough = np.random.default_rng(3).random((99, 99), dtype=np.float32)
    found = flood(rough, seeds[:99, :99], snake)
    assert ((found == 7) == snake).all()


def test_the_sea_is_reached_over_the_lowest_pass():
    passes = np.array([[0, 1, 9], [1, 2, 1], [2, 3, 4], [3, 0, 6], [4, 5, 2], [3, 3, 0]])
    one, other, heights = passes[:, 0], passes[:, 1], passes[:, 2].astype(np.float32)
    assert lowest_passes(one, other, heights, 6).tolist() == [-np.inf, 6, 6, 6, np.inf, np.inf]


@pytest.mark.parametrize("sigma", [0.4, 1.0, 1.6, 2.2])
@pytest.mark.parametrize("shape", [(50, 70), (3, 80), (1, 9), (1, 1), (130, 65)])
def test_the_gaussian_is_cut_at_three_sigma_over_a_mirror_without_its_edge(sigma, shape):
    image = np.random.default_rng(4).random(shape, dtype=np.float32)
    radius = int(np.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    padded = np.pad(image.astype(np.float64), radius, "reflect")
    rows = np.array([np.convolve(row, taps, "valid") for row in padded])
    expected = np.array([np.convolve(column, taps, "valid") for column in rows.T]).T
    assert np.abs(gaussian(image, sigma) - expected).max() < 1e-6


def disc_maps(shape, discs):
    """Maps of discs (x, y, radius) as a network would give them."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    maps = np.stack([np.zeros(shape), np.ones(shape), np.ones(shape)])
    for cx, cy, radius in discs:
        far = np.hypot(x - cx, y - cy) / radius
        inside = far <= 1
        maps[0][inside] = 1
        maps[1:, inside] = np.minimum(maps[1:, inside], far[inside])
    return maps.astype(np.float32)


def test_touching_objects_are_told_apart_and_small_ones_go():
    maps = disc_maps((60, 90), [(20, 30, 15), (50, 30, 15), (80, 10, 4)])
    labels = objects(maps, Thresholds())
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]
    # Numbered by the first pixel of the seed, from the top.
    assert (labels[10, 80], labels[30, 20], labels[30, 50]) == (1, 2, 3)
    kept = objects(maps, Thresholds(min_size=100))
    assert (kept[10, 80], kept[30, 20], kept[30, 50]) == (0, 1, 2)


def test_the_maps_are_left_as_they_are_and_the_same_comes_out_again():
    maps = disc_maps((60, 90), [(20, 30, 15), (50, 30, 15)])
    before = maps.copy()
    first, second = objects(maps, Thresholds()), objects(maps, Thresholds())
    assert np.array_equal(first, second)
    assert np.array_equal(maps, before)


def test_thousands_of_objects_are_all_found_each_with_its_point():
    # 20,000 of them, of which each touches its neighbours.
    one = disc_maps((11, 11), [(5, 5, 5.4)])
    maps = np.tile(one, (1, 100, 200))
    labels = objects(maps, Thresholds(foreground_smoothing=0, distance_smoothing=0))
    assert labels.max() == 20_000
    assert (np.bincount(labels.ravel())[1:] == np.count_nonzero(one[0])).all()
    found = points(maps)
    assert len(np.unique(found, axis=0)) == 20_000
    assert (found % 11 == 5).all()


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_maps_without_objects_have_none(level):
    maps = np.full((3, 20, 30), level, np.float32)
    assert not objects(maps, Thresholds()).any()
    assert len(points(maps)) == 0


def test_a_point_lies_where_its_seed_is_widest():
    found = points(disc_maps((60, 90), [(20, 30, 15), (50, 30, 15)]))
    assert found.tolist() == [[20, 30], [50, 30]]


def test_a_seed_on_the_border_gets_its_first_pixel():
    maps = disc_maps((20, 20), [])
    maps[0, 0, 4:9], maps[1:, 0, 4:9] = 1, 0
    assert points(maps).tolist() == [[4, 0]]
    # As the authors' code has it: of its box, even where that is beside it.
    corner = disc_maps((20, 20), [])
    for y, x in ((18, 19), (19, 19), (19, 18)):
        corner[0, y, x], corner[1:, y, x] = 1, 0
    assert points(corner).tolist() == [[18, 18]]


def piece(mask, x, y, score=1.0):
    """A mask in an image of 60 x 60 pixels."""
    soft = SoftMask(np.where(mask, np.float32(8), np.float32(-8)), (x, y))
    return found_in(soft, score, 1.0, (0.0, 0.0), (0, 0, 60, 60))


def square(x, y, side, score):
    return piece(np.ones((side, side), bool), x, y, score)


def test_of_two_masks_that_are_nearly_the_same_the_better_one_stays():
    same = [square(5, 5, 20, 0.7), square(5, 5, 20, 0.9), square(40, 40, 20, 0.5), square(0, 0, 5, 1.0)]
    kept = suppressed(same, [one.score for one in same], 25, 0.9)
    assert [same[i].score for i in kept] == [0.9, 0.5]


def test_of_many_masks_those_go_that_go_when_each_pair_is_looked_at():
    rng = np.random.default_rng(5)
    for over_smaller in (False, True):
        masks = []
        for _ in range(80):
            side = int(rng.integers(4, 12))
            masks.append(piece(rng.random((side, side)) < 0.8, *rng.integers(0, 25, 2).tolist()))
            masks.append(piece(masks[-1].mask & (rng.random(masks[-1].mask.shape) < 0.95), *masks[-1].origin_xy))
        scores, full = rng.random(len(masks)), np.zeros((len(masks), 60, 60), bool)
        for canvas, one in zip(full, masks, strict=True):
            (x, y), (height, width) = one.origin_xy, one.mask.shape
            canvas[y : y + height, x : x + width] = one.mask
        expected = []
        for i in np.argsort(-scores):
            if masks[i].area > 25 and not any(overlap(full[i], full[j], over_smaller) > 0.7 for j in expected):
                expected.append(int(i))
        assert suppressed(masks, scores, 25, 0.7, over_smaller=over_smaller) == expected
        assert len(expected) < sum(one.area > 25 for one in masks)


def overlap(one, other, over_smaller):
    shared = np.count_nonzero(one & other)
    return shared / (min(one.sum(), other.sum()) if over_smaller else np.count_nonzero(one | other))


def test_a_smaller_mask_gets_what_a_larger_one_leaves():
    labels, owners = laid_down([square(10, 10, 10, 1.0), square(0, 0, 15, 0.1)], (30, 30), 1)
    assert owners == [1, 0]
    assert labels[12, 12] == labels[0, 0] == 1
    assert labels[18, 18] == 2
    assert np.count_nonzero(labels == 2) == 75


def test_what_is_cut_in_two_is_two_objects():
    bar = piece(np.ones((4, 30), bool), 0, 10)
    labels, owners = laid_down([bar, square(10, 5, 12, 1.0)], (30, 30), 5)
    assert len(np.unique(labels)) == 4
    assert sorted(owners) == [0, 0, 1]
