"""What stands between requests and workers: one thread that asks, sessions by model, encoded images by content."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from samj_bridge.errors import Cancelled, SamjError, WorkerCrashed, WorkerError
from samj_bridge.models import find_model
from samj_bridge.server.deaths import Deaths
from samj_bridge.server.pictures import Sent
from samj_bridge.server.turns import Job, Turns
from samj_bridge.session import Scene, Session
from samj_bridge.settings import Settings

__all__ = ["Hub"]

_log = logging.getLogger(__name__)


class Hub:
    """Owns the sessions. Networks never run side by side: they would only wait for one another.

    Parameters
    ----------
    settings : Settings
        For every session.
    most_sessions : int
        Models that are kept loaded.
    most_images, most_bytes : int
        Images that are kept encoded, and their pixels' bytes.
    open_session : callable, optional
        Opens a session for a model's id; by default as every command does.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        most_sessions: int = 2,
        most_images: int = 64,
        most_bytes: int = 1 << 29,
        open_session: Callable[[str, Job], Session] | None = None,
    ) -> None:
        self.settings = settings
        self.turns = Turns()
        self.now: Job | None = None
        self.done = 0
        self.restarts = 0
        self.started = time.time()
        self._most_sessions = most_sessions
        self._most_images = most_images
        self._most_bytes = most_bytes
        self._open = open_session or self._open_session
        # These three are touched by the one thread only.
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._scenes: OrderedDict[tuple[str, str], Scene] = OrderedDict()
        self._sizes: dict[tuple[str, str], int] = {}
        self._deaths = Deaths()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="samj-serve-worker", daemon=True)
        self._thread.start()

    def ask(self, client: str, what: str, work: Callable[[Job], Any]) -> Job:
        """Let something be done in its turn; ``job.future`` has what comes of it.

        Raises
        ------
        Busy
            Too much waits already.
        """
        if self._closing.is_set():
            raise WorkerError("The server is ending.", code="ending", hint="Start it again.")
        job = Job(client, what, work)
        self.turns.put(job)
        return job

    def stop(self, job: Job) -> None:
        """Stop a job, whether it waits or runs."""
        job.cancel.cancel()
        if self.turns.drop(job):
            job.future.set_exception(Cancelled("Stopped on request."))

    def scene(self, model: str, sent: Sent, job: Job) -> Scene:
        """Return an image encoded by a model, as kept, or encoded now. Only for what `ask` runs.

        Raises
        ------
        SamjError
            As `Session`, `Session.encode` and what gives the pixels.
        """
        key = (model, sent.digest)
        scene = self._scenes.get(key)
        if scene is None:
            session = self.session(model, job)
            picture = sent.load()
            scene = session.encode(picture.pixels, channels=picture.channels, progress=job.note, cancel=job.cancel)
            self._sizes[key] = picture.pixels.nbytes
            self._scenes[key] = scene
            self._make_room()
        else:
            self._sessions.move_to_end(model)
        self._scenes.move_to_end(key)
        return scene

    def session(self, model: str, job: Job) -> Session:
        """Return the session of a model, opened now if need be. Only for what `ask` runs."""
        session = self._sessions.get(model)
        if session is None:
            find_model(model, self.settings)
            while len(self._sessions) >= self._most_sessions:
                self._close_session(next(iter(self._sessions)))
            session = self._sessions[model] = self._open(model, job)
        self._sessions.move_to_end(model)
        return session

    def has(self, model: str, digest: str) -> bool:
        """Whether an image is encoded and kept; a moment later it may not be."""
        return (model, digest) in self._scenes

    def forget_model(self, model: str) -> None:
        """Close the session of a model, in its turn: its file has changed."""
        self.ask("server", f"close {model}", lambda _job: self._close_session(model))

    def describe(self) -> dict[str, Any]:
        """Return what runs now, for whom, and what waits."""
        now = self.now
        return {
            "now": None if now is None else now.describe(),
            "waiting": [job.describe() for job in self.turns.waiting()],
            "done": self.done,
            "again": self.restarts,
            "models": list(self._sessions),
            "images": len(self._scenes),
            "uptime_s": round(time.time() - self.started, 1),
        }

    def close(self) -> None:
        """Stop everything, end the workers. Safe to call again."""
        self._closing.set()
        for job in self.turns.waiting():
            self.stop(job)
        if self.now is not None:
            self.now.cancel.cancel()
        self._thread.join(10.0)
        for session in list(self._sessions.values()):
            session.close()

    def _loop(self) -> None:
        while not self._closing.is_set():
            job = self.turns.take(0.2)
            if job is None:
                continue
            self.now, job.begun = job, time.monotonic()
            try:
                if job.cancel.cancelled:
                    raise Cancelled("Stopped on request.")
                result = job.work(job)
            except WorkerCrashed as error:
                self.restarts += 1
                self.now = None
                self._again(job, error)
            except BaseException as error:  # noqa: BLE001 - whoever asked hears of it
                self._end(job, error=error)
            else:
                self._end(job, result)

    def _again(self, job: Job, error: WorkerCrashed) -> None:
        """Let a job wait for its next turn whose worker died, unless it has had enough of them."""
        verdict = self._deaths.of(job, error)
        if isinstance(verdict, WorkerCrashed):
            self._end(job, error=verdict)
            return
        _log.warning("%s (%s, for %s) It is tried again.", error.message, job.what, job.client)
        self.turns.put_back(job, verdict)
        # Who stopped it, or everything, in this very moment did not find it among those that wait.
        if (job.cancel.cancelled or self._closing.is_set()) and self.turns.drop(job):
            self._end(job, error=Cancelled("Stopped on request."))

    def _end(self, job: Job, result: Any = None, error: BaseException | None = None) -> None:
        job.ended = time.monotonic()
        self._deaths.ended(job, done=error is None)
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)
        self.done += 1
        self.now = None

    def _make_room(self) -> None:
        while len(self._scenes) > self._most_images or (
            sum(self._sizes.values()) > self._most_bytes and len(self._scenes) > 1
        ):
            self._drop(next(iter(self._scenes)))

    def _drop(self, key: tuple[str, str]) -> None:
        scene = self._scenes.pop(key)
        del self._sizes[key]
        with contextlib.suppress(SamjError):
            scene.close()

    def _close_session(self, model: str) -> None:
        session = self._sessions.pop(model, None)
        for key in [key for key in self._scenes if key[0] == model]:
            self._drop(key)
        if session is not None:
            session.close()

    def _open_session(self, model: str, job: Job) -> Session:
        return Session(model, settings=self.settings, progress=job.note, cancel=job.cancel)
