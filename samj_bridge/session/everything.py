"""Every object of a scene: the search as the host sees it, started again where it stopped if the worker dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from samj_bridge.errors import InputError, WorkerCrashed, WorkerError
from samj_bridge.geometry.blocks.walk import as_point, asked_at
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.protocol.everything import EverythingRequest, ObjectMessage
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.session.connection.supervisor import Running, Supervisor
from samj_bridge.session.images import Loan, Plane, fill

__all__ = ["ObjectStream", "Objects", "Search", "request_of"]

_INTERNAL = ("encoding", "stream", "image", "channels", "area", "within")


class Objects(list[Region]):
    """The regions that everything mode found, with what it says of its search."""

    message: str = ""
    """A sentence for people: how many were found with how many points, or why nothing was found."""
    counts: Mapping[str, int]
    """Points asked and skipped, masks proposed, and why masks were dropped."""
    resumed: int = 0
    """Steps that a record had already (``record=``): tiles, and clicks on what is longer than a tile sees."""


class ObjectStream(Iterator[Region]):
    """The regions that everything mode finds, one by one; at the end it has what `Objects` has.

    Parameters
    ----------
    regions : iterator of Region
        Closed by `close`, which stops the search.
    outputs : callable
        Returns what the search says of itself so far.
    """

    def __init__(self, regions: Iterator[Region], outputs: Callable[[], Mapping[str, Any]]) -> None:
        self._regions, self._outputs = regions, outputs

    def __next__(self) -> Region:
        return next(self._regions)

    @property
    def message(self) -> str:
        """A sentence for people; empty before the end."""
        return str(self._outputs().get("message", ""))

    @property
    def counts(self) -> Mapping[str, int]:
        """As of `Objects`; empty before the end."""
        return dict(self._outputs().get("counts", {}))

    @property
    def resumed(self) -> int:
        """As of `Objects`; known from the first region on."""
        return int(self._outputs().get("resumed", 0))

    def close(self) -> None:
        """Stop the search."""
        close = getattr(self._regions, "close", None)
        if close is not None:
            close()


def request_of(options: Mapping[str, Any]) -> EverythingRequest:
    """Check the options of everything mode.

    Raises
    ------
    InputError
        One is unknown, or out of its range.
    """
    unknown = [name for name in options if name in _INTERNAL]
    given = {name: value for name, value in options.items() if name not in _INTERNAL and value is not None}
    numbers = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
    # Crops need the image, which is added when the request is sent.
    layers = numbers.pop("crop_n_layers", 0)
    try:
        if unknown:
            raise OperationFailed(FailureCode.BAD_REQUEST, f"everything does not take {', '.join(unknown)}.")
        request = EverythingRequest.from_wire({"encoding": "-", **numbers})
        if type(layers) is not int or not 0 <= layers <= 4 or (layers and request.mode != "exact"):
            reason = f"crop_n_layers is {layers!r}; it is 0 to 4, and above 0 in the mode 'exact' only."
            raise OperationFailed(FailureCode.BAD_REQUEST, reason)
    except OperationFailed as error:
        hint = "docs/reference/protocol.md lists what everything mode takes."
        raise InputError(error.message, hint=hint) from error
    return EverythingRequest(**{**vars(request), "crop_n_layers": layers, "stream": True})


@dataclass
class Search:
    """A search for every object of one scene."""

    supervisor: Supervisor
    plane: Plane
    """The scene's image, sent along where crops are looked at."""
    shape: tuple[int, int]
    """(Y, X)."""
    encoded: Callable[[Running, float | None], str]
    """Makes sure that a worker has the encoding; returns its identifier."""
    forget: Callable[[Running], None]
    """Notes that a worker has lost the encoding."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """What the worker said at the end."""

    def regions(
        self, request: EverythingRequest, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> Iterator[Region]:
        """Yield regions as they are found."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        given, failed = 0, set()
        while True:
            left = None if deadline is None else max(0.001, deadline - time.monotonic())
            try:
                running = self.supervisor.running(progress, cancel)
                encoding = self.encoded(running, left)
                # The search is the same each time: what was given before is passed over.
                for number, value in enumerate(self._once(running, encoding, request, progress, cancel, left)):
                    if number >= given:
                        given = number + 1
                        yield self._region(value, number)
            except (WorkerCrashed, WorkerError) as error:
                forgotten = error.code == FailureCode.UNKNOWN_ENCODING.value
                if error.code in failed or not (forgotten or isinstance(error, WorkerCrashed)):
                    raise
                failed.add(error.code)
                if forgotten:
                    self.forget(running)
            else:
                return

    def _once(
        self,
        running: Running,
        encoding: str,
        request: EverythingRequest,
        progress: Progress,
        cancel: CancelToken | None,
        timeout_s: float | None,
    ) -> Iterator[Mapping[str, Any]]:
        inputs = {**request.to_wire(), "encoding": encoding}
        with ExitStack() as stack:
            loan: Loan | None = None
            if request.crop_n_layers:
                loan = stack.enter_context(self.supervisor.pool.lend(self.plane.nbytes))
                fill(loan, self.plane)
                inputs |= {"image": loan.describe(self.plane).to_wire(), "channels": self.plane.channels}
            call = running.client.start("everything", inputs, timeout_s=timeout_s, cancel=cancel)
            count = 0
            try:
                for event in call:
                    found = event.info["regions"] if event.info is not None else []
                    count += len(found)
                    percent = event.current if event.info is None else None
                    notify(progress, _event(count, percent, event.info))
                    yield from found
            finally:
                call.abandon()
                if loan is not None:
                    loan.reusable = call.settled
            self.outputs = call.outputs
            notify(progress, ProgressEvent("everything", str(self.outputs["message"]), 1.0, 1.0))

    def _region(self, value: Mapping[str, Any], number: int) -> Region:
        found = ObjectMessage.from_wire(value)
        return Region(
            tuple(np.array(ring, np.int32).reshape(-1, 2) for ring in found.rings),
            shape=self.shape,
            score=found.score,
            prompt=asked_at(as_point(found.point)),
            prompt_index=number,
            model=self.supervisor.model.id,
        )


def _event(count: int, percent: int | None, info: Mapping[str, Any] | None) -> ProgressEvent:
    words = f"{count} objects found"
    if info is not None and info.get("skipped"):
        words += f", {info['points']} points asked, {info['skipped']} skipped"
    return ProgressEvent("everything", words, 0.0 if percent is None else percent / 100, 1.0)
