"""Requests in, responses out: a reader thread that takes CANCEL at once, one executor that works in order."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from samj_bridge.protocol import codec
from samj_bridge.protocol.delivering import DELIVER
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker.cut.deliveries import Deliveries
from samj_bridge.worker.stdio import Writer

__all__ = ["Context", "Loop", "Operation", "Stopped"]

_log = logging.getLogger(__name__)

DRAIN_S = 1.0
"""Seconds that work in hand may go on after the end of stdin."""
STOP_S = 1.0
"""Seconds that it then has to heed its cancel flag, before the process ends anyhow."""
_REPORT_EVERY_S = 0.05


class Stopped(Exception):
    """Raised by `Context.check` in an operation that was cancelled."""


class Context:
    """What an operation uses to report, and to learn that it was cancelled."""

    def __init__(self, request: codec.ExecuteRequest, writer: Writer, deliveries: Deliveries) -> None:
        self.request = request
        self.cancelled = False
        self._deliveries = deliveries
        self._writer = writer
        self._reported = 0.0

    def check(self, fraction: float | None = None) -> None:
        """Raise `Stopped` when cancelled; else report the fraction done, a few times a second at most."""
        if self.cancelled:
            raise Stopped
        if fraction is None:
            return
        now = time.monotonic()
        if now - self._reported >= _REPORT_EVERY_S:
            self._reported = now
            self.update(current=round(100 * min(max(fraction, 0.0), 1.0)), maximum=100)

    def ask(self, what: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client for something, and return what it delivers; raises `Stopped` when cancelled meanwhile."""
        return self._deliveries.ask(what, lambda info: self.update(info=info), self.check)

    def update(
        self,
        message: str | None = None,
        current: int | None = None,
        maximum: int | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """Send an UPDATE."""
        self._writer.send(codec.update(self.request.task, message, current, maximum, info))


Operation = Callable[[Mapping[str, Any], Context], Mapping[str, Any]]
"""Takes the inputs and a context, returns the outputs."""


class Loop:
    """Runs operations until stdin ends; `leaving` is called just before the process does."""

    def __init__(
        self,
        requests: BinaryIO,
        writer: Writer,
        operations: Mapping[str, Operation],
        leaving: Callable[[], None] = lambda: None,
    ) -> None:
        self._requests = requests
        self._writer = writer
        self._operations = operations
        self._leaving = leaving
        self._changed = threading.Condition()
        self._deliveries = Deliveries()
        self._waiting: deque[Context] = deque()
        self._running: Context | None = None
        self._ended = False

    def run(self) -> None:
        """Work until the host closes stdin. Must be called on the main thread: networks run on it."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        while True:
            with self._changed:
                self._running = None
                self._changed.notify_all()
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    return
                self._running = context = self._waiting.popleft()
            self._execute(context)

    def _execute(self, context: Context) -> None:
        task = context.request.task
        self._writer.send(codec.launch(task))
        try:
            context.check()
            outputs = self._find(context.request.script)(context.request.inputs, context)
            response = codec.completion(task, outputs)
        except Stopped:
            response = codec.cancelation(task)
        except OperationFailed as error:
            response = codec.failure(task, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            # Whatever a library does, this process serves on; the traceback is for the log only.
            _log.exception("%s failed", context.request.script)
            message = f"{context.request.script} failed in the worker: {type(error).__name__}: {error}"
            hint = "The log has the details; please report this with them."
            response = codec.failure(task, OperationFailed(FailureCode.INTERNAL, message, hint=hint))
        self._writer.send(response)

    def _find(self, name: str) -> Operation:
        operation = self._operations.get(name)
        if operation is None:
            message = f"There is no operation {name!r:.100}; there are {', '.join(self._operations)}."
            hint = "script holds the name of an operation; code is never run."
            raise OperationFailed(FailureCode.UNKNOWN_OPERATION, message, hint=hint)
        return operation

    def _read(self) -> None:
        try:
            for line in self._requests:
                self._take(line)
        except Exception:  # noqa: BLE001 (a reader that dies silently leaves the worker deaf)
            _log.exception("reading requests failed")
        self._end()

    def _take(self, line: bytes) -> None:
        try:
            request = codec.decode_request(line)
        except codec.BadLine as error:
            _log.warning("ignored a request line: %s: %.200r", error, line)
            if error.task is not None:
                failed = OperationFailed(FailureCode.BAD_REQUEST, f"The request can't be read: {error}.")
                self._writer.send(codec.failure(error.task, failed))
            return
        if isinstance(request, codec.CancelRequest):
            self._cancel(request.task)
            return
        if request.script == DELIVER:
            self._deliver(request)
            return
        with self._changed:
            self._waiting.append(Context(request, self._writer, self._deliveries))
            self._changed.notify_all()

    def _deliver(self, request: codec.ExecuteRequest) -> None:
        """Take it here: the executor is waiting for it."""
        self._writer.send(codec.launch(request.task))
        try:
            response = codec.completion(request.task, self._deliveries.take(request.inputs))
        except OperationFailed as error:
            response = codec.failure(request.task, error)
        except MemoryError:
            failed = OperationFailed(FailureCode.OUT_OF_MEMORY, "There is no memory for what was delivered.")
            response = codec.failure(request.task, failed)
        self._writer.send(response)

    def _cancel(self, task: str) -> None:
        with self._changed:
            if self._running is not None and self._running.request.task == task:
                self._running.cancelled = True
                return
            waiting = next((context for context in self._waiting if context.request.task == task), None)
            if waiting is None:
                # It has just been answered: nothing to stop.
                return
            self._waiting.remove(waiting)
        self._writer.send(codec.cancelation(task))

    def _end(self) -> None:
        """Let the work in hand finish, then stop it, then leave: a host that died leaves no process behind."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            self._changed.wait_for(self._idle, DRAIN_S)
            for context in (*self._waiting, *([self._running] if self._running else [])):
                context.cancelled = True
            self._changed.wait_for(self._idle, STOP_S)
        self._leaving()
        logging.shutdown()
        os._exit(0)

    def _idle(self) -> bool:
        return self._running is None and not self._waiting
