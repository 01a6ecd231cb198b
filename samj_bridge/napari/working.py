"""One thread that works for the window. The window asks it, and is told by Qt's signals in its own time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QObject, Signal

from samj_bridge.download.meter import sentence_of
from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.progress import CancelToken, Progress, ProgressEvent

__all__ = ["Job", "Work"]

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """Something long."""

    what: str
    """In words."""
    run: Callable[[Progress, CancelToken], Any]
    """Does it, on the thread of the work."""
    done: Callable[[Any], None]
    """Takes what came of it, on the window's thread."""
    gives_way: bool = False
    """Whether a later job that gives way takes its place: of prompts, only the latest counts."""
    cancel: CancelToken = field(default_factory=CancelToken)
    """Stops it."""


class Work(QObject):
    """Does jobs one by one. All its signals reach the window's thread."""

    told = Signal(object)
    """(message, fraction done or -1) of the job that runs, or of what was stopped."""
    failed = Signal(object)
    """The error of a job, with words for people."""
    idle = Signal()
    """Nothing is left to do."""
    _ended = Signal(object, object)
    _asked = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended.connect(self._deliver)
        self._asked.connect(self._call)

    @property
    def busy(self) -> bool:
        """Whether something runs or waits."""
        with self._changed:
            return self._running is not None or bool(self._waiting)

    def submit(self, job: Job) -> None:
        """Do a job when its turn comes; returns at once."""
        with self._changed:
            if job.gives_way:
                # What runs goes on: it may be making the environment, or encoding the image for this one too.
                self._waiting = [other for other in self._waiting if not other.gives_way]
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="samj-napari", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def cancel(self) -> None:
        """Stop what runs, and forget what waits."""
        with self._changed:
            self._waiting.clear()
            if self._running is not None:
                self._running.cancel.cancel()

    def in_window(self, function: Callable[..., Any]) -> Callable[..., None]:
        """Return what calls a function on the window's thread, in its own time: jobs show what has come so far."""
        return lambda *what: self._emit(self._asked, function, what)

    def close(self, last: Callable[[], None]) -> None:
        """Stop everything, then do one last thing on the thread; waits for nothing."""
        self.cancel()
        with self._changed:
            self._closed = True
            started = self._thread is not None
            if started:
                self._waiting = [Job("end", lambda _progress, _cancel: last(), lambda _result: None)]
            self._changed.notify_all()
        if not started:
            last()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait()
                job = self._running = self._waiting.pop(0)
            outcome = self._outcome(job)
            with self._changed:
                self._running = None
            self._emit(self._ended, job, outcome)

    def _outcome(self, job: Job) -> Any:
        def tell(event: ProgressEvent) -> None:
            fraction = event.done / event.total if event.total else -1.0
            self._emit(self.told, (sentence_of(event), fraction))

        try:
            return job.run(tell, job.cancel)
        except SamjError as error:
            return error
        except Exception as error:  # noqa: BLE001 (whatever it is, the window must say it)
            _log.exception("%s failed", job.what)
            message = f"{job.what} failed: {type(error).__name__}: {error}"
            return SamjError(message, hint="If it happens again, run: samj-bridge doctor")

    def _deliver(self, job: Job, outcome: Any) -> None:
        if self._closed:
            return
        if isinstance(outcome, Cancelled):
            self.told.emit((outcome.message, -1.0))
        elif isinstance(outcome, SamjError):
            self.failed.emit(outcome)
        else:
            job.done(outcome)
        if not self.busy:
            self.idle.emit()

    def _call(self, function: Callable[..., Any], what: tuple[Any, ...]) -> None:
        if not self._closed:
            function(*what)

    @staticmethod
    def _emit(signal: Any, *what: Any) -> None:
        # The window may have gone meanwhile, and the signals with it.
        with suppress(RuntimeError):
            signal.emit(*what)
