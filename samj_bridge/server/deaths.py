"""What becomes of a job whose worker died: which one is to blame, how long it waits, when it is not tried again.

Workers are killed by others, by a system that runs out of memory, or by a request that no worker survives. The
first two are nobody's fault who asks, and nobody who asks is to see them. The last must not go on for ever.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.errors import WorkerCrashed
from samj_bridge.server.turns import Job

__all__ = ["LONGEST_PAUSE_S", "MOST_BLAMED", "MOST_TRIES", "Deaths"]

MOST_BLAMED = 3
"""Tries of a job that ended with the worker at work on it, after which it is not tried again."""
MOST_TRIES = 15
"""Tries of a job, whoever is to blame."""
FIRST_PAUSE_S = 0.1
"""Seconds before a job is tried again, twice as many each time."""
LONGEST_PAUSE_S = 2.0
"""And never more than these."""

_FROM_OUTSIDE = {
    -getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
}
"""Exit codes of a process that somebody ended."""
_BEFORE_WORK = {"hello"}
"""What a worker is asked before it knows of any request."""


@dataclass
class _Case:
    tries: int = 0
    blamed: int = 0
    starts: int = 0


class Deaths:
    """Keeps account of the jobs whose workers died, and says what is to become of them.

    A job is blamed for a worker that died at work on it, and at `MOST_BLAMED` it is given up. A worker that was
    killed before it had any work, and a job that is done after all, show that somebody else ends workers: then
    everybody's account begins anew. A worker that ends by itself before it had any work can't be started here.

    Examples
    --------
    >>> deaths, job = Deaths(), Job("a", "a prompt", lambda job: None)
    >>> crash = WorkerCrashed("It died.", operation="encode", exit_code=-11)
    >>> [deaths.of(job, crash), deaths.of(job, crash)]
    [0.1, 0.2]
    >>> print(deaths.of(job, crash).message)
    The worker died in each of 3 tries to do this (a prompt), so it is not tried again: It died.
    """

    def __init__(self) -> None:
        self._cases: dict[int, _Case] = {}

    def of(self, job: Job, error: WorkerCrashed) -> float | WorkerCrashed:
        """Return the seconds after which a job is to be tried again, or the error with which it ends."""
        case = self._cases.setdefault(job.number, _Case())
        case.tries += 1
        before = error.details.get("operation") in _BEFORE_WORK
        if before and error.details.get("exit_code") in _FROM_OUTSIDE:
            self._forgive()
        elif before:
            case.starts += 1
        else:
            case.blamed += 1
        if case.blamed >= MOST_BLAMED:
            tries = f"in each of {case.blamed} tries to do this ({job.what}), so it is not tried again"
            return _given_up(error, f"The worker died {tries}")
        if case.starts >= MOST_BLAMED:
            return _given_up(error, f"The worker can't be started; {case.starts} tries failed")
        if case.tries >= MOST_TRIES:
            return _given_up(error, f"The worker died again and again ({case.tries} times)")
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (case.tries - 1)))

    def ended(self, job: Job, *, done: bool) -> None:
        """Take note that a job has ended, and whether it was done."""
        if self._cases.pop(job.number, None) is not None and done:
            self._forgive()

    def _forgive(self) -> None:
        for case in self._cases.values():
            case.blamed = case.starts = 0


def _given_up(error: WorkerCrashed, why: str) -> WorkerCrashed:
    # The folder is nobody's business over the network.
    hint = error.hint
    if log := str(error.details.get("log", "")):
        hint = hint.replace(log, Path(log).name)
    return WorkerCrashed(f"{why}: {error.message}", hint=hint, **error.details)
