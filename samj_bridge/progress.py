"""Progress events and the cancel token: what every long call takes.

Somebody's callback is always called through `notify`, and a look at what others do through `looking`: whatever goes
wrong there is kept for the log, and the work goes on.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from samj_bridge.errors import Cancelled

__all__ = ["CancelToken", "Progress", "ProgressEvent", "ignore_progress", "looking", "notify", "time_left"]

_log = logging.getLogger(__name__)

_told: set[tuple[object, ...]] = set()
_MOST_TOLD = 1000


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
    area: tuple[int, int, int, int] | None = None
    """Part of a large image that the step is about, by its edges x0, y0, x1, y1; None: all of it, or no image."""


Progress = Callable[[ProgressEvent], None]
"""Called with each event, on the thread that does the work: it must return at once.

It may raise. `Cancelled` stops the work, as a `CancelToken` would; so does what is no `Exception`, such as
`KeyboardInterrupt`. Anything else is kept for the log, and the work goes on as if nothing had been raised.
"""


def ignore_progress(event: ProgressEvent) -> None:
    """Take an event and do nothing."""


def time_left(seconds: float) -> str:
    """Return in words how long something will still take; empty where that is not worth a word.

    Examples
    --------
    >>> time_left(5), time_left(42), time_left(200), time_left(9000)
    ('', 'about 40 s left', 'about 3 min left', 'about 2.5 h left')
    """
    if seconds < 15:
        return ""
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"


def notify(callback: Callable[..., object] | None, *what: object) -> None:
    """Call somebody's callback, if there is one; what it raises changes nothing, see `Progress`.

    Raises
    ------
    Cancelled
        The callback wants the work to stop.
    """
    if callback is not None:
        with looking():
            callback(*what)


@contextlib.contextmanager
def looking() -> Iterator[None]:
    """Keep what goes wrong in the block for the log: for what only looks at the work, and must not change it.

    The same trouble is told once with its traceback as a warning, and after that only to those who debug.

    Raises
    ------
    Cancelled
        As the block raised it.
    """
    try:
        yield
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it is not the work)
        _keep(error)


def _keep(error: Exception) -> None:
    kind = (type(error), *_place(error.__traceback__))
    level = logging.DEBUG if kind in _told else logging.WARNING
    if len(_told) >= _MOST_TOLD:
        _told.clear()
    _told.add(kind)
    # A log may fail as well: its stream closed, its disk full.
    with contextlib.suppress(Exception):
        _log.log(level, "Something that watches the work failed; the work goes on.", exc_info=error)


def _place(traceback: TracebackType | None) -> tuple[object, ...]:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return () if traceback is None else (traceback.tb_frame.f_code, traceback.tb_lineno)


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
        # Reentrant: Ctrl-C cancels from a signal handler, which may come while this very thread is in here.
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Ask for the end; returns at once. Calling it twice is harmless, and so is a callback that raises."""
        self._event.set()
        self._call_all()

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
            self._callbacks.append(callback)
        # Not asked before: a cancel in between would find nothing to call.
        if self._event.is_set():
            self._call_all()
        return lambda: self._forget(callback)

    def _call_all(self) -> None:
        while True:
            with self._lock:
                if not self._callbacks:
                    return
                callback = self._callbacks.pop(0)
            # Already cancelled: there is nothing left that one of them could stop.
            with contextlib.suppress(Cancelled):
                notify(callback)

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
