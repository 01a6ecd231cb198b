"""Appose's JSON lines: requests in, responses out, nothing but strict JSON on the wire.

Follows the wire format of Appose 0.12 (https://github.com/apposed/appose), whose Python implementation
writes ``NaN`` and ``Infinity`` bare; strict parsers (Java, browsers) refuse those, so here they become null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from samj_bridge.protocol.failures import FailureCode, OperationFailed

__all__ = [
    "BadLine",
    "CancelRequest",
    "ExecuteRequest",
    "cancelation",
    "completion",
    "decode_failure",
    "decode_request",
    "encode_line",
    "failure",
    "launch",
    "update",
]


class BadLine(ValueError):
    """A request line that can't be understood; `task` names the task to answer, where the line says so."""

    def __init__(self, reason: str, task: str | None = None) -> None:
        super().__init__(reason)
        self.task = task


@dataclass(frozen=True)
class ExecuteRequest:
    """Run an operation."""

    task: str
    """Identifier that every response to this request repeats."""
    script: str
    """Name of the operation; never code."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What the operation is given."""


@dataclass(frozen=True)
class CancelRequest:
    """Stop an operation that waits or runs."""

    task: str
    """Identifier of the request to stop."""


def decode_request(line: bytes) -> ExecuteRequest | CancelRequest:
    """Read one request line.

    Raises
    ------
    BadLine
        Not UTF-8, not JSON, not an object, or without the fields that its type needs.
    """
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = f"not a line of JSON ({error})"
        raise BadLine(reason) from error
    if not isinstance(message, dict):
        reason = f"a JSON {type(message).__name__}, not an object"
        raise BadLine(reason)
    task = message.get("task")
    if not isinstance(task, str) or not task:
        raise BadLine("no task identifier")
    kind = message.get("requestType")
    if kind == "CANCEL":
        return CancelRequest(task)
    if kind != "EXECUTE":
        reason = f"requestType is {kind!r}, not EXECUTE or CANCEL"
        raise BadLine(reason, task)
    script, inputs = message.get("script"), message.get("inputs")
    if not isinstance(script, str):
        raise BadLine("script is not a text with an operation's name", task)
    if inputs is not None and not isinstance(inputs, dict):
        raise BadLine("inputs is not an object", task)
    return ExecuteRequest(task, script, inputs or {})


def launch(task: str) -> dict[str, Any]:
    """Say that the operation begins."""
    return {"task": task, "responseType": "LAUNCH"}


def update(
    task: str,
    message: str | None = None,
    current: int | None = None,
    maximum: int | None = None,
    info: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Report progress, or a part of the result in `info`."""
    response: dict[str, Any] = {"task": task, "responseType": "UPDATE"}
    fields = {"message": message, "current": current, "maximum": maximum, "info": info}
    response.update({name: value for name, value in fields.items() if value is not None})
    return response


def completion(task: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Hand over the result."""
    return {"task": task, "responseType": "COMPLETION", "outputs": outputs}


def cancelation(task: str) -> dict[str, Any]:
    """Say that the operation was stopped on request."""
    return {"task": task, "responseType": "CANCELATION"}


def failure(task: str, error: OperationFailed) -> dict[str, Any]:
    """Say that the operation failed; ``error`` is JSON text, since Appose's field holds a text."""
    return {"task": task, "responseType": "FAILURE", "error": encode_line(error.to_dict()).decode("ascii").strip()}


def decode_failure(text: str | None) -> OperationFailed:
    """Read the ``error`` text of a FAILURE; anything unknown becomes an internal failure with that text."""
    try:
        fields = json.loads(text or "")
        return OperationFailed(
            FailureCode(fields["code"]),
            str(fields["message"]),
            hint=str(fields.get("hint") or ""),
            **dict(fields.get("details") or {}),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return OperationFailed(FailureCode.INTERNAL, f"The worker failed: {text or 'without a reason'}")


def encode_line(message: Mapping[str, Any]) -> bytes:
    """Return a message as one line of ASCII JSON; numbers that are not finite become null.

    numpy scalars and arrays (anything with ``tolist``) are written as plain numbers and lists.
    """
    try:
        text = json.dumps(message, allow_nan=False, separators=(",", ":"), default=_plain)
    except ValueError:
        # Rare, so only then is the message walked through.
        text = json.dumps(_finite(message), allow_nan=False, separators=(",", ":"))
    return text.encode("ascii") + b"\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return _finite(_plain(value))
