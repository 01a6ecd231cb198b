"""Sessions and scenes on the real worker, with the test family: a threshold and a flood fill."""

import gc
import os
import threading
import time

import numpy as np
import pytest
from fakes.opening import open_session, two_squares

from samj_bridge.errors import (
    ImageError,
    InputError,
    PromptError,
    WorkerError,
)
from samj_bridge.geometry.region import Region
from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("é 漢 home")) as opened:
        yield opened


@pytest.fixture
def scene(session):
    with session.encode(two_squares(), name="squares") as encoded:
        yield encoded


def test_a_box_gives_the_exact_region(session, scene):
    (region,) = scene.segment(Prompt(box=(25, 15, 70, 45), name="upper"))
    expected = np.zeros((100, 120), bool)
    expected[20:40, 30:60] = True
    np.testing.assert_array_equal(region.mask(), expected)
    assert (region.area, region.score, region.name, region.model) == (600, 0.9, "upper", "test")
    assert region.prompt == Prompt(box=(25, 15, 70, 45), name="upper").to_dict()
    assert region.shape == scene.shape == (100, 120)
    assert scene.ranges == ((0.0, 100.0),)
    assert scene.encode_seconds > 0
    assert scene.name == "squares"
    assert session.hello["protocol"] == PROTOCOL_VERSION


def test_points_positive_and_negative(scene):
    box = (0, 0, 120, 100)
    (lower,) = scene.segment(Prompt(points=[(59, 79)]))
    assert lower.bbox_xyxy == (30, 60, 60, 80)
    (upper,) = scene.segment(Prompt(box=box, negative=[(30, 60)]))
    assert upper.bbox_xyxy == (30, 20, 60, 40)
    (nothing,) = scene.segment(Prompt(points=[(0, 0)]))
    assert nothing.is_empty
    assert nothing.score is not None


def test_a_mask_prompt_crosses_as_its_outline(scene):
    mask = np.zeros((100, 120), bool)
    mask[30:70, 40:50] = True
    for given in (mask, Region.from_mask(mask)):
        (region,) = scene.segment(Prompt(mask=given))
        assert region.area == 10 * 10 + 10 * 10


def test_candidates_come_best_first_and_in_the_order_of_the_prompts(scene):
    prompts = [Prompt(points=[(35, 65)]), Prompt(points=[(35, 25)])]
    regions = scene.segment(prompts, candidates=3)
    assert [(region.prompt_index, region.candidate) for region in regions] == [
        (p, c) for p in (0, 1) for c in range(3)
    ]
    assert [region.score for region in regions[:3]] == pytest.approx([0.9, 0.8, 0.7])
    assert [len(scene.segment(prompts, candidates=count)) for count in (1, 2)] == [2, 4]


def test_masks_are_cleaned_on_request(session):
    image = two_squares()
    image[25:30, 40:45] = 0
    image[90, 100] = 100
    with session.encode(image) as scene:
        everything = Prompt(box=(0, 0, 120, 100))
        assert scene.segment(everything)[0].area == 1200 - 25 + 1
        assert scene.segment(everything, fill_holes=True)[0].area == 1201
        assert scene.segment(everything, min_area=2)[0].area == 1175
        assert scene.segment(everything, largest_only=True)[0].area == 600


def test_ten_thousand_prompts_stream_in_one_call(scene):
    prompts = [Prompt(box=(30, 20, 31 + n % 30, 40)) for n in range(10_000)]
    seen, first = [], []
    for index, regions in scene.stream(prompts):
        first = first or [time.monotonic()]
        seen.append((index, regions[0].area))
    assert seen == [(n, 20 * (1 + n % 30)) for n in range(10_000)]
    # The first is there long before the last: the answers were not held back.
    assert time.monotonic() - first[0] > 0.5


def test_progress_is_told_prompt_by_prompt(scene):
    events = []
    scene.segment([Prompt(points=[(35, 25)])] * 3, progress=events.append)
    assert [(event.stage, event.done, event.total) for event in events] == [("segment", n, 3) for n in (1, 2, 3)]


def test_leaving_a_stream_early_stops_the_rest(session, scene):
    before = session.stats()["segmented"]
    for index, _ in scene.stream([Prompt(points=[(35, 25)])] * 5000):
        if index == 2:
            break
    assert session.stats()["segmented"] - before < 1000


@pytest.mark.parametrize(
    "image",
    [
        np.full((1, 1), 7, np.uint8),
        np.full((30, 40), 3.5),
        np.full((30, 40), np.nan, np.float32),
        np.zeros((30_000, 20), np.uint16),
        np.zeros((20, 30_000), bool),
        np.arange(1200, dtype=">f8").reshape(30, 40)[::-1, ::2],
    ],
    ids=["1 x 1", "constant", "all NaN", "30000 x 20", "20 x 30000", "big-endian, strided"],
)
def test_odd_images_work(session, image):
    with session.encode(image) as scene:
        height, width = image.shape
        assert scene.shape == image.shape
        (region,) = scene.segment(Prompt(box=(0, 0, width, height)))
        assert region.mask().shape == image.shape


@pytest.mark.parametrize(
    ("shape", "dtype", "channels", "count"),
    [((30, 40, 3), "uint8", None, 3), ((30, 40, 5), "uint16", None, 5), ((30, 40, 5), "uint16", 4, 1)],
)
def test_channels_arrive(session, shape, dtype, channels, count):
    image = np.zeros(shape, dtype)
    image[10:20, 10:20] = 250
    with session.encode(image, channels=channels) as scene:
        assert len(scene.ranges) == count
        assert scene.segment(Prompt(points=[(15, 15)]))[0].area == 100


def test_a_given_range_is_kept(session):
    with session.encode(two_squares(), ranges=(0, 190)) as scene:
        assert scene.ranges == ((0.0, 190.0),)
        # 90 of 190 is below the family's threshold of a half, 100 above.
        assert scene.segment(Prompt(box=(0, 0, 120, 100)))[0].area == 600


def test_the_pixels_may_change_after_encode(session):
    image = two_squares()
    with session.encode(image) as scene:
        image[:] = 0
        session._supervisor.running().client.service.kill()
        assert scene.segment(Prompt(points=[(35, 25)]))[0].area == 600


def test_bad_prompts_are_refused_before_anything_is_asked(session, scene):
    before = session.stats()["segmented"]
    with pytest.raises(PromptError, match="Prompt 1 lies outside"):
        scene.segment([Prompt(points=[(5, 5)]), Prompt(points=[(500, 5)])])
    for options in ({"candidates": 0}, {"candidates": 4}, {"candidates": "x"}, {"min_area": -1}, {"min_area": "x"}):
        with pytest.raises(InputError) as caught:
            scene.segment(Prompt(points=[(5, 5)]), **options)
        assert caught.value.hint
    assert session.stats()["segmented"] == before


def test_bad_images_are_refused(session):
    with pytest.raises(ImageError, match="empty"):
        session.encode(np.zeros((0, 5)))


def test_eight_threads_lose_none_of_four_thousand_calls(session, scene):
    wrong, done = [], []

    def work(number):
        for turn in range(500):
            x = 31 + (turn + number) % 29
            (region,) = scene.segment(Prompt(box=(20, 10, x, 21 + number)))
            done.append(1)
            if region.bbox_xyxy != (30, 20, x, 21 + number):
                wrong.append(region.bbox_xyxy)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert (len(done), wrong) == (4000, [])


def test_threads_encode_images_of_their_own(session):
    failures = []

    def work(number):
        image = np.zeros((60 + number, 70), np.uint16)
        image[number : number + 10, 5:25] = 100
        for _ in range(5):
            with session.encode(image) as scene:
                if scene.segment(Prompt(points=[(6, number)]))[0].bbox_xyxy != (5, number, 25, number + 10):
                    failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures


def test_scenes_that_are_let_go_are_released_in_the_worker(session):
    gc.collect()
    before = session.stats()["encodings"]
    scene = session.encode(two_squares())
    assert session.stats()["encodings"] == before + 1
    del scene
    gc.collect()
    assert session.stats()["encodings"] == before
    with session.encode(two_squares()) as scene:
        scene.segment(Prompt(points=[(35, 25)]))
    scene.close()
    with pytest.raises(WorkerError, match="closed") as caught:
        scene.segment(Prompt(points=[(35, 25)]))
    assert caught.value.code == "scene-closed"


def test_a_fork_of_the_host_does_not_end_the_worker(session, scene):
    child = os.fork()
    if child == 0:
        session.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert scene.segment(Prompt(points=[(35, 25)]))[0].area == 600
