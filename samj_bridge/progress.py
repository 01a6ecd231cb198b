"""Progress events and the cancel token: what every long call takes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from samj_bridge.errors import Cancelled

__all__ = ["CancelToken", "Progress", "ProgressEvent", "ignore_progress"]


@dataclass(frozen=True)
class ProgressEvent:
    """One step of something long."""

    stage: str
    """Stable name of the step: ``resolve``, ``download``, ``install``, ``probe``, ``commit``, ``sweep``, ``wait``,
    ``verify``, ``copy``, ``extract``, ``convert``, ``start``, ``load``, ``encode``, ``segment``, ``imagej``,
    ``done``."""
    message: str
    """The step in words, for people."""
    done: float = 0.0
    """How much is done, in ``unit``."""
    total: float | None = None
    """How much there is, in ``unit``; None while it is unknown."""
    unit: str = ""
    """``bytes``, ``packages``, ``prompts``, ``%``, or empty for a plain fraction."""


Progress = Callable[[ProgressEvent], None]
"""Called with each event, on the thread that does the work: it must return at once and not raise."""


def ignore_progress(event: ProgressEvent) -> None:
    """Take an event and do nothing."""


class CancelToken:
    """A flag that one thread sets and another looks at.

    Examples
    --------
    >>> token = CancelToken()
    >>> token.cancel()
    >>> token.cancelled
    True
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Ask for the end; returns at once. Calling it twice is harmless."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Raise `Cancelled` when the token is set."""
        if self._event.is_set():
            raise Cancelled("Stopped on request.")

    def wait(self, timeout_s: float) -> bool:
        """Sleep up to `timeout_s` seconds; return at once, with True, when cancelled."""
        return self._event.wait(timeout_s)

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once when cancelled (at once if it already is); returns a function that forgets it."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
