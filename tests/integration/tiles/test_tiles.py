"""Large images on the real worker, with the test family and tiny tiles: what is answered, read, sent and kept."""

import numpy as np
import pytest
from fakes.large_images import IMAGE, LABELS, NUMBERS, SIDE, asked, pixels_of, squares
from fakes.opening import open_session

from samj_bridge.errors import PromptError, SamjError
from samj_bridge.reading.pyramid import MemoryPyramid
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), tile_px=SIDE) as opened:
        yield opened


def test_objects_are_found_pixel_by_pixel_wherever_they_lie(session):
    with session.encode(IMAGE) as scene:
        assert scene.shape == IMAGE.shape
        assert scene.tiling.side == SIDE
        assert scene.ranges == ((0.0, 200.0),)
        for label in NUMBERS:
            for prompt in asked(label):
                (region,) = scene.segment(prompt)
                np.testing.assert_array_equal(region.mask(), label == LABELS)
                assert region.shape == IMAGE.shape
                assert region.prompt == prompt.to_dict()


def test_the_same_prompt_gives_the_same_region_whatever_was_asked_before_alone_or_in_a_batch(session):
    prompts = [prompt for label in NUMBERS for prompt in asked(label)]
    with session.encode(IMAGE) as scene:
        batch = [pixels_of(region) for region in scene.segment(prompts)]
    order = np.random.default_rng(1).permutation(len(prompts))
    with session.encode(IMAGE) as scene:
        alone = {int(index): pixels_of(scene.segment(prompts[index])[0]) for index in order}
        again = [pixels_of(region) for region in scene.segment([prompts[index] for index in order])]
    assert [alone[index] for index in range(len(prompts))] == batch
    assert again == [batch[index] for index in order]


def test_moving_image_and_prompt_by_the_grids_step_moves_the_region(session):
    step, (label, *_) = SIDE // 2, NUMBERS[5:]
    moved = np.zeros((IMAGE.shape[0] + 3 * step, IMAGE.shape[1] + step), np.uint8)
    moved[3 * step :, step:] = IMAGE
    labels = np.zeros_like(moved, LABELS.dtype)
    labels[3 * step :, step:] = LABELS
    for prompt, other in zip(asked(label), asked(label, labels), strict=True):
        with session.encode(IMAGE, ranges=(0, 200)) as scene, session.encode(moved, ranges=(0, 200)) as second:
            (region,), (far,) = scene.segment(prompt), second.segment(other)
        expected = [np.add(ring, (step, 3 * step)).tolist() for ring in region.rings]
        assert [ring.tolist() for ring in far.rings] == expected


@pytest.mark.parametrize("length", [30, 63, 100, 200, 400])
def test_objects_larger_than_a_tile_are_found_at_coarser_levels(session, length):
    image = np.zeros((600, 500), np.uint8)
    image[100 : 100 + length, 64 : 64 + length] = 100
    box = (64, 100, 64 + length, 100 + length)
    with session.encode(image) as scene:
        for prompt in (
            Prompt(box=box),
            Prompt(points=[(64 + length // 2, 100 + length // 2)]),
            Prompt(points=[(72, 108), (55 + length, 91 + length)]),
            Prompt(mask=image > 0),
        ):
            (region,) = scene.segment(prompt)
            (x0, y0, x1, y1), pixel = region.bbox_xyxy, 2 ** max(0, scene.tiling.level_of(length) - 2) + 4
            assert np.abs(np.subtract((x0, y0, x1, y1), box)).max() <= pixel
            assert (region.mask() & (image > 0)).sum() / (region.mask() | (image > 0)).sum() > 0.85


def test_a_click_on_what_fills_the_image_is_answered_with_the_image(session):
    image = np.full((300, 411), 9, np.uint8)
    image[:40, :40] = 0
    with session.encode(image) as scene:
        (region,) = scene.segment(Prompt(points=[(200, 150)]))
    assert region.bbox_xyxy == (0, 0, 411, 300)
    assert region.area == pytest.approx(300 * 411 - 1600, abs=400)


def test_a_small_image_with_levels_is_asked_as_the_array_it_is(session):
    small = IMAGE[:60, :50]
    with session.encode(small) as scene, session.encode(MemoryPyramid([small, small[::2, ::2]])) as other:
        assert scene.tiling is other.tiling is None
        prompt = Prompt(points=[(3, 3)])
        assert pixels_of(scene.segment(prompt)[0]) == pixels_of(other.segment(prompt)[0])
        assert scene.ranges == other.ranges


@pytest.mark.parametrize(
    ("channels", "shape", "dtype"),
    [(None, (200, 300, 3), np.uint8), (1, (200, 300, 2), np.uint16), ("merge", (200, 300, 5), np.float32)],
)
def test_channels_and_types_are_shown_as_of_small_images(session, channels, shape, dtype):
    image = np.zeros(shape, dtype)
    image[150:160, 250:262] = 200
    with session.encode(image, channels=channels) as scene:
        (region,) = scene.segment(Prompt(box=(248, 149, 265, 163)))
        assert region.bbox_xyxy == (250, 150, 262, 160)
        assert len(scene.ranges) == (3 if channels is None else 1 if channels == 1 else 5)


def test_what_is_wanted_of_answers_is_counted_in_the_images_pixels(session):
    image = np.zeros((600, 500), np.uint8)
    image[100:500, 64:464] = 100
    image[200:240, 200:240] = 0
    image[20:60, 20:60] = 100
    with session.encode(image) as scene:
        box = Prompt(box=(0, 0, 500, 600))
        whole, filled, large = (
            scene.segment(box, **options)[0] for options in ({}, {"fill_holes": True}, {"min_area": 10_000})
        )
        assert filled.area - whole.area == pytest.approx(1600, abs=700)
        assert large.bbox_xyxy[1] > 90
        assert whole.bbox_xyxy[1] < 30
        assert len(scene.segment(box, candidates=3)) == 3


def test_prompts_outside_the_image_are_refused_as_on_small_images(session):
    with session.encode(IMAGE) as scene, pytest.raises(PromptError, match="700 x 500"):
        scene.segment(Prompt(points=[(701, 3)]))
    with pytest.raises(SamjError, match="closed"):
        scene.segment(Prompt(points=[(3, 3)]))


@pytest.mark.parametrize("shape", [(1, 9000), (9000, 1), (65, 65), (64, 65)])
def test_images_of_odd_shapes_are_answered(session, shape):
    image = np.zeros(shape, np.uint8)
    image[-1, -1] = image[0, 0] = 100
    with session.encode(image) as scene:
        (region,) = scene.segment(Prompt(points=[(shape[1] - 1, shape[0] - 1)]))
        assert region.bbox_xyxy == (shape[1] - 1, shape[0] - 1, shape[1], shape[0])
        (region,) = scene.segment(Prompt(box=(0, 0, shape[1], shape[0])))
        assert region.shape == shape


def test_everything_mode_gives_objects_of_the_whole_image(session):
    image, labels = squares(130, 170)
    with session.encode(image) as scene:
        found = scene.everything(points_per_side=120)
    seen = {int(labels[region.rings[0][0][1], region.rings[0][0][0]]): region for region in found}
    for label, region in seen.items():
        np.testing.assert_array_equal(region.mask(), labels == label)
    assert {1, int(labels.max())} <= seen.keys()
