"""Large images on the real worker, with the test family and tiny tiles: what is answered, read, sent and kept."""

import itertools
import os
import signal

import numpy as np
import pytest
from fakes.opening import open_session

from samj_bridge.errors import Cancelled, ImageError, PromptError, SamjError
from samj_bridge.geometry.components import label_components
from samj_bridge.progress import CancelToken
from samj_bridge.reading.pyramid import MemoryPyramid
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker

SIDE = 64


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), tile_px=SIDE) as opened:
        yield opened


def squares(height=500, width=700, seed=0):
    """Squares of 3 to 12 pixels on a grid, and their labels."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width), np.uint8)
    for y, x in itertools.product(range(2, height - 14, 15), range(2, width - 14, 15)):
        side = int(random.integers(3, 13))
        image[y : y + side, x : x + side] = 200
    return image, label_components(image > 0)[0]


IMAGE, LABELS = squares()
NUMBERS = range(1, int(LABELS.max()) + 1, 37)


def box_around(label, labels=LABELS):
    rows, columns = np.nonzero(labels == label)
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


def asked(label, labels=LABELS):
    x0, y0, x1, y1 = box_around(label, labels)
    middle = ((x0 + x1) / 2 + 0.25, (y0 + y1) / 2 + 0.25)
    corner = (x0 + 0.5, y0 + 0.5)
    return [
        Prompt(box=(x0, y0, x1, y1)),
        Prompt(points=[middle]),
        Prompt(points=[middle, corner], negative=[(x1 + 1.5, y1 + 1.5)]),
        Prompt(mask=labels == label),
        Prompt(mask=labels == label, points=[middle]),
    ]


def pixels_of(region):
    return region.area, region.bbox_xyxy, [ring.tolist() for ring in region.rings], region.score


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


class Watched(MemoryPyramid):
    """Counts the pixels that are read."""

    def __init__(self, levels):
        super().__init__(levels, identity="watched")
        self.regions = []

    def read(self, level, y0, x0, height, width):
        self.regions.append((level, height, width))
        return super().read(level, y0, x0, height, width)


def test_only_the_tile_under_a_prompt_is_read_and_each_one_once(session):
    source = Watched([IMAGE])
    with session.encode(source) as scene:
        assert sum(height * width for _, height, width in source.regions) <= 256 * 32 * 32
        source.regions.clear()
        before = session.stats()["encoded"]
        prompts = [prompt for label in NUMBERS for prompt in asked(label)[:2]]
        scene.segment(prompts)
        tiles = {scene.tiling.of(prompt.box or prompt.points[0] * 2) for prompt in prompts}
        assert len(source.regions) == len(tiles) == session.stats()["encoded"] - before
        assert {(level, max(height, width) <= SIDE) for level, height, width in source.regions} == {(0, True)}
        scene.segment(prompts[::-1])
        assert len(source.regions) == len(tiles)


def test_memory_maps_levels_and_arrays_that_only_slice_give_what_arrays_give(session, tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)

    class Chunked:
        shape, dtype = IMAGE.shape, IMAGE.dtype

        def __getitem__(self, index):
            return IMAGE[index]

    prompts = [prompt for label in NUMBERS[:4] for prompt in asked(label)]
    found = []
    things = (
        IMAGE,
        np.load(tmp_path / "image.npy", mmap_mode="r"),
        Chunked(),
        [IMAGE, IMAGE[::2, ::2], IMAGE[::4, ::4]],
        MemoryPyramid([IMAGE]),
    )
    for thing in things:
        with session.encode(thing) as scene:
            found.append([pixels_of(region) for region in scene.segment(prompts)])
    assert all(one == found[0] for one in found)


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


def test_a_worker_that_dies_or_forgets_is_given_the_tiles_again(session):
    prompts = [asked(label)[1] for label in NUMBERS]
    with session.encode(IMAGE) as scene:
        first = [pixels_of(region) for region in scene.segment(prompts)]
        stream = scene.stream(prompts)
        found = dict(itertools.islice(stream, 3))
        os.kill(session.stats()["pid"], signal.SIGKILL)
        found |= dict(stream)
        assert [pixels_of(found[index][0]) for index in range(len(prompts))] == first


def test_an_image_that_breaks_while_it_is_read_costs_a_sentence_and_no_more(session):
    class Torn(MemoryPyramid):
        torn = False

        def read(self, level, y0, x0, height, width):
            if self.torn:
                raise ImageError("The drive is gone.", code="region-unreadable", hint="Connect it.")
            return super().read(level, y0, x0, height, width)

    source = Torn([IMAGE])
    with session.encode(source) as scene:
        source.torn = True
        with pytest.raises(SamjError, match="drive is gone"):
            scene.segment(asked(3)[0])
        source.torn = False
        (region,) = scene.segment(asked(3)[0])
        np.testing.assert_array_equal(region.mask(), LABELS == 3)


def test_it_is_told_which_tile_is_encoded_and_it_can_be_stopped(session):
    told = []
    with session.encode(IMAGE, progress=lambda event: told.append(event.message)) as scene:
        assert told[0] == "Finding the display range"
        told.clear()
        scene.segment([asked(label)[0] for label in NUMBERS], progress=lambda event: told.append(event.message))
        rows, columns = scene.tiling.grid(0)
        assert any(words.startswith("Encoding tile ") and f" of {rows * columns}" in words for words in told)
        assert told[-1] == f"{len(NUMBERS)} of {len(NUMBERS)} prompts"
    token = CancelToken()
    with session.encode(IMAGE) as scene, pytest.raises(Cancelled):
        scene.segment(asked(3)[0], progress=lambda event: token.cancel(), cancel=token)
    with pytest.raises(Cancelled):
        session.encode(IMAGE, progress=lambda event: token.cancel(), cancel=token)


def test_prompts_outside_the_image_are_refused_as_on_small_images(session):
    with session.encode(IMAGE) as scene, pytest.raises(PromptError, match="700 x 500"):
        scene.segment(Prompt(points=[(701, 3)]))
    with pytest.raises(SamjError, match="closed"):
        scene.segment(Prompt(points=[(3, 3)]))


def test_a_flat_image_is_read_whole_for_its_range_and_a_constant_one_is_black(session):
    image = np.full((500, 700), 5, np.uint8)
    image[301, 401] = 90
    with session.encode(image) as scene:
        assert scene.ranges == ((5.0, 90.0),)
        assert scene.segment(Prompt(box=(395, 295, 408, 308)))[0].area == 1
    with session.encode(np.full((500, 700), 5, np.uint8)) as scene:
        assert scene.ranges == ((5.0, 5.0),)
        assert scene.segment(Prompt(box=(390, 290, 410, 310)))[0].is_empty


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
