"""Everything mode on the real worker: streaming, skipping, crops, cancel, nothing found, a worker that dies."""

import itertools
import time

import numpy as np
import pytest
from fakes.opening import open_session, two_squares
from PIL import Image

from samj_bridge.errors import Cancelled, InputError, PromptError, WorkerTimeout
from samj_bridge.progress import CancelToken
from samj_bridge.session import Session
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture
def scene(session):
    with session.encode(two_squares()) as encoded:
        yield encoded


@pytest.fixture(scope="module")
def starter(worker_python, tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    with Session("starter", settings=settings, python=worker_python, device="cpu") as opened:
        yield opened


def test_fast_mode_finds_both_squares_and_says_how_many_points_it_skipped(scene):
    events = []
    found = scene.everything(progress=events.append)
    assert sorted(region.bbox_xyxy for region in found) == [(30, 20, 60, 40), (30, 60, 60, 80)]
    assert [region.prompt_index for region in found] == [0, 1]
    assert found[0].model == "test"
    assert found[0].score == pytest.approx(0.95)
    assert found.counts["skipped"] > 0
    assert found.counts["points"] + found.counts["skipped"] <= 32 * 32 + 16 * 16
    assert found.message.startswith("2 objects found")
    assert f"{found.counts['skipped']} skipped" in found.message
    assert events[-1].message == found.message
    assert (events[-1].done, events[-1].total) == (1.0, 1.0)


def test_the_point_of_a_region_gives_the_region_again(session, scene):
    from samj_bridge import Prompt

    for region in scene.everything():
        (again,) = scene.segment(Prompt(points=region.prompt["points"]))
        np.testing.assert_array_equal(again.mask(), region.mask())


@pytest.mark.parametrize("options", [{}, {"crop_n_layers": 1, "crop_n_points_downscale_factor": 2}])
def test_exact_mode_asks_every_point_and_keeps_one_mask_of_each(scene, options):
    found = scene.everything("exact", points_per_side=8, **options)
    boxes = [region.bbox_xyxy for region in found]
    assert set(boxes) == {(30, 20, 60, 40), (30, 60, 60, 80)}
    assert found.counts["points"] == (64 if not options else 64 + 4 * 16)
    assert found.counts["skipped"] == 0
    assert len(boxes) == len(set(boxes))


def test_objects_come_while_the_search_goes_on(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, prompt_s=0.01) as session, session.encode(two_squares()) as scene:
        begun = time.monotonic()
        stream = scene.stream_everything()
        first = next(stream)
        until_first = time.monotonic() - begun
        rest = list(stream)
        assert first.area == 600
        assert len(rest) == 1
        assert until_first < 0.7 * (time.monotonic() - begun)


def test_leaving_the_stream_early_frees_the_worker(scene, session):
    for _ in itertools.islice(scene.stream_everything(points_per_side=256), 1):
        pass
    assert session.stats()["encodings"] >= 1


def test_small_objects_and_poor_scores_are_left_out_and_nothing_found_is_explained(session, scene):
    assert len(scene.everything(min_area=601)) == 0
    nothing = scene.everything("exact", points_per_side=4, pred_iou_thresh=0.99)
    assert nothing == []
    assert nothing.message == (
        "Nothing was found: 16 points were asked, and of the 32 masks 32 have a predicted IoU of 0.99 or less"
        " (pred_iou_thresh)."
    )
    with session.encode(np.full((50, 60), 7, np.uint8)) as flat:
        assert flat.everything() == []


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_it_stops_when_cancelled(worker_python, tmp_path, mode):
    with open_session(worker_python, tmp_path, prompt_s=0.02) as session, session.encode(two_squares()) as scene:
        token = CancelToken()
        begun = time.monotonic()
        with pytest.raises(Cancelled):
            scene.everything(mode, cancel=token, progress=lambda _: token.cancel())
        assert time.monotonic() - begun < 60
        assert session.stats()["restarts"] == 0


def test_a_time_limit_ends_it(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, prompt_s=0.05) as session:
        scene = session.encode(two_squares())
        with pytest.raises(WorkerTimeout):
            scene.everything("exact", timeout_s=0.5)


def test_a_worker_that_dies_is_replaced_and_no_object_comes_twice(worker_python, tmp_path):
    knobs = {"kill_in": "everything", "kill_after": 120, "kill_marker": str(tmp_path / "marker")}
    with open_session(worker_python, tmp_path, **knobs) as session, session.encode(two_squares()) as scene:
        regions = list(scene.stream_everything())
        assert sorted(region.bbox_xyxy for region in regions) == [(30, 20, 60, 40), (30, 60, 60, 80)]
        assert [region.prompt_index for region in regions] == [0, 1]
        assert session.stats()["restarts"] == 1


def test_options_that_mean_nothing_are_refused_before_anything_is_done(scene):
    for options in (
        {"mode": "best"},
        {"points_per_side": -1},
        {"points_per_side": 3.5},
        {"pred_iou_thresh": 2},
        {"colour": "red"},
        {"image": "x"},
        {"crop_n_layers": 1},
        {"mode": "exact", "crop_n_layers": 9},
        {"min_area": float("nan")},
    ):
        with pytest.raises(InputError):
            scene.everything(**options)
        with pytest.raises(InputError):
            scene.stream_everything(**options)


def test_a_model_without_points_says_so(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, boxes_only=True) as session:
        scene = session.encode(two_squares())
        with pytest.raises(PromptError, match="by points"):
            scene.everything()


def test_numpy_numbers_are_numbers(scene):
    assert len(scene.everything(points_per_side=np.int64(16), min_area=np.int32(1))) == 2


def test_the_starter_finds_the_nuclei_of_a_real_image(starter, data_dir):
    image = np.asarray(Image.open(data_dir / "images" / "fluorescence_2.png"))
    labels = np.asarray(Image.open(data_dir / "images" / "fluorescence_2_labels.png"))
    with starter.encode(image) as scene:
        found = scene.everything()
    masks = [region.mask() for region in found]
    # No pixel belongs to two of them.
    assert np.sum(masks, axis=0).max() == 1
    hit = 0
    for label in np.unique(labels)[1:]:
        true = labels == label
        hit += max((mask & true).sum() / (mask | true).sum() for mask in masks) >= 0.5
    assert hit >= 0.7 * (len(np.unique(labels)) - 1)
    assert len(found) <= 1.4 * (len(np.unique(labels)) - 1)


def test_the_starter_sees_nothing_in_an_image_of_one_colour(starter):
    with starter.encode(np.full((200, 300), 99, np.uint16)) as scene:
        found = scene.everything()
    assert found == []
    assert found.message.startswith("Nothing was found")
