"""Answers that take long, clients that go away, workers that die: tried on a real socket, without a network."""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from samj_bridge.errors import Cancelled, InputError, SamjError, WorkerCrashed
from samj_bridge.server import answering
from samj_bridge.server.answering import status_of, waiting_for
from samj_bridge.server.bounds import Bodies, BoundedProtocol
from samj_bridge.server.hub import Hub
from samj_bridge.server.serving import _Server
from samj_bridge.server.turns import Job
from samj_bridge.settings import Settings

Work = Callable[[Job], Any]


class Bench:
    """An application with one route, whose work a test chooses."""

    def __init__(self, settings: Settings) -> None:
        self.hub = Hub(settings)
        self.work: Work = lambda job: "nothing"
        self.options: dict[str, Any] = {}
        self.port = 0

    async def answer(self, request: Request) -> Response:
        await request.body()
        return waiting_for(self.hub, request, "test", "work", self.work, lambda done: done, **self.options)

    def post(self) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/", b"{}")
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture
def bench(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(answering, "QUIET_S", 0.2)
    monkeypatch.setattr(answering, "BLANK_S", 0.1)
    made = Bench(settings)
    app = Starlette(routes=[Route("/", made.answer, methods=["POST"])], middleware=[Middleware(Bodies)])
    listener = socket.create_server(("127.0.0.1", 0))
    made.port = listener.getsockname()[1]
    server = _Server(uvicorn.Config(app, http=BoundedProtocol, ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield made
    finally:
        made.hub.close()
        server.should_exit = True
        thread.join(30)


def fail(error: Exception, after_s: float = 0.0) -> Work:
    def work(job: Job) -> None:
        time.sleep(after_s)
        raise error

    return work


def test_a_quick_answer_has_nothing_before_it(bench: Bench) -> None:
    bench.work = lambda job: [1, 2]
    assert bench.post() == (200, b"[1,2]")


def test_a_slow_answer_begins_with_blanks(bench: Bench) -> None:
    def work(job: Job) -> list[int]:
        time.sleep(1.0)
        return [1]

    bench.work = work
    status, body = bench.post()
    assert status == 200
    assert body.endswith(b"[1]")
    assert body.strip() == b"[1]"
    assert body.count(b" ") >= 3


def test_a_quick_failure_has_its_status_and_a_slow_one_ends_as_it_was_said(bench: Bench) -> None:
    bench.work = fail(InputError("No good.", hint="Do better."))
    status, body = bench.post()
    assert (status, body) == (422, b'{"detail":"No good. Do better.","code":"bad-input"}')
    bench.work = fail(InputError("No good."), 0.6)
    assert bench.post()[1].strip() == b'{"detail":"No good.","code":"bad-input"}'
    bench.options = {"too_late": []}
    assert bench.post()[1].strip() == b"[]"


def test_an_error_that_nobody_foresaw_is_a_line_without_the_traceback(bench: Bench) -> None:
    bench.work = fail(RuntimeError("secret /path"))
    status, body = bench.post()
    assert status == 500
    assert b"secret" not in body
    assert b"RuntimeError" in body


def test_a_full_disk_and_a_lack_of_memory_are_said(bench: Bench) -> None:
    bench.work = fail(OSError(errno.ENOSPC, "No space left on device", "/secret"))
    status, body = bench.post()
    assert status == 507
    assert b"full" in body
    assert b"secret" not in body
    bench.work = fail(MemoryError())
    assert bench.post()[0] == 507


def test_what_runs_is_stopped_when_its_client_goes_and_what_waits_too(bench: Bench) -> None:
    stopped, begun = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        begun.set()
        if job.cancel.wait(30):
            stopped.set()

    bench.work = work
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    first = socket.create_connection(("127.0.0.1", bench.port))
    first.sendall(request)
    assert begun.wait(30)
    second = socket.create_connection(("127.0.0.1", bench.port))
    second.sendall(request)
    _until(lambda: len(bench.hub.turns.waiting()) == 1)
    second.close()
    _until(lambda: not bench.hub.turns.waiting())
    assert not stopped.is_set()
    first.close()
    assert stopped.wait(30)


def test_work_whose_worker_dies_is_done_again_but_not_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "QUIET_S", 60)
    tries: list[int] = []

    def work(job: Job) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise WorkerCrashed("It died.")
        return len(tries)

    bench.work = work
    assert bench.post() == (200, b"3")
    bench.work = fail(WorkerCrashed("It died.", hint="Its log is /some/where/a.log.", log="/some/where/a.log"))
    status, body = bench.post()
    assert status == 500
    assert b"in each of 3 tries to do this (work)" in body
    assert b"Its log is a.log." in body
    assert bench.hub.restarts == 5


def test_others_are_answered_while_one_waits_whose_worker_died(bench: Bench) -> None:
    order: list[str] = []

    def deadly(job: Job) -> None:
        order.append("deadly")
        raise WorkerCrashed("It died.", operation="segment", exit_code=-9)

    poison = bench.hub.ask("a", "deadly", deadly)
    others = [bench.hub.ask("b", "other", lambda job: order.append("other")) for _ in range(3)]
    for other in others:
        other.future.result(30)
    assert isinstance(poison.future.exception(30), WorkerCrashed)
    # The first pause is long enough for all of them.
    assert order == ["deadly", "other", "other", "other", "deadly", "deadly"]


def test_a_job_can_be_stopped_while_it_waits_for_another_worker(bench: Bench) -> None:
    def deadly(job: Job) -> None:
        raise WorkerCrashed("It died.", operation="hello", exit_code=-9)

    job = bench.hub.ask("a", "deadly", deadly)
    _until(lambda: bench.hub.restarts >= 3)
    bench.hub.stop(job)
    assert isinstance(job.future.exception(30), Cancelled)
    assert bench.hub.turns.waiting() == []


def test_a_server_that_ends_says_so(bench: Bench) -> None:
    bench.hub.close()
    with pytest.raises(SamjError, match="ending"):
        bench.hub.ask("a", "b", lambda job: None)


def test_every_error_of_the_tree_has_a_status() -> None:
    def below(kind: type[SamjError]) -> Iterator[type[SamjError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from below(each)

    for kind in below(SamjError):
        assert 400 <= status_of(kind("x")) < 600


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
