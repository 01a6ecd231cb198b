"""The parts of everything mode, each against a slow and plain reference."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from samj_bridge.worker.everything.boxes import box_of, cut_by_crop, suppress
from samj_bridge.worker.everything.exact import find_all, generate
from samj_bridge.worker.everything.fast import find_fast
from samj_bridge.worker.everything.grid import crops, grid_points
from samj_bridge.worker.everything.masks import found_in, mended, stability
from samj_bridge.worker.everything.parameters import Parameters
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.families.base import SoftMask

boxes_strategy = st.lists(
    st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(0, 12)] * 2).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    max_size=25,
)


def plain_nms(boxes, scores, limit):
    order = sorted(range(len(boxes)), key=lambda i: -np.float32(scores[i]))
    kept = []
    for i in order:
        if all(not plain_iou(boxes[i], boxes[j]) > limit for j in kept):
            kept.append(i)
    return kept


def plain_iou(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    union = np.float32(areas - width * height)
    return float(np.float32(width * height) / union) if union else math.nan


@given(boxes_strategy, st.data(), st.sampled_from([0.3, 0.5, 0.7, 0.95]))
def test_suppression_is_the_greedy_one(boxes, data, limit):
    scores = data.draw(st.lists(st.sampled_from([0.1, 0.5, 0.9]), min_size=len(boxes), max_size=len(boxes)))
    assert suppress(boxes, scores, limit) == plain_nms(boxes, scores, limit)


def test_an_overlap_of_exactly_the_limit_stays():
    half = [(0, 0, 10, 10), (0, 0, 10, 5)]
    assert suppress(half, [0.9, 0.8], 0.5) == [0, 1]
    assert suppress(half, [0.9, 0.8], 0.4999) == [0]
    assert suppress([(0, 0, 0, 0)] * 3, [0.1, 0.1, 0.1], 0.7) == [0, 1, 2]
    assert suppress([], [], 0.7) == []


@given(st.integers(1, 40), st.tuples(st.integers(1, 300), st.integers(1, 300)))
def test_the_grid_divides_the_image_evenly_and_runs_along_its_rows(per_side, shape):
    points = grid_points(per_side, shape)
    expected = [
        ((i + 0.5) / per_side * shape[1], (j + 0.5) / per_side * shape[0])
        for j in range(per_side)
        for i in range(per_side)
    ]
    np.testing.assert_allclose(points, expected, rtol=1e-12)


@given(
    st.tuples(st.integers(8, 400), st.integers(8, 400)), st.integers(0, 3), st.sampled_from([0, 0.2, 512 / 1500])
)
def test_crops_cover_the_image_and_stay_inside(shape, layers, ratio):
    found = crops(shape, layers, ratio)
    if min(shape) > 100:
        assert [layer for _, layer in found] == [n for n in range(layers + 1) for _ in range(4**n)]
    for layer in range(layers + 1):
        seen = np.zeros(shape, int)
        for (x0, y0, x1, y1), of in found:
            assert 0 <= x0 < x1 <= shape[1]
            assert 0 <= y0 < y1 <= shape[0]
            if of == layer:
                seen[y0:y1, x0:x1] += 1
        assert seen.min() == 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_only_edges_that_the_crop_makes_cut_objects(left, right):
    box, crop, shape = (100 + left, 30, 160 + right, 40), (100, 0, 200, 100), (100, 300)
    assert cut_by_crop(box, crop, shape) == (left <= 20 or abs(160 + right - 200) <= 20)
    assert not cut_by_crop(box, (0, 0, 300, 100), shape)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.sampled_from([0.2, 0.5, 0.8]))
def test_mending_is_what_labelling_the_whole_image_gives(seed, min_area, density):
    rng = np.random.default_rng(seed)
    full = np.zeros((24, 31), bool)
    x, y, w, h = rng.integers(0, 10), rng.integers(0, 8), rng.integers(1, 21), rng.integers(1, 16)
    full[y : y + h, x : x + w] = rng.random((h, w)) < density
    found = as_found(full)
    got, changed = mended(found, min_area, full.shape)
    want, expected_change = plain_mend(full, min_area)
    assert changed == expected_change
    np.testing.assert_array_equal(got.as_sam(full.shape)["segmentation"], want)
    assert got.area == want.sum()
    assert got.box == box_of(want)


def plain_mend(mask, min_area):
    eight, changed = np.ones((3, 3)), False
    for holes in (True, False):
        labels, count = ndimage.label(mask ^ holes, eight)
        sizes = [int((labels == n).sum()) for n in range(1, count + 1)]
        small = [n + 1 for n, size in enumerate(sizes) if size < min_area]
        if not small:
            continue
        changed = True
        if holes:
            mask = mask | np.isin(labels, small)
        else:
            large = [n for n in range(1, count + 1) if n not in small]
            mask = np.isin(labels, large or [int(np.argmax(sizes)) + 1])
    return mask, changed


def as_found(mask):
    logits = np.where(mask, 5, -5).astype(np.float32)
    return found_in(SoftMask(logits, (0, 0)), 0.9, 1.0, (0.0, 0.0), (0, 0, *mask.shape[::-1]))


def test_stability_counts_both_thresholds():
    logits = np.array([[3.0, 1.0, 0.2, -0.2], [-1.0, -1.001, -5.0, 1.001]], np.float32)
    assert stability(logits, 1.0) == pytest.approx(2 / 5)
    assert math.isnan(stability(np.full((2, 2), -9, np.float32), 1.0))


class Blobs:
    """A network of sums of cosines: three smooth masks for each point, and scores that depend on it."""

    parameters = 0

    def __init__(self):
        self.encoded = []

    def encode(self, image, check):
        self.encoded.append(image.shape)
        return image

    def propose(self, encoding, points_xy, check):
        check(0.0)
        return Waves(encoding, points_xy)


class Waves:
    def __init__(self, image, points_xy):
        self.image, self.points = image[..., 0], points_xy
        self.scores = np.stack([np.cos(points_xy @ (0.3 + k, 0.7)) / 2 + 0.5 for k in range(3)], 1).astype(
            np.float32
        )

    def full(self, n, k):
        y, x = np.indices(self.image.shape) + 0.5
        far = np.hypot(x - self.points[n, 0], y - self.points[n, 1])
        waves = 3 * np.cos(x / (2 + k)) * np.cos(y / 3 + k) * (0.2 + self.image)
        return (6 + 2 * k - far / 2 + waves).astype(np.float32)

    def soft(self, n, k, low):
        logits = self.full(n, k)
        x0, y0, x1, y1 = box_of(logits > low)
        if not (logits > low).any():
            return SoftMask(np.zeros((0, 0), np.float32), (0, 0))
        return SoftMask(logits[y0 : y1 + 1, x0 : x1 + 1], (x0, y0))


def plain_generate(image, p):
    """Do the same on full images, one mask at a time."""
    shape, found = image.shape[:2], []
    for (x0, y0, x1, y1), layer in crops(shape, p.crop_n_layers, p.crop_overlap_ratio):
        inside = []
        side = int(p.points_per_side / p.crop_n_points_downscale_factor**layer)
        for j, i in itertools.product(range(side), range(side)):
            point = np.array([[(i + 0.5) / side * (x1 - x0), (j + 0.5) / side * (y1 - y0)]])
            waves = Waves(image[y0:y1, x0:x1], point + 0.5)
            for k in range(3):
                logits, score = np.full(shape, -99, np.float32), float(waves.scores[0, k])
                logits[y0:y1, x0:x1] = waves.full(0, k)
                wide = (logits > -p.stability_score_offset).sum()
                stable = (logits > p.stability_score_offset).sum() / wide if wide else math.nan
                box = box_of(logits > 0)
                limits = zip(box, (x0, y0, x1, y1), (0, 0, *shape[::-1]), strict=True)
                cut = any(abs(b - c) <= 20 and not abs(b - d) <= 20 for b, c, d in limits)
                if score > p.pred_iou_thresh and stable >= p.stability_score_thresh and not cut:
                    place = tuple((point[0] + (x0, y0)).tolist())
                    inside.append((logits > 0, box, score, stable, place, 1 / ((x1 - x0) * (y1 - y0))))
        found += [inside[n] for n in plain_nms([f[1] for f in inside], [f[2] for f in inside], p.box_nms_thresh)]
    if p.crop_n_layers:
        kept = plain_nms([f[1] for f in found], [f[5] for f in found], p.crop_nms_thresh)
        found = [found[n] for n in kept]
    if p.min_mask_region_area:
        new = [plain_mend(f[0], p.min_mask_region_area) for f in found]
        limit = max(p.box_nms_thresh, p.crop_nms_thresh)
        kept = plain_nms([box_of(m) for m, _ in new], [float(not changed) for _, changed in new], limit)
        found = [(new[n][0], box_of(new[n][0]), *found[n][2:]) for n in kept]
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"crop_n_layers": 1, "crop_n_points_downscale_factor": 2},
        {"min_mask_region_area": 9, "points_per_batch": 7},
        {"crop_n_layers": 2, "points_per_side": 4, "min_mask_region_area": 30, "box_nms_thresh": 0.5},
    ],
)
def test_the_generator_gives_what_the_plain_way_gives_in_its_order(options):
    image = np.random.default_rng(3).random((110, 140, 1)).astype(np.float32)
    parameters = {
        "points_per_side": 6,
        "pred_iou_thresh": 0.3,
        "stability_score_thresh": 0.2,
        "stability_score_offset": 1.5,
        **options,
    }
    model = Blobs()
    got, want = generate(model, image, **parameters), plain_generate(image, Parameters(**parameters))
    assert len(want) > 5
    assert len(got) == len(want)
    for one, (mask, box, score, stable, point, _) in zip(got, want, strict=True):
        np.testing.assert_array_equal(one["segmentation"], mask)
        assert one["area"] == mask.sum()
        assert one["bbox"] == [box[0], box[1], box[2] - box[0], box[3] - box[1]]
        assert one["predicted_iou"] == pytest.approx(score)
        assert one["stability_score"] == pytest.approx(stable)
        assert one["point_coords"][0] == pytest.approx(point)
    assert model.encoded[0] == (110, 140, 1)
    assert len(model.encoded) == {0: 1, 1: 5, 2: 21}[options.get("crop_n_layers", 0)]


def test_thresholds_of_zero_keep_everything_and_the_tally_adds_up():
    image, tally = np.zeros((60, 60, 1), np.float32), Tally()
    model = Blobs()
    fractions = []
    parameters = Parameters(points_per_side=5, pred_iou_thresh=0, stability_score_thresh=0, box_nms_thresh=1.0)
    found = find_all(model, lambda box: image, (60, 60), parameters, tally, fractions.append)
    assert len(found) == tally.masks == 75
    assert tally.points == 25
    assert (tally.low_score, tally.unstable, tally.cut, tally.overlapping) == (0, 0, 0, 0)
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    assert all(0 <= fraction <= 1 for fraction in fractions)


def test_an_empty_mask_has_no_box_and_no_pixels():
    nothing = found_in(SoftMask(np.zeros((0, 0), np.float32), (0, 0)), 0.5, 1.0, (1.0, 2.0), (0, 0, 9, 9))
    assert (nothing.box, nothing.area) == ((0, 0, 0, 0), 0)
    assert math.isnan(nothing.stability)
    assert not nothing.as_sam((9, 9))["segmentation"].any()
    assert mended(nothing, 3, (9, 9)) == (nothing, False)


class Cramped(Blobs):
    """One whose memory holds four points at a time."""

    def propose(self, encoding, points_xy, check):
        if len(points_xy) > 4:
            raise MemoryError
        return super().propose(encoding, points_xy, check)


def test_points_are_asked_by_halves_when_memory_runs_out_and_the_masks_are_the_same():
    image = np.random.default_rng(3).random((60, 70, 1)).astype(np.float32)
    options = {"points_per_side": 5, "pred_iou_thresh": 0.3, "stability_score_thresh": 0.2}
    plain, cramped = generate(Blobs(), image, **options), generate(Cramped(), image, **options)
    assert len(plain) == len(cramped) > 2
    for one, other in zip(plain, cramped, strict=True):
        np.testing.assert_array_equal(one["segmentation"], other["segmentation"])
        assert one["point_coords"] == other["point_coords"]


def test_a_model_that_has_memory_for_no_point_says_so():
    class Full(Blobs):
        def propose(self, encoding, points_xy, check):
            raise MemoryError

    with pytest.raises(MemoryError):
        generate(Full(), np.zeros((20, 20, 1), np.float32), points_per_side=3)


def test_fast_mode_skips_what_it_found_refines_around_small_objects_and_never_overlaps():
    image, tally = np.random.default_rng(5).random((100, 160, 1)).astype(np.float32), Tally()
    parameters = Parameters(16, 1, 0.3, 0.2, 1.5, box_nms_thresh=0.5, min_mask_region_area=4)
    fractions = []
    found = list(find_fast(Blobs(), image, (100, 160), parameters, tally, fractions.append))
    assert len(found) > 3
    taken = np.zeros((100, 160), int)
    for item in found:
        mask = item.as_sam((100, 160))["segmentation"]
        taken += mask
        assert item.area == mask.sum() > 0
        assert item.score > 0.3
    assert taken.max() == 1
    assert tally.skipped > 0
    assert tally.points + tally.skipped == 8 * 5 + 16 * 10
    dropped = tally.low_score + tally.unstable + tally.overlapping + tally.small + tally.large
    assert dropped == tally.masks - len(found)
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert fractions == sorted(fractions)


class Seeing(Blobs):
    """One that knows where objects are."""

    def seeds(self, encoding, check):
        return np.array([[20.0, 20.0], [90.0, 60.0], [21.0, 20.0]]), np.array([0.9, 0.8, 0.7], np.float32)


def test_fast_mode_asks_the_seeds_of_a_network_that_has_them_and_no_grid():
    tally = Tally()
    parameters = Parameters(pred_iou_thresh=0, stability_score_thresh=0, points_per_batch=1)
    found = list(
        find_fast(Seeing(), np.zeros((100, 120, 1), np.float32), (100, 120), parameters, tally, lambda _: None)
    )
    # The third lies in what the first gave.
    assert [item.point_xy for item in found] == [(19.5, 19.5), (89.5, 59.5)]
    assert (tally.points, tally.skipped) == (2, 1)


def test_seeds_asked_side_by_side_give_what_they_give_one_by_one():
    parameters = Parameters(pred_iou_thresh=0, stability_score_thresh=0, points_per_batch=3)
    found = list(find_fast(Seeing(), np.zeros((100, 120, 1), np.float32), (100, 120), parameters, Tally(), print))
    assert [item.point_xy for item in found] == [(19.5, 19.5), (89.5, 59.5)]


@pytest.mark.parametrize("model", [Blobs(), Seeing()])
def test_only_points_in_the_area_are_asked(model):
    tally, image = Tally(), np.random.default_rng(5).random((100, 160, 1)).astype(np.float32)
    parameters = Parameters(16, 1, 0, 0, 1.5, box_nms_thresh=1.0)
    found = list(find_fast(model, image, (100, 160), parameters, tally, lambda _: None, (50.0, 0.0, 120.0, 100.0)))
    assert found
    assert all(50 <= item.point_xy[0] + 0.5 < 120 for item in found)
    assert tally.points + tally.skipped == (1 if hasattr(model, "seeds") else 5 * 4 + 10 * 7)
