"""What becomes of a session: calls given up, memory run out, workers ended, sessions closed and let go."""

import gc
import time
from pathlib import Path

import numpy as np
import pytest
from fakes.opening import launcher, open_session, shared_blocks, test_model, two_squares, wait_until

from samj_bridge.errors import (
    Cancelled,
    ImageError,
    InstallError,
    ModelError,
    OutOfMemory,
    WorkerError,
    WorkerTimeout,
)
from samj_bridge.progress import CancelToken
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


def test_a_forgotten_encoding_is_made_again(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, "--cache-bytes", "1000") as session:
        other = two_squares()
        other[0, 0] = 1
        first, second = session.encode(two_squares()), session.encode(other)
        for scene in (first, second, first):
            assert len(scene.segment([Prompt(points=[(35, 25)]), Prompt(points=[(35, 65)])])) == 2
        assert session.stats()["encodings"] == 1
        assert session.stats()["encoded"] >= 4


def test_a_call_can_be_cancelled_in_mid_encode_and_between_prompts(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, blocks=200, block_s=0.05, prompt_s=0.01) as session:
        token, events = CancelToken(), []

        def watch(event):
            events.append(event)
            if event.done > 0:
                token.cancel()

        begun = time.monotonic()
        with pytest.raises(Cancelled):
            session.encode(two_squares(), progress=watch, cancel=token)
        assert time.monotonic() - begun < 8
        assert {event.stage for event in events} == {"encode"}
        pid = session.stats()["pid"]
        with pytest.raises(Cancelled):
            session.encode(two_squares(), cancel=token)
        assert session.stats()["pid"] == pid


def test_a_batch_can_be_cancelled_between_two_prompts(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, prompt_s=0.02) as session:
        scene, token, got = session.encode(two_squares()), CancelToken(), []

        def watch(event):
            got.append(event.done)
            if event.done == 5:
                token.cancel()

        with pytest.raises(Cancelled):
            scene.segment([Prompt(points=[(35, 25)])] * 200, cancel=token, progress=watch)
        assert len(got) < 100
        assert session.stats()["restarts"] == 0
        assert scene.segment(Prompt(points=[(35, 25)]))[0].area == 600


def test_a_call_that_hangs_is_given_up_and_the_next_one_works(worker_python, tmp_path):
    checkpoint = tmp_path / "test.json"
    with open_session(worker_python, tmp_path, hang=600) as session:
        pid = session.hello["pid"]
        checkpoint.write_text("{}")
        with pytest.raises(WorkerTimeout, match="1 s") as caught:
            session.encode(two_squares(), timeout_s=1)
        assert caught.value.hint
        assert wait_until(lambda: not Path(f"/proc/{pid}").exists())
        assert session.encode(two_squares()).segment(Prompt(points=[(35, 25)]))[0].area == 600
        assert session.stats()["restarts"] == 1


def test_an_image_too_large_for_the_memory_is_refused_with_numbers(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, "--memory-bytes", "100000") as session:
        with pytest.raises(ImageError, match=r"0\.00 GB of memory") as caught:
            session.encode(np.zeros((1000, 1000), np.uint8))
        assert caught.value.code == "image-too-large"
        assert caught.value.details["available_bytes"] == 100_000
        assert session.encode(np.zeros((20, 20), np.uint8)).shape == (20, 20)


def test_running_out_of_memory_is_an_error_and_not_the_end(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, memory="real") as session:
        for _ in range(2):
            with pytest.raises(OutOfMemory, match="Memory ran out during encode"):
                session.encode(two_squares())
        assert session.stats()["restarts"] == 0


def test_a_closed_session_says_so_and_leaves_nothing(worker_python, tmp_path):
    before = shared_blocks()
    session = open_session(worker_python, tmp_path)
    scene, pid = session.encode(two_squares()), session.hello["pid"]
    session.close()
    session.close()
    assert not Path(f"/proc/{pid}").exists()
    assert shared_blocks() <= before
    for call in (
        lambda: session.encode(two_squares()),
        lambda: scene.segment(Prompt(points=[(1, 1)])),
        session.stats,
    ):
        with pytest.raises(WorkerError, match="closed") as caught:
            call()
        assert caught.value.code == "session-closed"


def test_a_session_that_is_let_go_ends_its_worker_but_not_under_a_scene(worker_python, tmp_path):
    scene = open_session(worker_python, tmp_path).encode(two_squares())
    gc.collect()
    pid = scene._session.hello["pid"]
    assert scene.segment(Prompt(points=[(35, 25)]))[0].area == 600
    answers = scene.stream([Prompt(points=[(35, 25)])])
    del scene
    gc.collect()
    assert [region.area for _, regions in answers for region in regions] == [600]
    del answers
    gc.collect()
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_what_can_not_be_opened_says_why(worker_python, tmp_path):
    settings = Settings(home=tmp_path / "home")
    with pytest.raises(ModelError, match="no model 'nobody'") as caught:
        Session("nobody", settings=settings)
    assert "starter" in caught.value.hint
    with pytest.raises(InstallError, match="There is no Python"):
        Session(test_model(tmp_path), settings=settings, python=tmp_path / "python")
    with pytest.raises(InstallError, match="can't be started") as caught:
        Session(test_model(tmp_path), settings=settings, launcher=launcher(tmp_path, settings))
    assert "doctor" in caught.value.hint
    with pytest.raises(WorkerError, match="'tpu' is not available"):
        Session(test_model(tmp_path), settings=settings, launcher=launcher(worker_python, settings), device="tpu")
    model = test_model(tmp_path)
    model.file.unlink()
    with pytest.raises(ModelError, match="weights"):
        Session(model, settings=settings, launcher=launcher(worker_python, settings))


def test_a_given_python_is_used_as_it_is(worker_python, tmp_path):
    settings = Settings(home=tmp_path / "home")
    # The test family is unknown without its flag, so this is as far as it goes: the worker ran and answered.
    with pytest.raises(ModelError, match="no model family 'test'"):
        Session(test_model(tmp_path), settings=settings, python=worker_python)
    assert not (tmp_path / "home" / "envs").exists()


def test_the_log_has_what_the_worker_printed(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, stdout="printed in the worker\n") as session:
        session.encode(two_squares())
    assert "printed in the worker" in (tmp_path / "home" / "logs" / "worker.log").read_text()


def test_logs_that_can_not_be_written_do_not_matter(worker_python, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "logs").write_text("a file in the way")
    with open_session(worker_python, tmp_path, stdout="printed\n") as session:
        session.encode(two_squares())
