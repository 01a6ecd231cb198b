"""What an operation asks its client for while it runs, and what the client delivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from samj_bridge.protocol.arrays import attached
from samj_bridge.protocol.delivering import DeliverRequest

__all__ = ["Deliveries"]

_LOOK_S = 0.05


class Deliveries:
    """One question at a time: only one operation runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 0
        self._delivered: Mapping[str, Any] | None = None

    def ask(
        self, what: Mapping[str, Any], send: Callable[[Mapping[str, Any]], None], check: Callable[[], None]
    ) -> Mapping[str, Any]:
        """Send a question, and return what is delivered; `check` may raise meanwhile."""
        with self._changed:
            self._number += 1
            self._delivered = None
            number = self._number
        send({"ask": {"number": number, **what}})
        while True:
            check()
            found = self._here()
            if found is not None:
                return found

    def _here(self) -> Mapping[str, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._delivered is not None, _LOOK_S)
            return self._delivered

    def take(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Take what a client delivers; it is copied, so that the client may remove it. Returns the outputs.

        Raises
        ------
        OperationFailed
            The inputs are wrong, or the file or block can't be read.
        """
        request = DeliverRequest.from_wire(inputs)
        found: dict[str, Any] = {"sum": request.sum}
        if request.image is not None:
            with attached(request.image) as view:
                found["pixels"] = bytes(view)
        with self._changed:
            # What was asked by an operation that has ended since is nobody's any more.
            taken = request.number == self._number
            if taken:
                self._delivered = found
                self._changed.notify_all()
        return {"taken": taken}
