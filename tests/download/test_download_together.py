"""Several that want the same file at once: one fetches it, the others wait, and go on when it is killed."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import pytest
from fakes.file_server import Fault, FileServer
from resuming import CONTENT, QUICK, Start, kill, size_of, source, wait_for

from samj_bridge.download import fetch
from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings


def events_of(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return [json.loads(line) for line in output.splitlines()]


def test_of_two_processes_the_second_waits_shows_progress_and_asks_no_server(
    start: Start, server: FileServer, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    server.bytes_per_s = 3e5
    first = start(server, target)
    wait_for(lambda: size_of(tmp_path / "a.bin.part") > 0, first)
    second = start(server, target)
    assert second.stdout is not None
    seen: set[float] = set()
    while len(seen) < 3:
        # The second sees the first get on.
        event = json.loads(second.stdout.readline())
        assert event["stage"] == "wait"
        assert f"process {first.pid}" in event["message"]
        assert event["total"] == CONTENT.size
        seen.add(event["done"])
    server.bytes_per_s = 0.0
    firsts, seconds = events_of(first), events_of(second)
    assert len(server.requests) == 1
    assert firsts[-1] == seconds[-1]
    assert target.read_bytes() == CONTENT.bytes()


def test_when_the_first_is_killed_the_second_goes_on_from_there(
    start: Start, server: FileServer, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    server.bytes_per_s = 5e5
    first = start(server, target)
    wait_for(lambda: size_of(tmp_path / "a.bin.part") > 500_000, first)
    second = start(server, target)
    assert second.stdout is not None
    waiting = second.stdout.readline()
    assert json.loads(waiting)["stage"] == "wait"
    kill(first)
    server.bytes_per_s = 0.0
    events_of(second)
    assert target.read_bytes() == CONTENT.bytes()
    assert server.requests[1].range


def test_many_threads_want_one_file_and_one_fetches_it(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
        except SamjError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(server.requests) == 1
    assert (tmp_path / "a.bin").read_bytes() == CONTENT.bytes()


def test_a_waiting_download_can_be_cancelled(
    start: Start, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.always = Fault("stall", 3_000_000)
    process = start(server, tmp_path / "a.bin")
    try:
        wait_for(lambda: size_of(tmp_path / "a.bin.part") > 0, process)
        token = CancelToken()
        with pytest.raises(Cancelled):
            fetch(
                source(server),
                tmp_path / "a.bin",
                settings=settings,
                cancel=token,
                progress=lambda event: token.cancel() if event.stage == "wait" else None,
            )
    finally:
        kill(process)
