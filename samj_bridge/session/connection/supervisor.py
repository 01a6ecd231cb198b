"""Keeps one worker running for a session: starts it, loads the model, starts it again when it died."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from samj_bridge.errors import SamjError, WorkerCrashed, WorkerError
from samj_bridge.models import ModelEntry, weights_file
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.messages import LoadRequest, ReleaseRequest
from samj_bridge.session.connection.client import Client
from samj_bridge.session.connection.idle import IdleWork
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.session.images import BlockPool
from samj_bridge.settings import Settings

__all__ = ["Running", "Supervisor"]

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Running:
    """A worker that has the model loaded."""

    client: Client
    """Calls to it."""
    model: str
    """Handle of the model in this worker."""
    loaded: Mapping[str, Any] = field(default_factory=dict)
    """What the worker said of it: device, parameters, precision and why."""


class Supervisor:
    """Owns what outlives a worker: the launcher, the shared memory, the model.

    Parameters
    ----------
    launcher : Launcher
        Starts workers.
    model : ModelEntry
        Loaded into each of them.
    device : str
        Where to.
    settings : Settings
        Time limit.
    held : ExitStack
        What is let go at the end, such as the environment.
    """

    def __init__(
        self, launcher: Launcher, model: ModelEntry, device: str, settings: Settings, held: ExitStack
    ) -> None:
        self.model = model
        self.pool = BlockPool()
        self.idle = IdleWork()
        self.starts = 0
        # Encodings of scenes that were collected: a finalizer may run anywhere, even under our own locks,
        # so that it can only leave a note here.
        self.released: deque[tuple[Running, str]] = deque()
        self._launcher = launcher
        self._device = device
        self._settings = settings
        self.ahead = settings.ahead
        self._held = held
        self._lock = threading.Lock()
        self._running: Running | None = None
        self._closed = False
        self._owner = os.getpid()

    def attempt(
        self,
        work: Callable[[Running], _Result],
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
    ) -> _Result:
        """Do some work with a worker; once more with a new one if it died in between.

        Raises
        ------
        WorkerCrashed
            The second died as well.
        """
        try:
            return work(self.running(progress, cancel))
        except WorkerCrashed as error:
            _log.warning("%s Starting another.", error.message)
        return work(self.running(progress, cancel))

    def running(self, progress: Progress = ignore_progress, cancel: CancelToken | None = None) -> Running:
        """Return a worker with the model loaded, started now if there is none. What it did idly is given up.

        Raises
        ------
        SamjError
            It can't be started, speaks another protocol, or can't load the model; or the session is closed.
        """
        self.idle.interrupt()
        with self._lock:
            if self._closed:
                raise WorkerError("The session is closed.", code="session-closed", hint="Open another Session.")
            if self._running is None or self._running.client.service.ended:
                self._running = None
                self._running = self._start(progress, cancel)
            running = self._running
        self._flush(running)
        return running

    def let_go(self) -> None:
        """Have a worker that runs free the encodings of closed scenes now, not when it is asked something next."""
        running = self._running
        if running is not None and not self._closed and self._owner == os.getpid():
            # One that has just ended has nothing to free.
            with contextlib.suppress(SamjError):
                self._flush(running)

    def close(self) -> None:
        """End the worker and give everything back. Safe to call again."""
        if self._owner != os.getpid():
            # A forked child: worker, shared memory and locks are its parent's.
            return
        # Not under the lock: a start that hangs holds it, and ends when its worker does.
        self._closed = True
        self.idle.close()
        running = self._running
        if running is not None:
            running.client.service.close()
        with self._lock:
            if self._running is not None:
                self._running.client.service.close()
            self._running = None
        self.pool.close()
        self._launcher.log.close()
        self._held.close()

    def _start(self, progress: Progress, cancel: CancelToken | None) -> Running:
        notify(progress, ProgressEvent("start", "Starting the worker"))
        checkpoint = weights_file(self.model, self._settings)
        self.starts += 1
        service = self._launcher.start()
        client = Client(service, silence_s=self._settings.timeout_s, log=str(self._launcher.log.path))
        try:
            client.greet(cancel)
            notify(progress, ProgressEvent("load", f"Loading the model {self.model.id}"))
            request = LoadRequest(
                self.model.id,
                self.model.family,
                str(checkpoint),
                self._device,
                self.model.architecture,
                self.model.transform,
                self._settings.precision,
            )
            loaded = client.start("load", request.to_wire(), cancel=cancel).result()
        except BaseException:
            service.close(timeout_s=1.0)
            raise
        return Running(client, str(loaded["model"]), loaded)

    def _flush(self, running: Running) -> None:
        names = []
        while self.released:
            owner, name = self.released.popleft()
            if owner is running:
                names.append(name)
        if names:
            # Nobody waits for the answer: the worker does it before what is asked next.
            running.client.start("release", ReleaseRequest(tuple(names)).to_wire())
