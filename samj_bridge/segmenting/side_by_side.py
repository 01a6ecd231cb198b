"""Several images at a time: one is read while the worker looks at another, and a third one is written."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from samj_bridge.errors import Cancelled, NoSpaceError, SamjError
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify, time_left

__all__ = ["Ends", "Outcome", "side_by_side"]

Given = TypeVar("Given")
Made = TypeVar("Made")

_AT_A_TIME = 3
"""Images at a time: the worker, which has one executor, finds the next one waiting."""
_WITHIN_S = 1.0
"""Between two events from inside of images: nobody reads more."""


class Ends(Exception):
    """What an image met with ends the run: the others would meet with the same. Its cause is the error."""

    def __init__(self, error: SamjError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class Outcome(Generic[Made]):
    """What came of things that were done side by side."""

    made: dict[int, Made] = field(default_factory=dict)
    """By number."""
    failures: dict[int, SamjError] = field(default_factory=dict)
    """By number: what went wrong, and stopped nothing else."""
    ended: SamjError | None = None
    """Why the rest was left; None: all was tried."""


def side_by_side(
    things: Sequence[Given],
    do: Callable[[Given, Progress, CancelToken], Made],
    *,
    name: Callable[[Given], str],
    costs: Callable[[Made], bool],
    unforeseen: Callable[[Exception], SamjError],
    progress: Progress,
    cancel: CancelToken,
) -> Outcome[Made]:
    """Do something with each of several things; one that fails does not stop the others.

    Parameters
    ----------
    things : sequence
        What is given to `do`, in this order.
    do : callable
        Is called on several threads. `Ends` or a full disk stop the run.
    name : callable
        What a thing is called in progress.
    costs : callable
        Whether what was made took time, so that it tells how long the rest will take.
    unforeseen : callable
        Returns an error that nobody foresaw as one with a sentence.
    progress : callable
        Called on the caller's thread alone.
    cancel : CancelToken
        Stops all of it.

    Raises
    ------
    Cancelled
        On request.
    """
    outcome: Outcome[Made] = Outcome()
    told = _Told(len(things), progress)
    stop = CancelToken()
    forget = cancel.on_cancel(stop.cancel)
    work = _Work(things, do, stop, unforeseen)
    threads = [
        threading.Thread(target=work.run, name=f"samj-image-{number}", daemon=True)
        for number in range(min(_AT_A_TIME, len(things)))
    ]
    patience = 60.0
    try:
        for thread in threads:
            thread.start()
        for number, result in work.results(threads):
            if isinstance(result, ProgressEvent):
                told.inside(name(things[number]), result)
            elif isinstance(result, (Ends, NoSpaceError)):
                outcome.ended = result.error if isinstance(result, Ends) else result
                work.close()
            elif isinstance(result, Cancelled):
                raise result
            elif isinstance(result, SamjError):
                outcome.failures[number] = result
                told.one_more(name(things[number]), costly=True)
            elif isinstance(result, Exception):
                raise result
            else:
                outcome.made[number] = result
                told.one_more(name(things[number]), costly=costs(result))
        cancel.check()
    except SamjError:
        raise
    except BaseException:
        # A second Ctrl-C waits for nothing.
        patience = 0.0
        raise
    finally:
        forget()
        stop.cancel()
        for thread in threads:
            thread.join(patience)
    return outcome


class _Work(Generic[Given, Made]):
    """What is to be done, taken by threads one by one."""

    def __init__(
        self,
        things: Sequence[Given],
        do: Callable[[Given, Progress, CancelToken], Made],
        stop: CancelToken,
        unforeseen: Callable[[Exception], SamjError],
    ) -> None:
        self._do, self._stop, self._unforeseen = do, stop, unforeseen
        self._coming = iter(enumerate(things))
        self._lock = threading.Lock()
        self._results: queue.SimpleQueue[tuple[int, Made | ProgressEvent | Exception]] = queue.SimpleQueue()
        self._closed = False

    def close(self) -> None:
        """Begin nothing more; what is begun is finished."""
        self._closed = True

    def run(self) -> None:
        """Do one thing after the other: what a thread runs."""
        while (next_one := self._next()) is not None:
            number, thing = next_one
            self._results.put((number, self._done(number, thing)))

    def results(
        self, threads: Sequence[threading.Thread]
    ) -> Iterator[tuple[int, Made | ProgressEvent | Exception]]:
        """Yield what comes of it, and what is told on the way, until all threads have ended."""
        while True:
            # Asked before: what a thread has put last is still taken.
            alive = any(thread.is_alive() for thread in threads)
            try:
                # With an end: on Windows nothing else wakes who waits for Ctrl-C.
                yield self._results.get(timeout=0.2 if alive else 0.0)
            except queue.Empty:
                if not alive:
                    return

    def _next(self) -> tuple[int, Given] | None:
        with self._lock:
            return None if self._closed or self._stop.cancelled else next(self._coming, None)

    def _done(self, number: int, thing: Given) -> Made | Exception:
        try:
            return self._do(thing, lambda event: self._results.put((number, event)), self._stop)
        except (Ends, SamjError) as error:
            return error
        except Exception as error:  # noqa: BLE001 - it may be the fault of this image alone
            return self._unforeseen(error)


class _Told:
    """Tells how far the run is, and how long the rest will take."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done = self._costly = 0
        self._begun = self._next = time.monotonic()

    def one_more(self, name: str, *, costly: bool) -> None:
        """Tell that a thing is done."""
        self._done += 1
        self._costly += costly
        self._tell(name)

    def inside(self, name: str, event: ProgressEvent) -> None:
        """Tell what happens inside of one."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _WITHIN_S
            self._tell(name, event.message)

    def _tell(self, name: str, message: str = "") -> None:
        words = f"{name}: {message}" if message else name
        if self._costly:
            rest = self._total - self._done
            left = time_left((time.monotonic() - self._begun) / self._costly * rest)
            words = f"{words}, {left}" if left and rest else words
        notify(self._progress, ProgressEvent("segment", words, self._done, self._total, "images"))
