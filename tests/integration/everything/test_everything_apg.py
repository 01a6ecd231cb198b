"""Everything mode by points that a decoder gives: micro-sam's automatic prompt generation."""

import numpy as np
import pytest
from fakes.opening import open_session, two_squares

from samj_bridge.errors import Cancelled, InputError, PromptError
from samj_bridge.progress import CancelToken

pytestmark = pytest.mark.worker

SQUARES = [(30, 20, 60, 40), (30, 60, 60, 80)]


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), maps=True) as opened:
        yield opened


def boxes(found):
    return [region.bbox_xyxy for region in found]


def test_each_point_of_the_decoder_is_asked_and_answers_with_a_score(session):
    with session.encode(two_squares()) as scene:
        found = scene.everything("apg")
        assert sorted(boxes(found)) == SQUARES
        assert found.message == "2 objects found by 2 points that the model's decoder gave."
        assert (found.counts["seeds"], found.counts["points"], found.counts["masks"]) == (2, 2, 2)
        assert [region.score for region in found] == pytest.approx([0.95, 0.95])
        # The decoder alone stays what is done by itself.
        assert scene.everything().counts["points"] == 0


def test_its_point_lies_in_the_object_and_gives_it_again(session):
    from samj_bridge import Prompt

    with session.encode(two_squares()) as scene:
        for region in scene.everything("apg"):
            (again,) = scene.segment(Prompt(points=region.prompt["points"]))
            np.testing.assert_array_equal(again.mask(), region.mask())


def test_thresholds_of_the_decoder_and_of_masks_both_count(session):
    with session.encode(two_squares()) as scene:
        none = scene.everything("apg", center_distance_threshold=0.0)
        assert none == []
        assert none.message == "Nothing was found: the model's decoder sees no object in this image."
        strict = scene.everything("apg", pred_iou_thresh=0.96)
        assert strict == []
        assert "2 have a predicted IoU of 0.96 or less" in strict.message
        large = scene.everything("apg", min_area=700)
        assert large == []
        assert "2 have no pixel, or fewer than min_area" in large.message


@pytest.mark.parametrize(
    "options",
    [
        {"points_per_side": 8},
        {"distance_smoothing": 1.0},
        {"foreground_smoothing": 0.0},
        {"crop_n_layers": 1},
        {"crop_overlap_ratio": 0.2},
        {"box_nms_thresh": 1.5},
        {"foreground_threshold": -0.1},
    ],
)
def test_what_does_not_go_with_it_or_is_out_of_range_is_refused(session, options):
    with session.encode(two_squares()) as scene, pytest.raises(InputError):
        scene.everything("apg", **options)


def test_a_model_without_a_decoder_says_so(worker_python, tmp_path):
    with (
        open_session(worker_python, tmp_path) as opened,
        opened.encode(two_squares()) as scene,
        pytest.raises(PromptError, match="has no decoder"),
    ):
        scene.everything("apg")


def test_it_can_be_cancelled_between_points(worker_python, tmp_path):
    token, told = CancelToken(), []

    def progress(event):
        told.append(event)
        if event.done > 0.5:
            token.cancel()

    with (
        open_session(worker_python, tmp_path, maps=True, prompt_s=1.0) as opened,
        opened.encode(two_squares()) as scene,
        pytest.raises(Cancelled),
    ):
        scene.everything("apg", cancel=token, progress=progress)
    assert told


def test_a_large_image_is_cut_and_each_object_found_once_and_whole(worker_python, tmp_path):
    image = np.zeros((300, 520), np.uint8)
    places = [(x, y) for y in range(10, 280, 30) for x in range(10, 500, 30)]
    for x, y in places:
        image[y : y + 18, x : x + 18] = 200
    with (
        open_session(worker_python, tmp_path, maps=True, tile_px=128) as opened,
        opened.encode(image) as scene,
    ):
        found = scene.everything("apg", box_nms_thresh=0.95)
        assert sorted(boxes(found)) == sorted((x, y, x + 18, y + 18) for x, y in places)
        assert f"by {found.counts['points']} points that the model's decoder gave" in found.message
        # Points are asked in a block's core and a little around it, not in all that it sees.
        assert len(places) <= found.counts["points"] < found.counts["seeds"]
