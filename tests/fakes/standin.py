"""The stand-in for micromamba as tests handle it: its executable, what it is to do wrong, what it was told."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("micromamba_standin.py")


class StandIn:
    """One executable in `folder`; see `micromamba_standin` for the faults."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "micromamba"
        command = shlex.join([sys.executable, "-s", str(_PROGRAM)])
        self.path.write_text(
            f'#!/bin/sh\nexport STANDIN_DIR={shlex.quote(str(folder))}\nexec {command} "$@"\n', encoding="utf-8"
        )
        self.path.chmod(0o755)

    def set(self, **faults: Any) -> None:
        """Let these go wrong from now on, and nothing else."""
        (self.folder / "paused").unlink(missing_ok=True)
        (self.folder / "faults.json").write_text(json.dumps(faults), encoding="utf-8")

    def calls(self) -> list[dict[str, Any]]:
        """Return every call so far: ``arguments`` and ``environment``."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return [json.loads(line) for line in lines]

    def wait_paused(self, timeout_s: float = 60.0) -> None:
        """Wait until it has stopped at the step named by ``pause_at``."""
        until = time.monotonic() + timeout_s
        while not (self.folder / "paused").exists():
            if time.monotonic() > until:
                raise TimeoutError("the stand-in never came to the step it was to stop at")
            time.sleep(0.02)
