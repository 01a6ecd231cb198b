"""Workers and hosts that are killed, that print where they must not, that choke: nothing hangs, nothing stays."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fakes.opening import is_running, open_session, shared_blocks, two_squares, wait_until

from samj_bridge.errors import WorkerCrashed
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker

POINT = Prompt(points=[(35, 25)])


@pytest.fixture(autouse=True)
def nothing_stays():
    before = shared_blocks()
    yield
    assert wait_until(lambda: shared_blocks() <= before)


@pytest.mark.parametrize(
    "knobs",
    [
        {"stdout": "a whole line\n"},
        {"stdout": "no line break"},
        {"stdout": '{"task":"x","responseType":"COMPLETION"}\n'},
        {"raw_stdout": "raw, without a line break"},
        {"raw_stderr": "ff fe fd 0a"},
        {"stderr_bytes": 1 << 20},
        {"child": True},
        {"read_stdin": True},
    ],
    ids=lambda knobs: next(iter(knobs)),
)
def test_whatever_a_library_writes_the_call_is_answered(worker_python, tmp_path, knobs):
    with open_session(worker_python, tmp_path, **knobs) as session:
        for _ in range(2):
            scene = session.encode(two_squares())
            assert scene.segment(POINT)[0].area == 600
        assert session.stats()["restarts"] == 0


def test_a_score_that_is_no_number_is_none(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, nan_score=True) as session:
        assert session.encode(two_squares()).segment(POINT)[0].score is None


@pytest.mark.parametrize("operation", ["encode", "segment"])
def test_a_worker_that_dies_once_is_not_noticed(worker_python, tmp_path, operation):
    marker = str(tmp_path / "marker")
    with open_session(worker_python, tmp_path, kill_in=operation, kill_marker=marker) as session:
        scene = session.encode(two_squares())
        assert [region.area for region in scene.segment([POINT] * 3)] == [600] * 3
        assert session.stats()["restarts"] == 1


def test_a_worker_that_dies_twice_in_a_call_is_an_error_with_its_last_words(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, kill_in="encode") as session:
        with pytest.raises(WorkerCrashed, match="killed by signal 9 during encode") as caught:
            session.encode(two_squares())
        assert caught.value.details["exit_code"] == -signal.SIGKILL
        assert "these are my last words" in caught.value.details["last_lines"]
        assert "worker.log" in caught.value.hint
        # The next call gets its own two attempts.
        assert session.stats()["restarts"] >= 2


def test_a_worker_killed_in_the_middle_of_a_batch_loses_no_prompt_and_repeats_none(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, prompt_s=0.002) as session:
        scene = session.encode(two_squares())
        indices = []
        for index, regions in scene.stream([POINT] * 300):
            indices.append(index)
            assert regions[0].area == 600
            if index == 50:
                os.kill(session.hello["pid"], signal.SIGKILL)
        assert indices == list(range(300))
        assert session.stats()["restarts"] == 1


def test_a_worker_killed_in_an_encode_under_eight_threads_costs_no_call(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, blocks=5, block_s=0.02) as session:
        areas, errors = [], []

        def work():
            try:
                areas.extend(session.encode(two_squares()).segment(POINT)[0].area for _ in range(3))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        pid = session.hello["pid"]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join(120)
        assert (errors, areas) == ([], [600] * 24)


def test_a_worker_that_dies_between_calls_is_not_noticed(worker_python, tmp_path):
    with open_session(worker_python, tmp_path) as session:
        scene = session.encode(two_squares())
        for _ in range(3):
            os.kill(session.hello["pid"], signal.SIGKILL)
            assert scene.segment(POINT)[0].area == 600


HOST = """
import sys, os, time
from pathlib import Path
from fakes.opening import open_session, two_squares
if __name__ == "__main__":
    session = open_session(Path(sys.argv[1]), Path(sys.argv[2]), hang=600)
    child = os.fork() if sys.argv[3] == "fork" else 1
    if child == 0:
        time.sleep(60)  # holds the worker's stdin open
        os._exit(0)
    print(session.hello["pid"], child, os.getpid(), flush=True)
    session.encode(two_squares())
"""


@pytest.mark.parametrize("manner", ["plain", "fork"])
def test_a_host_that_is_killed_leaves_no_worker_and_no_memory(worker_python, tmp_path, manner):
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
    command = [sys.executable, "-c", HOST, str(worker_python), str(tmp_path), manner]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as host:
        pid, child, own = map(int, host.stdout.readline().split())
        assert wait_until(lambda: shared_blocks(own))
        host.kill()
        assert wait_until(lambda: not is_running(pid), timeout_s=120)
        if manner == "fork":
            # The child keeps Python's tracker of shared memory waiting; when it ends, the memory goes.
            os.kill(child, signal.SIGKILL)
        assert wait_until(lambda: not shared_blocks(own))


def test_a_program_that_forgets_to_close_ends_and_leaves_nothing(worker_python, tmp_path):
    root = Path(__file__).parents[2]
    program = HOST.replace("hang=600", "blocks=2")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
    command = [sys.executable, "-W", "error", "-c", program, str(worker_python), str(tmp_path), "plain"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    worker, _, own = map(int, done.stdout.split())
    assert not is_running(worker)
    assert not shared_blocks(own)


def test_the_end_of_a_session_is_not_delayed_by_a_worker_that_hangs(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, hang=600) as session:
        thread = threading.Thread(target=_encode_and_fail, args=(session,))
        thread.start()
        time.sleep(0.3)
        pid = session.hello["pid"]
    assert not is_running(pid)
    thread.join(120)
    assert not thread.is_alive()
    assert json.loads((tmp_path / "test.json").read_text()) == {"hang": 600}


def _encode_and_fail(session):
    with pytest.raises(Exception, match=r"closed|ended"):
        session.encode(two_squares())
