"""One real `samj-bridge serve`, and a session to compare with, for all tests of this folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, served_by

from samj_bridge.session import Session
from samj_bridge.settings import Settings


@pytest.fixture(scope="session")
def served(linked_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("served") / "log.txt"
    roots = tmp_path_factory.mktemp("images é")
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "samj_bridge.cli.main",
                "serve",
                "--port",
                "0",
                "--no-browser",
                "--root",
                str(roots),
            ],
            env={**os.environ, "SAMJ_HOME": str(linked_home)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield served_by(process, linked_home, roots, log)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 0, log.read_text()
    assert "has ended" in log.read_text()
    assert not list((linked_home / "serve").glob("*.json"))


@pytest.fixture(scope="session")
def session(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    settings = Settings(home=tmp_path_factory.mktemp("alone"))
    with Session("starter", settings=settings, python=worker_python) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_is_left_running(served: Served) -> Iterator[None]:
    yield
    end = time.monotonic() + 60
    while served.state()["now"] is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert served.state()["waiting"] == []
