"""The stand-in's steering wheel: what is to go wrong, where it stops or dies, and how it says what went wrong."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

STEERED_FROM = os.environ.get("STANDIN_DIR", "")

NOTICE = (
    "warning  libmamba Security Warning: This transaction includes executing package scripts (pre/post-link/"
    "unlink) if present. These scripts can contain arbitrary code. Please ensure you trust the package sources."
)
"""The first line of every creation, whatever becomes of it."""


class Failure(Exception):
    """What ends with exit status 1: lines for standard error, and JSON for standard output, if any."""

    def __init__(self, *lines: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.report = report

    def tell(self, *, as_json: bool) -> None:
        """Say it as micromamba does: with --json the log is the report; a critical end brings a backtrace."""
        if as_json:
            log = [line for line in self.lines if not line.startswith("error")]
            print(json.dumps(self.report if self.report is not None else {"log_history": log}))
            return
        for line in self.lines:
            sys.stderr.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
        if any(line.startswith("critical") for line in self.lines):
            for line in (
                "info     libmamba ****** Backtrace Start ******",
                "debug    libmamba Transfer finished, releasing the handle",
                "info     libmamba Searching index cache file for repo, permission denied is no trouble here",
                "info     libmamba ****** Backtrace End ********",
            ):
                print(line, file=sys.stderr)
        sys.stderr.flush()


def fault(name: str) -> Any:
    if not STEERED_FROM:
        return None
    try:
        return json.loads((Path(STEERED_FROM) / "faults.json").read_text()).get(name)
    except FileNotFoundError:
        return None


def step(name: str) -> None:
    """Pass a step; when it is the one to stop at, say so in a file and sleep; or die there of a signal."""
    if fault("pause_at") == name:
        (Path(STEERED_FROM) / "paused").write_text(str(os.getpid()))
        time.sleep(120)
    at, number = fault("dies_at") or ("", 0)
    if at == name:
        sys.stderr.flush()
        os.kill(os.getpid(), number)
        time.sleep(10)
