"""Calls to workers of a few lines that misbehave: no torch needed."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from samj_bridge import errors
from samj_bridge.errors import Cancelled, ProtocolMismatch, WorkerCrashed, WorkerError, WorkerTimeout
from samj_bridge.progress import CancelToken
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.session.connection.client import ERRORS, Client, error_of
from samj_bridge.session.connection.service import WorkerService

ODD = Path(__file__).parents[2] / "fakes" / "odd_worker.py"


@pytest.fixture
def start(tmp_path):
    services = []

    def begin(manner, silence_s=30.0):
        service = WorkerService([sys.executable, str(ODD), manner], dict(os.environ), tmp_path, lines.append)
        services.append(service.start())
        return Client(service, silence_s=silence_s, log="worker.log")

    lines = []
    begin.lines = lines
    yield begin
    for service in services:
        service.close(timeout_s=1.0)
        assert service.ended
    gc.collect()


def test_every_failure_code_has_an_error_and_keeps_its_code():
    assert set(ERRORS) == set(FailureCode)
    for code, kind in ERRORS.items():
        error = error_of(OperationFailed(code, "What.", hint="Do.", prompt=1, code_="x"))
        assert type(error) is kind
        assert (error.code, error.message, error.hint) == (code.value, "What.", "Do.")
        assert error.details["prompt"] == 1
    assert issubclass(ERRORS[FailureCode.OUT_OF_MEMORY], errors.OutOfMemory)


def test_details_can_not_overwrite_the_error_itself():
    failed = OperationFailed(FailureCode.INTERNAL, "What.")
    failed.details = {"message": "x", "code": "y", "hint": "z", "n": 1}
    assert error_of(failed).to_dict() == {"code": "internal", "message": "What.", "hint": "", "details": {"n": 1}}


def test_a_call_is_answered(start):
    client = start("plain")
    client.greet()
    assert client.hello["device"] == "cpu"
    assert client.start("anything").result() == {"script": "anything"}


def test_an_answer_of_megabytes_arrives(start):
    assert len(start("big").start("x").result()["text"]) == 5_000_000


@pytest.mark.parametrize("manner", ["garbage", "twice"])
def test_lines_that_nobody_understands_are_passed_over(start, manner):
    client = start(manner)
    for _ in range(3):
        assert client.start("x").result()


@pytest.mark.parametrize(
    ("manner", "text"), [("not-json-failure", "Traceback: something"), ("unknown-code", "New.")]
)
def test_a_failure_of_an_unknown_kind_keeps_its_text(start, manner, text):
    with pytest.raises(WorkerError, match=text) as caught:
        start(manner).start("x").result()
    assert caught.value.code == "internal"


@pytest.mark.parametrize(("manner", "side"), [("old-version", "worker"), ("new-version", "host")])
def test_another_version_of_the_protocol_says_which_side_to_update(start, manner, side):
    with pytest.raises(ProtocolMismatch) as caught:
        start(manner).greet()
    assert side in caught.value.hint


def test_a_worker_that_dies_is_reported_with_exit_code_and_last_words(start):
    client = start("dies")
    with pytest.raises(WorkerCrashed) as caught:
        client.start("x").result()
    # Not UTF-8: the stock service's reader would have died of it.
    assert caught.value.details["last_lines"] == ["letzte W�rter"]
    assert caught.value.details["exit_code"] == 7
    assert start.lines == ["letzte W�rter"]


def test_a_result_printed_just_before_the_end_is_a_result(start):
    for _ in range(5):
        assert start("answers-and-dies").start("x").result() == {"script": "x"}


def test_a_call_after_the_end_is_a_crash_and_no_broken_pipe(start):
    client = start("ends-at-once")
    client.service.wait_for(10)
    for _ in range(3):
        with pytest.raises(WorkerCrashed, match="exit code 3"):
            client.start("x").result()
    assert not client.service._tasks


def test_a_killed_worker_is_named_as_such(start):
    client = start("silent")
    threading.Timer(0.2, client.service.kill).start()
    with pytest.raises(WorkerCrashed, match="killed by signal 9") as caught:
        client.start("x").result()
    assert "memory" in caught.value.hint


@pytest.mark.parametrize("manner", ["silent", "launches-only"])
def test_a_worker_that_says_nothing_is_given_up(start, manner):
    client = start(manner, silence_s=0.3)
    with pytest.raises(WorkerTimeout, match=r"0\.3 s"):
        client.start("x").result()
    assert client.service.ended


def test_a_time_limit_of_a_call_holds_even_when_the_worker_is_lively(start):
    client = start("ticks")
    with pytest.raises(WorkerTimeout, match=r"0\.5 s"):
        client.start("x", timeout_s=0.5).result()
    assert client.service.ended


def test_a_call_that_only_waits_its_turn_does_not_cost_the_others_their_worker(start):
    client = start("ticks")
    ticking = client.start("x")
    assert next(iter(ticking)).current == 0
    # The odd worker would answer at once: send to it what it never launches.
    waiting = client.start("x", timeout_s=0.3)
    waiting._task.listeners.clear()
    with pytest.raises(WorkerTimeout, match="waiting for other calls"):
        waiting.result()
    assert not client.service.ended


def test_silence_of_one_call_is_fine_while_the_worker_serves_others(start):
    client = start("ticks")
    ticks = iter(client.start("x"))
    waiting = client.start("x")
    assert [next(ticks).current for _ in range(3)] == [0, 1, 2]
    # What happens when its time of silence is over: nothing.
    waiting._give_up()
    assert not client.service.ended
    assert [next(ticks).current for _ in range(3)] == [3, 4, 5]


def test_cancel_is_sent_and_answered(start):
    client, token = start("cancels"), CancelToken()
    threading.Timer(0.2, token.cancel).start()
    with pytest.raises(Cancelled):
        client.start("x", cancel=token).result()
    assert not client.service.ended
    assert not token._callbacks


def test_a_call_that_is_cancelled_beforehand_is_not_sent(start):
    client, token = start("silent"), CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        client.start("x", cancel=token)
    assert not client.service._tasks


def test_a_worker_that_does_not_heed_a_cancel_is_not_waited_for_and_ended_later(start, monkeypatch):
    monkeypatch.setattr("samj_bridge.session.connection.client._CANCEL_S", 0.2)
    monkeypatch.setattr("samj_bridge.session.connection.client._STUCK_S", 0.5)
    client, token = start("silent"), CancelToken()
    threading.Timer(0.1, token.cancel).start()
    call = client.start("x", cancel=token)
    with pytest.raises(Cancelled, match="still finishes"):
        call.result()
    assert not client.service.ended
    # Shared memory that it reads must not be given to another image.
    assert not call.settled
    assert client.service.wait_for(10) == -signal.SIGKILL


def test_close_ends_a_worker_that_ignores_the_end_of_stdin(start):
    client = start("ignores-the-end")
    client.greet()
    client.service.close(timeout_s=0.3)
    assert client.service.exit_code == -signal.SIGKILL
    client.service.close()


def test_forgotten_tasks_and_old_lines_do_not_pile_up(start):
    client = start("plain")
    for _ in range(200):
        client.start("x").result()
    assert not client.service._tasks
    for number in range(1000):
        client.service._note(b"line %d" % number)
    assert len(client.service.error_lines()) == 50


def test_a_line_without_end_is_taken_in_pieces(start):
    client = start("silent")
    read, write = os.pipe()
    client.service._process.stderr.close()
    client.service._process.stderr = os.fdopen(read, "rb", buffering=0)
    reader = threading.Thread(target=client.service._stderr_loop)
    reader.start()
    os.write(write, b"x" * 60_000)
    os.close(write)
    reader.join(120)
    assert {len(line) for line in start.lines} == {4096}


def test_many_threads_share_a_worker_without_losing_a_call(start):
    client, wrong = start("plain"), []

    def work(number):
        for turn in range(100):
            name = f"{number}-{turn}"
            if client.start(name, {"padding": "x" * 3000}).result() != {"script": name}:
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def test_a_program_ends_without_closing_and_its_worker_with_it(tmp_path):
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from samj_bridge.session.connection.service import WorkerService\n"
        f"service = WorkerService([sys.executable, {str(ODD)!r}, 'plain'], os.environ, Path('.'), print).start()\n"
        "print(service._process.pid)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, timeout=120, check=True
    )
    pid = int(done.stdout)
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_an_interpreter_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        WorkerService([str(tmp_path / "nowhere")], {}, tmp_path, print).start()
