"""Whose turn it is at the worker: one queue, the latest prompt of a client first, nobody passed over for long."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from samj_bridge.errors import SamjError
from samj_bridge.progress import CancelToken, ProgressEvent

__all__ = ["MOST_WAITING", "PATIENCE", "Busy", "Job", "Turns"]

MOST_WAITING = 1000
"""Jobs that may wait; one more is told to come again."""
PATIENCE = 3
"""How often a waiting job may be passed over by later ones of its own client."""

_numbers = itertools.count(1)


class Busy(SamjError):
    """So much waits that it is better to come again later."""

    code = "busy"


class Job:
    """Something for the worker: who wants it, what it is, and how far it is.

    Parameters
    ----------
    client : str
        Who wants it; see `Turns`.
    what : str
        What it is, for people.
    work : callable
        Does it. It is given the job, whose `cancel` it heeds and whose `note` it may call.
    """

    def __init__(self, client: str, what: str, work: Callable[[Job], Any]) -> None:
        self.number = next(_numbers)
        self.client = client
        self.what = what
        self.work = work
        self.cancel = CancelToken()
        self.future: Future[Any] = Future()
        # Running from the start: a waiting task that ends must not cancel what a thread will fill in.
        self.future.set_running_or_notify_cancel()
        self.asked = time.monotonic()
        self.begun: float | None = None
        self.ended: float | None = None
        self.passed = 0
        self.others = 0
        """Jobs that were taken while it waited."""
        self.event: ProgressEvent | None = None

    def note(self, event: ProgressEvent) -> None:
        """Note how far it is."""
        self.event = event

    def timing(self) -> str:
        """Return how long it waited and ran, in the words of a ``Server-Timing`` header."""
        begun, ended = self.begun or self.asked, self.ended or time.monotonic()
        waited, ran = 1000 * (begun - self.asked), 1000 * (ended - begun)
        return f'queue;dur={waited:.1f};desc="{self.others} others first", work;dur={ran:.1f}'

    def describe(self) -> dict[str, Any]:
        """Return the job as plain data."""
        now, event = time.monotonic(), self.event
        fraction = None if event is None or not event.total else min(1.0, event.done / event.total)
        return {
            "job": self.number,
            "client": self.client,
            "what": self.what,
            "waited_s": round((self.begun or now) - self.asked, 3),
            "running_s": None if self.begun is None else round(now - self.begun, 3),
            "message": event.message if event is not None else "",
            "fraction": fraction,
        }


class Turns:
    """Jobs that wait, from any thread.

    Clients take turns. Of one client the latest job comes first: that is the one somebody looks at; a job that
    later ones have passed `PATIENCE` times comes before them.

    Examples
    --------
    >>> turns = Turns()
    >>> for name, client in (("a1", "a"), ("a2", "a"), ("b1", "b")):
    ...     turns.put(Job(client, name, lambda job: None))
    >>> [(job.what, job.others) for job in (turns.take(0) for _ in range(3))]
    [('a2', 0), ('b1', 1), ('a1', 2)]
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most = most_waiting
        self._lines: OrderedDict[str, list[Job]] = OrderedDict()
        self._count = 0
        self._taken = 0
        self._later: list[tuple[float, Job]] = []
        self._change = threading.Condition()

    def put(self, job: Job) -> None:
        """Let a job wait.

        Raises
        ------
        Busy
            Too many wait already.
        """
        with self._change:
            if self._count >= self._most:
                message = f"{self._count} requests wait already."
                raise Busy(message, hint="Ask again in a moment.")
            self._lines.setdefault(job.client, []).append(job)
            self._count += 1
            job.others = -self._taken
            self._change.notify_all()

    def put_back(self, job: Job, pause_s: float = 0.0) -> None:
        """Let a job that was taken wait again: after a pause it is the next of its client.

        It is never refused: it was let in already.
        """
        with self._change:
            job.begun, job.event = None, None
            job.others -= self._taken
            self._later.append((time.monotonic() + pause_s, job))
            self._change.notify_all()

    def take(self, timeout_s: float | None = None) -> Job | None:
        """Return the job whose turn it is, waiting for one; None: none came in time."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        with self._change:
            self._bring_back()
            while self._count == 0:
                now = time.monotonic()
                if end is not None and now >= end:
                    return None
                times = [ready for ready, _job in self._later] + ([] if end is None else [end])
                self._change.wait(max(0.0, min(times) - now) if times else None)
                self._bring_back()
            client, line = self._lines.popitem(last=False)
            if line[0].passed >= PATIENCE:
                job = line.pop(0)
            else:
                job = line.pop()
                for other in line:
                    other.passed += 1
            if line:
                self._lines[client] = line
            self._count -= 1
            job.others += self._taken
            self._taken += 1
            return job

    def drop(self, job: Job) -> bool:
        """Forget a job that still waits; False: it does not."""
        with self._change:
            before = len(self._later)
            self._later = [each for each in self._later if each[1] is not job]
            if len(self._later) < before:
                return True
            line = self._lines.get(job.client, [])
            if job not in line:
                return False
            line.remove(job)
            if not line:
                del self._lines[job.client]
            self._count -= 1
            return True

    def waiting(self) -> list[Job]:
        """Return the jobs that wait, in the order in which they came."""
        with self._change:
            found = [job for line in self._lines.values() for job in line] + [job for _ready, job in self._later]
            return sorted(found, key=lambda job: job.number)

    def _bring_back(self) -> None:
        now = time.monotonic()
        for ready, job in sorted(self._later, key=lambda each: each[0]):
            if ready <= now:
                job.passed = PATIENCE
                self._lines.setdefault(job.client, []).insert(0, job)
                self._count += 1
        self._later = [each for each in self._later if each[0] > now]
