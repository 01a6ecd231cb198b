"""Calls to one worker: a time limit, cancel, progress, and failures as the host's error classes."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from appose.service import ResponseType, TaskEvent

from samj_bridge import errors
from samj_bridge.errors import Cancelled, SamjError, WorkerCrashed, WorkerTimeout
from samj_bridge.progress import CancelToken, notify
from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.protocol.codec import decode_failure
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.session.connection.service import WorkerService

__all__ = ["ERRORS", "Call", "Client"]

ERRORS: dict[FailureCode, type[SamjError]] = {
    FailureCode.BAD_REQUEST: errors.WorkerError,
    FailureCode.UNKNOWN_OPERATION: errors.ProtocolMismatch,
    FailureCode.BAD_IMAGE: errors.ImageError,
    FailureCode.IMAGE_TOO_LARGE: errors.ImageError,
    FailureCode.BAD_PROMPT: errors.PromptError,
    FailureCode.PROMPT_OUTSIDE_IMAGE: errors.PromptError,
    FailureCode.UNKNOWN_MODEL: errors.ModelError,
    FailureCode.BAD_CHECKPOINT: errors.ModelError,
    FailureCode.UNKNOWN_ENCODING: errors.WorkerError,
    FailureCode.DEVICE_UNAVAILABLE: errors.WorkerError,
    FailureCode.OUT_OF_MEMORY: errors.OutOfMemory,
    FailureCode.CANCELLED: errors.Cancelled,
    FailureCode.INTERNAL: errors.WorkerError,
}
"""Which error the host raises for a failure of the worker."""

_END_S = 5.0
"""Seconds that a killed worker has to be gone."""
_CANCEL_S = 2.0
"""Seconds that a cancelled call waits for the worker to heed it."""
_STUCK_S = 30.0
"""Seconds after which a worker that still does not heed it is ended, behind the scenes."""


class Call:
    """One operation under way. Iterating gives its UPDATEs; `outputs` is there at the end.

    Parameters
    ----------
    client : Client
        Whose worker runs it.
    operation : str
        Name of the operation.
    inputs : mapping
        What it is given.
    silence_s : float
        Seconds without any sign of life of this call after which it is given up.
    timeout_s : float, optional
        Seconds after which it is given up anyhow.
    cancel : CancelToken, optional
        Stops it.
    """

    def __init__(
        self,
        client: Client,
        operation: str,
        inputs: Mapping[str, Any],
        *,
        silence_s: float,
        timeout_s: float | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.outputs: dict[str, Any] = {}
        self.settled = False
        self._launched = False
        self._client = client
        self._operation = operation
        self._silence_s = silence_s
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._cancelled_at: float | None = None
        self._events: queue.SimpleQueue[TaskEvent | None] = queue.SimpleQueue()
        self._task = client.service.task(operation, inputs)
        self._task.listen(self._events.put)
        self._forget = cancel.on_cancel(self._wake) if cancel is not None else _nothing
        if cancel is not None and cancel.cancelled:
            client.service.forget(self._task)
            self.settled = True
            raise Cancelled("Stopped on request.")
        self._task.start()

    def __iter__(self) -> Iterator[TaskEvent]:
        try:
            while not self.settled:
                event = self._next()
                if event is None:
                    continue
                if event.response_type.is_terminal():
                    self._finish(event)
                elif event.response_type is ResponseType.LAUNCH:
                    self._launched = True
                elif event.response_type is ResponseType.UPDATE and self._cancelled_at is None:
                    yield event
        finally:
            self.abandon()

    def result(self, on_update: Callable[[TaskEvent], None] | None = None) -> dict[str, Any]:
        """Wait for the end and return the outputs.

        Raises
        ------
        SamjError
            The worker's failure, as `ERRORS` says; `Cancelled`; `WorkerTimeout`; `WorkerCrashed`.
        """
        for event in self:
            notify(on_update, event)
        return self.outputs

    def abandon(self) -> None:
        """Stop caring: what still runs is cancelled, without waiting for it."""
        self._forget()
        if not self.settled and self._cancelled_at is None:
            self._task.cancel()

    def _wake(self) -> None:
        self._events.put(None)

    def _next(self) -> TaskEvent | None:
        now = time.monotonic()
        limit = now + self._silence_s if self._cancelled_at is None else self._cancelled_at + _CANCEL_S
        if self._deadline is not None:
            limit = min(limit, self._deadline)
        try:
            event = self._events.get(timeout=max(0.0, limit - now))
        except queue.Empty:
            self._give_up()
            return None
        if event is None and self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            self._task.cancel()
        return event

    def _give_up(self) -> None:
        overdue = self._deadline is not None and time.monotonic() >= self._deadline
        busy = not self._launched and self._client.heard_since(self._silence_s)
        if self._cancelled_at is not None:
            # A large block of a network on a slow machine: nobody has to wait for it.
            self._client.service.end_if_stuck(self._task, _STUCK_S)
            raise Cancelled("Stopped on request; the worker still finishes a step.")
        if busy and not overdue:
            # It waits behind other calls that do make progress.
            return
        waited = self._timeout_s if overdue and self._timeout_s is not None else self._silence_s
        if busy:
            # Those calls are not to blame for the wait, so the worker stays; `abandon` takes this one back.
            message = f"{self._operation} was still waiting for other calls after {waited:g} s, and was withdrawn."
            hint = "Give more time (timeout_s), or hand in fewer images at once."
        else:
            self._end_worker()
            message = f"{self._operation} gave no answer within {waited:g} s, so the worker was ended."
            hint = "The next call starts a new one. Give more time (timeout_s, SAMJ_TIMEOUT_S) or a smaller image."
        raise WorkerTimeout(message, hint=hint, timeout_s=waited)

    def _end_worker(self) -> None:
        self._client.service.kill()
        self._client.service.wait_for(_END_S)
        self.settled = True

    def _finish(self, event: TaskEvent) -> None:
        self.settled = True
        kind = event.response_type
        if kind is ResponseType.COMPLETION:
            self.outputs = self._task.outputs
        elif kind is ResponseType.CANCELATION:
            raise Cancelled("Stopped on request.")
        elif kind is ResponseType.FAILURE:
            raise error_of(decode_failure(self._task.error))
        else:
            raise self._client.crashed(self._operation)


class Client:
    """One worker process, for as long as it lives.

    Parameters
    ----------
    service : WorkerService
        The started worker.
    silence_s : float
        Seconds without a sign of life after which a call is given up.
    log : str
        Where the worker's stderr is kept, for error texts.
    """

    def __init__(self, service: WorkerService, *, silence_s: float, log: str) -> None:
        self.service = service
        self.hello: dict[str, Any] = {}
        self._silence_s = silence_s
        self._log = log

    def start(
        self,
        operation: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        cancel: CancelToken | None = None,
    ) -> Call:
        """Send a request and return at once."""
        return Call(self, operation, inputs or {}, silence_s=self._silence_s, timeout_s=timeout_s, cancel=cancel)

    def greet(self, cancel: CancelToken | None = None) -> None:
        """Ask the worker what it is.

        Raises
        ------
        ProtocolMismatch
            It speaks another major version of the protocol.
        """
        self.hello = self.start("hello", cancel=cancel).result()
        spoken = str(self.hello.get("protocol"))
        if spoken.split(".", maxsplit=1)[0] != PROTOCOL_VERSION.split(".")[0]:
            older = "worker" if spoken < PROTOCOL_VERSION else "host"
            message = f"The worker speaks protocol {spoken}, this host {PROTOCOL_VERSION}."
            raise errors.ProtocolMismatch(
                message, hint=f"Update the {older} to the other's version of samj-bridge."
            )

    def heard_since(self, seconds: float) -> bool:
        """Return whether the worker gave any sign of life within the last `seconds`."""
        return time.monotonic() - self.service.heard_at < seconds

    def crashed(self, operation: str) -> WorkerCrashed:
        """Return the error for a worker that ended during an operation."""
        code = self.service.exit_code
        last = [line for line in self.service.error_lines() if line.strip()][-5:]
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        message = f"The worker {how} during {operation}."
        if last:
            message += " Its last words: " + " | ".join(last)
        hint = f"Its log is {self._log}."
        if code == -9:
            hint += " Often the system does this when memory runs out: use a smaller image or close other programs."
        return WorkerCrashed(
            message, hint=hint, operation=operation, exit_code=code, last_lines=last, log=self._log
        )


def error_of(failure: OperationFailed) -> SamjError:
    """Return the host's error for a failure of the worker."""
    details = {name: value for name, value in failure.details.items() if name not in ("message", "code", "hint")}
    return ERRORS[failure.code](failure.message, code=failure.code.value, hint=failure.hint, **details)


def _nothing() -> None:
    """Forget nothing."""
