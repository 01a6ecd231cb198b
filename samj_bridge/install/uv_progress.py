"""What uv says on standard error, as progress events."""

from __future__ import annotations

import re
from typing import Literal

from samj_bridge.progress import Progress, ProgressEvent

__all__ = ["UvProgress"]

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_STARTED = re.compile(r"^\s*Downloading (\S+) \(([\d.]+)\s*([KMG]?i?B)\)")
_ENDED = re.compile(r"^\s*Downloaded (\S+)")
_STEP = re.compile(r"^\s*(Resolved|Prepared|Installed) (\d+) packages?")


class UvProgress:
    """Takes uv's lines one by one and reports them.

    uv names each large download when it starts and when it has ended: the total grows while they are found.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sizes: dict[str, int] = {}
        self._done = 0

    def line(self, line: str) -> None:
        """Take one line; those that mean nothing to a user are ignored."""
        if match := _STARTED.match(line):
            self._sizes[match[1]] = round(float(match[2]) * _UNITS[match[3]])
            self._tell(f"Downloading {match[1]} ({match[2]} {match[3]}).")
        elif match := _ENDED.match(line):
            self._done += self._sizes.get(match[1], 0)
            self._tell(f"Downloaded {match[1]}.")
        elif match := _STEP.match(line):
            self._step(match[1], int(match[2]))

    def _tell(self, message: str) -> None:
        total = sum(self._sizes.values())
        self._progress(ProgressEvent("download", message, self._done, total, "bytes"))

    def _step(self, word: str, count: int) -> None:
        stages: dict[str, tuple[Literal["resolve", "install"], str]] = {
            "Resolved": ("resolve", f"Checked {count} packages."),
            "Prepared": ("install", f"{count} packages are here; installing them."),
            "Installed": ("install", f"Installed {count} packages."),
        }
        stage, message = stages[word]
        self._progress(ProgressEvent(stage, message, count if word == "Installed" else 0, count, "packages"))
