"""`samj-bridge serve` as a command: the port, the status, the end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from serving import Served

from samj_bridge.cli.commands import serve as command
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


def run(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "samj_bridge.cli.main", "serve", *map(str, arguments)],
        env={**os.environ, "SAMJ_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_status_says_what_runs(served: Served) -> None:
    done = run(served.home, "--status", "--json")
    (server,) = json.loads(done.stdout)["data"]["servers"]
    assert server["pid"] == served.process.pid
    assert server["model"] == "starter"
    assert f"process {served.process.pid}" in run(served.home, "--status").stdout


def test_without_a_server_the_status_says_so(tmp_path: Path) -> None:
    assert "No server runs" in run(tmp_path, "--status").stdout


def test_a_port_that_samj_bridge_has_is_said_to_be_its_own(served: Served) -> None:
    done = run(served.home, "--port", served.port)
    assert done.returncode == 1
    assert "by samj-bridge" in done.stderr
    assert "--any-port" in done.stderr


def test_a_port_of_another_program_is_said_to_be_its(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run(served.home, "--port", other.getsockname()[1])
    assert done.returncode == 1
    assert "in use by" in done.stderr
    if sys.platform == "linux":
        assert f"process {os.getpid()}" in done.stderr


def test_what_watches_the_command_may_fail_and_a_taken_port_is_passed_over(
    linked_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cancel = CancelToken()
    told: list[ProgressEvent] = []

    def progress(event: ProgressEvent) -> None:
        told.append(event)
        if event.stage == "serve":
            cancel.cancel()
        raise RuntimeError("a window that has gone")

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        result = command.run(
            Settings(home=linked_home),
            host="127.0.0.1",
            port=taken,
            any_port=True,
            model="starter",
            roots=[],
            progress=progress,
            cancel=cancel,
        )
    data: dict[str, Any] = result.data
    assert told[-1].stage == "serve"
    assert int(data["address"].rpartition(":")[2]) > taken
    assert data["address"] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "nothing"), "nothing"),
        (("--root", "no such folder"), "no folder"),
        (("--host", "203.0.113.7"), "203"),
    ],
)
def test_what_can_not_be_served_is_said_before_anything_starts(tmp_path: Path, arguments: Any, words: str) -> None:
    done = run(tmp_path, "--port", 0, *arguments)
    assert done.returncode in {1, 2}
    assert words in done.stderr
    assert not (tmp_path / "envs").exists()


def test_without_an_environment_and_without_a_network_nothing_is_served(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "samj_bridge.cli.main", "serve", "--port", "0", "--home", str(tmp_path), "--json"],
        env={**os.environ, "SAMJ_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["errors"][0]["hint"]
