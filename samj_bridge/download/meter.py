"""How fast it goes and how long it still takes, in words."""

from __future__ import annotations

import time
from collections import deque

from samj_bridge.progress import Progress, ProgressEvent, notify

__all__ = ["Meter", "amount", "sentence_of"]

_EVERY_S = 0.1
_WINDOW_S = 5.0


class Meter:
    """Turns counts of bytes into progress events, ten a second at most.

    Parameters
    ----------
    progress : callable
        Takes the events.
    stage : str
        Of the events.
    what : str
        Beginning of the message: "Fetching a.bin".
    total : int, optional
        Bytes in all.
    """

    def __init__(self, progress: Progress, stage: str, what: str, total: int | None = None) -> None:
        self._progress = progress
        self._stage = stage
        self.what = what
        self.total = total
        self._marks: deque[tuple[float, int]] = deque()
        self._told = 0.0
        self._told_done = -1

    def tell(self, done: int, *, note: str = "", always: bool = False) -> None:
        """Say how many bytes there are, if they are others; `note` stands in place of speed and time left."""
        now = time.monotonic()
        if not always and (done == self._told_done or now - self._told < _EVERY_S):
            return
        self._told, self._told_done = now, done
        if self._marks and done < self._marks[-1][1]:
            self._marks.clear()
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        words = note or self._speed(done)
        message = f"{self.what}: {words}" if words else self.what
        notify(self._progress, ProgressEvent(self._stage, message, float(done), self.total, "bytes"))

    def _speed(self, done: int) -> str:
        (first_s, first), (last_s, last) = self._marks[0], self._marks[-1]
        if last_s - first_s < _EVERY_S or last <= first:
            return ""
        per_s = (last - first) / (last_s - first_s)
        words = f"{amount(per_s)}/s"
        if self.total is not None and self.total > done:
            words += f", {_left((self.total - done) / per_s)} left"
        return words


def amount(size: float) -> str:
    """Return bytes in words.

    Examples
    --------
    >>> amount(11_240_000), amount(960)
    ('11.2 MB', '1.0 kB')
    """
    if size >= 1e9:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _left(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def sentence_of(event: ProgressEvent) -> str:
    """Return a step in words, a download by its bytes: a panel has room for one line.

    Examples
    --------
    >>> sentence_of(ProgressEvent("download", "Fetching w.pth: 2.0 MB/s, 13 s left", 12e6, 38e6, "bytes"))
    '12.0 MB of 38.0 MB, 2.0 MB/s, 13 s left'
    """
    if event.stage != "download" or not event.done:
        return event.message
    whole = f" of {amount(event.total)}" if event.total else ""
    rest = event.message.partition(": ")[2]
    return f"{amount(event.done)}{whole}, {rest}" if rest else f"{amount(event.done)}{whole}"
