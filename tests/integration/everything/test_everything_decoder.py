"""Everything mode by a decoder's maps: chosen where there is one, refused in words where there is none."""

import numpy as np
import pytest
from fakes.opening import open_session, two_squares

from samj_bridge.errors import Cancelled, InputError, PromptError
from samj_bridge.progress import CancelToken

pytestmark = pytest.mark.worker

SQUARES = [(30, 20, 60, 40), (30, 60, 60, 80)]
SHARP = {"foreground_smoothing": 0.0}


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), maps=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def pointed(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home")) as opened:
        yield opened


def boxes(found):
    return [region.bbox_xyxy for region in found]


def test_the_decoder_is_taken_where_there_is_one_and_says_so(session):
    with session.encode(two_squares()) as scene:
        found = scene.everything(**SHARP)
        assert boxes(found) == SQUARES
        assert found.message == "2 objects found by the model's decoder, without points."
        assert (found.counts["seeds"], found.counts["points"]) == (2, 0)
        assert [region.score for region in found] == [None, None]
        assert boxes(scene.everything("decoder", **SHARP)) == SQUARES


def test_its_point_lies_in_the_object_and_gives_it_again(session):
    from samj_bridge import Prompt

    with session.encode(two_squares()) as scene:
        for region in scene.everything(**SHARP):
            (again,) = scene.segment(Prompt(points=region.prompt["points"]))
            np.testing.assert_array_equal(again.mask(), region.mask())


def test_points_are_asked_where_they_are_asked_for(session):
    with session.encode(two_squares()) as scene:
        for options in ({"mode": "fast"}, {"points_per_side": 16}, {"pred_iou_thresh": 0.5}):
            found = scene.everything(**options)
            assert found.counts["points"] > 0
            assert sorted(boxes(found)) == SQUARES
        assert scene.everything("exact", points_per_side=8).counts["points"] == 64


def test_a_model_without_a_decoder_says_so_and_is_asked_by_points_by_itself(pointed):
    with pointed.encode(two_squares()) as scene:
        for options in ({"mode": "decoder"}, {"foreground_threshold": 0.4}):
            with pytest.raises(PromptError, match="has no decoder") as caught:
                scene.everything(**options)
            assert "'fast'" in caught.value.hint
        assert scene.everything("auto").counts["points"] > 0


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "decoder", "points_per_side": 8},
        {"mode": "fast", "distance_smoothing": 1.0},
        {"foreground_threshold": 0.5, "stability_score_thresh": 0.9},
        {"center_distance_threshold": 1.5},
        {"distance_smoothing": -1.0},
        {"foreground_smoothing": float("nan")},
        {"mode": "best"},
    ],
)
def test_what_does_not_go_together_or_is_out_of_range_is_refused(session, options):
    with session.encode(two_squares()) as scene, pytest.raises(InputError):
        scene.everything(**options)


def test_nothing_and_what_is_too_small_is_said_in_words(session):
    with session.encode(two_squares()) as scene:
        small = scene.everything(min_area=700, **SHARP)
        assert small == []
        assert small.message == "Nothing was found: the model's decoder saw 2 objects, all smaller than min_area."
        none = scene.everything(center_distance_threshold=0.0)
        assert none == []
        assert none.message == "Nothing was found: the model's decoder sees no object in this image."
    with session.encode(np.zeros((50, 60), np.uint8)) as flat:
        assert flat.everything() == []


def test_it_can_be_cancelled(worker_python, tmp_path):
    token = CancelToken()
    with (
        open_session(worker_python, tmp_path, maps=True, maps_s=600) as opened,
        opened.encode(two_squares()) as scene,
        pytest.raises(Cancelled),
    ):
        scene.everything(cancel=token, progress=lambda _: token.cancel())


def test_a_worker_that_dies_in_it_is_replaced(worker_python, tmp_path):
    knobs = {"maps": True, "kill_in": "maps", "kill_marker": str(tmp_path / "dead")}
    with open_session(worker_python, tmp_path, **knobs) as opened, opened.encode(two_squares()) as scene:
        assert boxes(scene.everything(**SHARP)) == SQUARES


def test_a_large_image_is_cut_and_each_object_found_once_and_whole(worker_python, tmp_path):
    image = np.zeros((300, 520), np.uint8)
    places = [(x, y) for y in range(10, 280, 30) for x in range(10, 500, 30)]
    for x, y in places:
        image[y : y + 18, x : x + 18] = 200
    with open_session(worker_python, tmp_path, maps=True, tile_px=128) as opened:
        with opened.encode(image) as scene:
            found = scene.everything(**SHARP)
            assert sorted(boxes(found)) == sorted((x, y, x + 18, y + 18) for x, y in places)
            assert "by the model's decoder, without points" in found.message
            part = scene.everything(within=(100, 100, 200, 200), **SHARP)
            inside = [box for box in boxes(found) if 100 <= box[0] + 9 < 200 and 100 <= box[1] + 9 < 200]
            assert sorted(boxes(part)) == sorted(inside)
        with opened.encode(
            np.where(np.arange(520) < 260, 0, 1).astype(np.uint8) * np.zeros((300, 1), np.uint8)
        ) as flat:
            assert flat.everything() == []
