"""Encodings named by content: free for the same pixels in the same worker, and from disk in another session."""

import numpy as np
import pytest
from fakes.opening import VARIABLES, open_session, two_squares

from samj_bridge.errors import InputError
from samj_bridge.session import Prompt, Session
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


def opened(python, home, **changes):
    settings = Settings(home=home, **{"threads": 1, **changes})
    launcher = Launcher(python, settings, VARIABLES, ("--disk-seconds", "0"))
    return Session("starter", settings=settings, launcher=launcher, device="cpu")


def test_the_same_pixels_are_encoded_once_and_each_scene_keeps_its_own(worker_python, tmp_path):
    with open_session(worker_python, tmp_path) as session:
        first, second = session.encode(two_squares()), session.encode(two_squares())
        assert session.stats()["encoded"] == 1
        first.close()
        other = session.encode(two_squares(), ranges=(0, 200))
        assert session.stats()["encoded"] == 2
        (region,) = second.segment(Prompt(points=[(35, 25)]))
        assert region.area == 600
        assert other.segment(Prompt(points=[(35, 25)]))[0].is_empty


def test_another_session_finds_the_encoding_on_disk_and_answers_the_same(worker_python, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 999, (150, 140), dtype=np.uint16)
    answers = []
    for changes in ({}, {}, {"encodings_disk_bytes": 0}):
        with opened(worker_python, tmp_path, **changes) as session:
            with session.encode(pixels) as scene:
                answers.append([r.mask() for r in scene.segment(Prompt(box=(20, 30, 90, 100)), candidates=3)])
                answers[-1].append(scene.ranges)
            answers[-1].append(session.stats()["encoded"])
    assert [answer.pop() for answer in answers] == [1, 0, 1]
    assert answers[0].pop() == answers[1].pop() == answers[2].pop()
    for again in answers[1:]:
        for one, other in zip(answers[0], again, strict=True):
            np.testing.assert_array_equal(one, other)
    (kept,) = (tmp_path / "cache" / "encodings").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    with opened(worker_python, tmp_path) as session, session.encode(pixels) as scene:
        assert session.stats()["encoded"] == 1
        np.testing.assert_array_equal(scene.segment(Prompt(box=(20, 30, 90, 100)))[0].mask(), answers[0][0])


def test_the_precision_can_be_asked_for_and_the_worker_says_which_it_is(worker_python, tmp_path):
    settings = Settings(home=tmp_path, threads=1)
    for wanted in ("auto", "float32", "bfloat16"):
        launcher = Launcher(worker_python, settings, VARIABLES)
        with Session("starter", settings=settings, launcher=launcher, precision=wanted) as session:
            # The starter computes in float32 only, and says so.
            assert session.loaded["precision"] == "float32"
            assert bool(session.loaded["reason"]) == (wanted != "float32")
            assert session.hello["precision"] in ("float32", "bfloat16", "float16")
    with pytest.raises(InputError, match="float8"):
        Session("starter", settings=settings, launcher=launcher, precision="float8")
