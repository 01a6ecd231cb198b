"""What the tests of downloads share: a server with the file that a module names, and processes that fetch it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.file_server import FileServer, serve
from resuming import PROGRAM, Start, source

from samj_bridge.download import Source


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[FileServer]:
    """Serve ``CONTENT`` of the test's module as ``/a.bin``."""
    with serve(FileServer({"/a.bin": request.module.CONTENT})) as running:
        yield running


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts a download in a process of its own, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(server: FileServer, target: Path, wanted: Source | None = None) -> subprocess.Popen[str]:
        wanted = wanted or source(server)
        order = {"url": wanted.urls[0], "target": str(target), "size": wanted.size, "hashes": wanted.hashes}
        command = [sys.executable, PROGRAM, json.dumps(order)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.__exit__(None, None, None)
