"""Appose's Service with its traps mended: docs/decisions/0005-own-worker-under-appose.md says which and why.

What stays Appose's: tasks and their identifiers, the wire format, listeners, `is_alive`.
"""

from __future__ import annotations

import collections
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from appose.service import RequestType, Service, Task
from appose.util.message import decode

from samj_bridge.progress import notify
from samj_bridge.protocol.codec import encode_line

__all__ = ["WorkerService", "WorkerTask"]

_log = logging.getLogger(__name__)

_KEPT_LINES = 50
_LONGEST_LINE = 4096
_CLOSE_S = 4.0

LogSink = Callable[[str], None]
"""Takes a line of the worker's stderr."""


class WorkerTask(Task):  # type: ignore[misc]
    """A task whose requests can't interleave, and that hears of the worker's death even when it comes first."""

    def _request(self, request_type: RequestType, args: Mapping[str, Any]) -> None:
        request = {"task": self.uuid, "requestType": request_type.value, **args}
        self.service.send(self, encode_line(request))

    def handle(self, response: Mapping[str, Any]) -> None:
        """Take a response and tell the listeners."""
        self._handle(response)

    def crash(self, reason: str) -> None:
        """Take the worker's death and tell the listeners."""
        self._crash(reason)


class WorkerService(Service):  # type: ignore[misc]
    """One worker process and its pipes.

    Parameters
    ----------
    command : sequence of str
        The worker's own executable and arguments: never a launcher, which would be killed in its stead.
    env : mapping
        The complete environment of the process; nothing of this process's is added.
    cwd : Path
        Working directory.
    sink : callable
        Takes every line of the worker's stderr.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, sink: LogSink) -> None:
        super().__init__(cwd, None, *command)
        # Typed as anything: Appose declares it, and starts it with None.
        self._process: Any = None
        self._env = dict(env)
        self._sink = sink
        self._last_lines: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._send_lock = threading.Lock()
        self._ended = threading.Event()
        self._owner = os.getpid()
        self._ended_reason = ""
        self.heard_at = time.monotonic()

    def start(self) -> WorkerService:
        """Start the process, once.

        Raises
        ------
        OSError
            The executable can't be run.
        """
        if self._process is not None:
            return self
        # Binary pipes: the locale's codec must not decide whether a reader thread survives. A session of its
        # own: Ctrl-C in a terminal is the host's to handle.
        self._process = subprocess.Popen(
            self._args,
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        # Daemon threads: a program that forgets to close its session must still be able to end.
        self._stdout_thread = self._thread(self._stdout_loop, "stdout")
        self._stderr_thread = self._thread(self._stderr_loop, "stderr")
        self._monitor_thread = self._thread(self._monitor_loop, "monitor")
        return self

    def task(self, script: str, inputs: Mapping[str, Any] | None = None, queue: str | None = None) -> WorkerTask:
        """Make a task; `script` is an operation's name."""
        self.start()
        return WorkerTask(self, script, dict(inputs or {}), queue)

    @property
    def ended(self) -> bool:
        """Whether the process has ended and every task has heard of it."""
        return self._ended.is_set()

    @property
    def exit_code(self) -> int | None:
        """The process's exit code, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.poll()

    def error_lines(self) -> list[str]:
        """Return the last lines of the worker's stderr; the log file has all of them."""
        return list(self._last_lines)

    def send(self, task: WorkerTask, line: bytes) -> None:
        """Write a request; where the worker is gone, the task is told and nothing is raised."""
        try:
            with self._send_lock:
                if self._ended.is_set():
                    raise BrokenPipeError
                rest = memoryview(line)
                while rest:
                    rest = rest[self._process.stdin.write(rest) :]
        except (OSError, ValueError):
            # The monitor sweeps the tasks that were there when the process ended; this one may have come later.
            self._ended.wait(_CLOSE_S)
            if self._tasks.pop(task.uuid, None) is not None:
                task.crash(self._ended_reason)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Close stdin, wait for the worker to leave, kill it if it does not. Safe to call again.

        In a forked child the worker is the parent's, and stays.
        """
        if self._process is None or self._owner != os.getpid():
            return
        self._close_stdin()
        if not self._ended.wait(timeout_s):
            self.kill()
            self._ended.wait(timeout_s)

    def wait_for(self, timeout_s: float | None = None) -> int | None:
        """Wait until the process has ended and its output is read; returns its exit code, None at the timeout."""
        return self.exit_code if self._ended.wait(timeout_s) else None

    def end_if_stuck(self, task: WorkerTask, seconds: float) -> None:
        """Kill the process if the task has not ended after some seconds; returns at once."""
        timer = threading.Timer(seconds, self._kill_with, (task,))
        timer.daemon = True
        timer.start()

    def _kill_with(self, task: WorkerTask) -> None:
        if task.uuid in self._tasks:
            self.kill()

    def forget(self, task: WorkerTask) -> None:
        """Drop a task that was never started."""
        self._tasks.pop(task.uuid, None)

    def _close_stdin(self) -> None:
        # Closing a descriptor under a thread that writes to it could hit whatever gets its number next.
        if not self._send_lock.acquire(timeout=1.0):
            self.kill()
            return
        try:
            self._process.stdin.close()
        except OSError:
            _log.debug("stdin of the worker could not be flushed")
        finally:
            self._send_lock.release()

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"samj-worker-{self._service_id}-{name}", daemon=True)
        thread.start()
        return thread

    def _stdout_loop(self) -> None:
        with os.fdopen(os.dup(self._process.stdout.fileno()), "rb") as lines:
            for line in lines:
                try:
                    self._deliver(line)
                except Exception:  # noqa: BLE001 (a reader that dies leaves every caller waiting)
                    _log.exception("a response of the worker could not be read: %.200r", line)

    def _deliver(self, line: bytes) -> None:
        response = decode(line)
        self.heard_at = time.monotonic()
        task = self._tasks.get(response.get("task"))
        if task is not None:
            task.handle(response)

    def _stderr_loop(self) -> None:
        # Pieces instead of lines: a megabyte without a line break must neither stall nor fill memory.
        rest = b""
        while piece := self._process.stderr.read(1 << 16):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._note(line)
            if len(rest) > _LONGEST_LINE:
                self._note(rest)
                rest = b""
        if rest:
            self._note(rest)

    def _note(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode("utf-8", errors="replace").rstrip("\r")
        self._last_lines.append(text)
        # A reader that dies leaves the worker blocked by a full pipe.
        notify(self._sink, text)

    def _monitor_loop(self) -> None:
        self._process.wait()
        # What it said last is delivered first; a grandchild that holds the pipes open can't delay this for long.
        self._stdout_thread.join(2.0)
        self._stderr_thread.join(2.0)
        self._ended_reason = f"exit code {self._process.returncode}"
        with self._send_lock:
            self._ended.set()
        for uuid in list(self._tasks):
            task = self._tasks.pop(uuid, None)
            if task is not None:
                task.crash(self._ended_reason)
        self._close_stdin()
        readers = ((self._stdout_thread, self._process.stdout), (self._stderr_thread, self._process.stderr))
        for thread, pipe in readers:
            if not thread.is_alive():
                pipe.close()
