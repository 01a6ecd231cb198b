"""Parts of large images are asked with sketches: seeds that have boxes. A fake network that draws the boxes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from samj_bridge.worker.everything.fast import find_fast
from samj_bridge.worker.everything.parameters import Parameters
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.families.base import SoftMask

SIZE = (100, 160)
BOXES = np.array([[12, 12, 28, 28], [82, 52, 98, 68], [14, 14, 26, 26], [122, 12, 138, 28]], float)
SCORES = np.array([0.9, 0.8, 0.7, 0.6])


class Drawing:
    """A network whose masks are the boxes of its sketches; it notes with which it is asked."""

    def __init__(self):
        self.asked = []

    def seeds(self, encoding, check):
        return (BOXES[:, :2] + BOXES[:, 2:]) / 2, SCORES.astype(np.float32)

    def sketches(self, encoding, check):
        check(1.0)
        return np.concatenate([self.seeds(encoding, check)[0], BOXES, SCORES[:, None]], 1)

    def propose(self, encoding, points_xy, check):
        raise AssertionError

    def propose_sketched(self, encoding, drawn, check):
        self.asked.append(drawn[:, 6].round(1).tolist())

        def soft(n, _k, _low):
            x0, y0, x1, y1 = drawn[n, 2:6].astype(int).tolist()
            return SoftMask(np.ones((y1 - y0, x1 - x0), np.float32), (x0, y0))

        return SimpleNamespace(scores=drawn[:, 6:].astype(np.float32), soft=soft)


@pytest.mark.parametrize("together", [1, 2, 16])
def test_two_in_one_box_are_never_asked_at_once(together):
    model, tally = Drawing(), Tally()
    parameters = Parameters(pred_iou_thresh=0, stability_score_thresh=0, points_per_batch=together)
    fractions = []
    found = list(find_fast(model, None, SIZE, parameters, tally, fractions.append, (0.0, 0.0, 160.0, 100.0)))
    # The third lies in the box of the first: it waits, and is then in what the first has found.
    assert model.asked == {1: [[0.9], [0.8], [0.6]], 2: [[0.9, 0.8], [0.6]], 16: [[0.9, 0.8, 0.6]]}[together]
    assert [item.box for item in found] == [(12, 12, 27, 27), (82, 52, 97, 67), (122, 12, 137, 27)]
    assert (tally.points, tally.skipped) == (3, 1)
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)


def test_only_those_in_the_area_are_asked_and_an_image_as_a_whole_never():
    model, parameters = Drawing(), Parameters(pred_iou_thresh=0, stability_score_thresh=0, points_per_batch=16)
    list(find_fast(model, None, SIZE, parameters, Tally(), lambda _: None, (50.0, 0.0, 110.0, 100.0)))
    assert model.asked == [[0.8]]
    with pytest.raises(AssertionError):
        # By points.
        list(find_fast(model, None, SIZE, parameters, Tally(), lambda _: None))
