"""What can be seen of a running uv, as progress events: its lines on standard error, and its cache growing."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from samj_bridge.progress import Progress, ProgressEvent, notify
from samj_bridge.protocol.folders import folder_size

__all__ = ["UvProgress"]

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_STARTED = re.compile(r"^\s*Downloading (\S+) \(([\d.]+)\s*([KMG]?i?B)\)")
_ENDED = re.compile(r"^\s*Downloaded (\S+)")
_STEP = re.compile(r"^\s*(Resolved|Prepared|Installed) (\d+) packages?")
# uv unpacks while it downloads, so all that grows is unpacked; wheels of libraries shrink to about half.
_PACKED = 0.5
# After a look at tens of thousands of files (0.1 s), so many times as long without one: 4 % of a core at most.
_REST = 25


class UvProgress:
    """Takes uv's lines one by one and reports them.

    uv names each large download when it starts and when it has ended: the total grows while they are found, and
    between the two ends the done part is an estimate from what it has unpacked so far.

    Parameters
    ----------
    progress : callable
        Told of each step.
    temporary : callable
        Returns the folders in which uv is unpacking now; it hears of every line and tick.
    rest : float
        After adding up what is in them, so many times as long without.
    """

    def __init__(self, progress: Progress, temporary: Callable[[], list[Path]], *, rest: float = _REST) -> None:
        self._progress = progress
        self._temporary = temporary
        self._rest = rest
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._looking = threading.Lock()
        self._next_look = 0.0
        self._seen = 0
        self._finished = 0
        self._done = 0

    def line(self, line: str) -> None:
        """Take one line; those that mean nothing to a user are ignored."""
        self._temporary()
        if match := _STARTED.match(line):
            with self._lock:
                self._running[match[1]] = round(float(match[2]) * _UNITS[match[3]])
            self._tell(f"Downloading {match[1]} ({match[2]} {match[3]}).")
        elif match := _ENDED.match(line):
            with self._lock:
                self._finished += self._running.pop(match[1], 0)
            self._tell(f"Downloaded {match[1]}.")
        elif match := _STEP.match(line):
            self._step(match[1], int(match[2]))

    def tick(self) -> None:
        """Look how far the running downloads are; called every now and then."""
        self._temporary()
        with self._lock:
            names = ", ".join(self._running)
        if names:
            self._tell(f"Downloading {names}.")

    def _tell(self, message: str) -> None:
        unpacked = self._unpacked()
        with self._lock:
            running = sum(self._running.values())
            # Never backwards: what is finished leaves the temporary folders before uv says so.
            self._done = max(self._done, self._finished + min(running, round(unpacked * _PACKED)))
            event = ProgressEvent("download", message, self._done, self._finished + running, "bytes")
        notify(self._progress, event)

    def _unpacked(self) -> int:
        """Return what lies in the temporary folders, as of the last look: a look may not cost what uv needs."""
        if time.monotonic() >= self._next_look and self._looking.acquire(blocking=False):
            try:
                before = time.thread_time()
                self._seen = sum(folder_size(item) for item in self._temporary())
                self._next_look = time.monotonic() + self._rest * (time.thread_time() - before)
            finally:
                self._looking.release()
        return self._seen

    def _step(self, word: str, count: int) -> None:
        stage, message, done = {
            "Resolved": ("resolve", f"Checked {count} packages.", 0),
            "Prepared": ("install", f"{count} packages are here; installing them.", 0),
            "Installed": ("install", f"Installed {count} packages.", count),
        }[word]
        notify(self._progress, ProgressEvent(stage, message, done, count, "packages"))
