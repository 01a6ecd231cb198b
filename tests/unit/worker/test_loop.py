"""The loop in a process of its own, with operations of these tests: no torch needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import os, sys, time
sys.path.insert(0, {root!r})
from samj_bridge.worker import stdio
from samj_bridge.worker.loop import Loop
requests, writer = stdio.take_over()
def echo(inputs, context):
    return dict(inputs)
def noisy(inputs, context):
    print("no line break", end="")
    os.write(1, b"raw")
    os.system("echo a child")
    print("\\ud800", sys.stdin.read())
    return {{"nan": float("nan")}}
def slow(inputs, context):
    while True:
        context.check(0.5)
        time.sleep(0.01)
def deaf(inputs, context):
    time.sleep(600)
def wrong(inputs, context):
    raise KeyError("x")
def leaves(inputs, context):
    sys.exit(4)
def updates(inputs, context):
    for number in range(inputs["count"]):
        context.update(current=number, maximum=inputs["count"], info={{"n": number}})
    return {{}}
Loop(requests, writer, dict(echo=echo, noisy=noisy, slow=slow, deaf=deaf, wrong=wrong, leaves=leaves,
    updates=updates)).run()
"""


class Worker:
    """A process that serves, and its pipes."""

    def __init__(self):
        program = PROGRAM.format(root=str(ROOT))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, "-c", program], **pipes)

    def send(self, task, script=None, **inputs):
        if script is None:
            self.write(json.dumps({"task": task, "requestType": "CANCEL"}).encode())
        else:
            request = {"task": task, "requestType": "EXECUTE", "script": script, "inputs": inputs}
            self.write(json.dumps(request).encode())

    def write(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def read(self):
        return json.loads(self.process.stdout.readline())

    def answer(self, task):
        """Read up to the last response to a task."""
        while True:
            response = self.read()
            if response["task"] == task and response["responseType"] not in ("LAUNCH", "UPDATE"):
                return response


@pytest.fixture
def worker():
    running = Worker()
    with running.process:
        yield running
        running.process.kill()


def test_operations_are_answered_in_order(worker):
    for number in range(50):
        worker.send(str(number), "echo", n=number)
    answers = [worker.read() for _ in range(100)]
    assert [answer["task"] for answer in answers] == [str(n) for n in range(50) for _ in range(2)]
    assert [answer["outputs"]["n"] for answer in answers[1::2]] == list(range(50))


def test_whatever_is_printed_goes_to_the_log_and_reading_stdin_gives_nothing(worker):
    worker.send("a", "noisy")
    assert worker.answer("a")["outputs"] == {"nan": None}
    worker.process.stdin.close()
    log = worker.process.stderr.read()
    assert b"no line break" in log
    assert b"raw" in log
    assert b"a child" in log
    assert worker.process.stdout.read() == b""


def test_lines_that_are_no_requests_are_survived(worker):
    for line in (b"", b"garbage", b"\xff", b"[]", b"{}", b"[" * 10_000, b'{"task":"x"}'):
        worker.write(line)
    assert worker.read()["error"].startswith('{"code":"bad-request"')
    worker.send("a", "echo", n=1)
    assert worker.answer("a")["outputs"] == {"n": 1}


def test_what_an_operation_raises_is_an_internal_failure_and_the_worker_serves_on(worker):
    worker.send("a", "wrong")
    worker.send("b", "leaves")
    worker.send("c", "import os; os._exit(1)")
    codes = [json.loads(worker.answer(task)["error"])["code"] for task in "abc"]
    assert codes == ["internal", "internal", "unknown-operation"]
    worker.send("d", "echo")
    assert worker.answer("d")["responseType"] == "COMPLETION"


def test_cancel_stops_what_runs_and_what_waits(worker):
    worker.send("a", "slow")
    worker.send("b", "echo")
    assert worker.read()["responseType"] == "LAUNCH"
    worker.send("b")
    assert worker.answer("b") == {"task": "b", "responseType": "CANCELATION"}
    worker.send("a")
    assert worker.answer("a") == {"task": "a", "responseType": "CANCELATION"}
    worker.send("a")
    worker.send("nobody")
    worker.send("c", "echo", n=2)
    assert worker.answer("c")["outputs"] == {"n": 2}


def test_updates_carry_what_they_are_given(worker):
    worker.send("a", "updates", count=2)
    worker.read()
    assert worker.read() == {"task": "a", "responseType": "UPDATE", "current": 0, "maximum": 2, "info": {"n": 0}}


def test_work_in_hand_is_finished_when_stdin_ends(worker):
    for number in range(20):
        worker.send(str(number), "echo", n=number)
    worker.process.stdin.close()
    lines = worker.process.stdout.read().splitlines()
    assert len(lines) == 40
    assert worker.process.wait(120) == 0


@pytest.mark.parametrize("script", ["slow", "deaf"])
def test_the_process_ends_soon_after_stdin_does_whatever_it_is_doing(worker, script):
    worker.send("a", script)
    worker.read()
    worker.process.stdin.close()
    assert worker.process.wait(120) == 0


def test_the_process_ends_when_nobody_reads_its_answers(worker):
    worker.send("a", "echo", text="x" * 1_000_000)
    worker.process.stdout.close()
    assert worker.process.wait(120) == 0
