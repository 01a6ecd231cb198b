"""A file that is fetched by processes which are killed, cancelled or wait for each other."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from fakes.file_server import Content, FileServer

from samj_bridge.download import Policy, Source

PROGRAM = Path(__file__).parents[1] / "fakes" / "downloader.py"
CONTENT = Content(6_000_000, seed=1)
QUICK = Policy(backoff_s=0.02, longest_backoff_s=0.1, connect_s=5.0, stall_s=20.0)
# A cancel must not wait for the server: with these limits the test would hang if it did.
ENDLESS = Policy(stall_s=3600.0, connect_s=3600.0)
Start = Callable[..., "subprocess.Popen[str]"]


def source(server: FileServer) -> Source:
    content = server.files["/a.bin"]
    return Source((f"{server.url}/a.bin",), "a.bin", content.size, (content.hash(),), allow_http=True)


def wait_for(condition: object, process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came to that"
        assert process is None or process.poll() is None, "it ended before"
        time.sleep(0.01)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
