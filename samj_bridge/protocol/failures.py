"""Codes of the failures that the worker reports; the host maps them to its error classes."""

from __future__ import annotations

from enum import Enum
from typing import Any

__all__ = ["FailureCode", "OperationFailed"]


class FailureCode(str, Enum):
    """Stable names: they may be added to, never renamed."""

    BAD_REQUEST = "bad-request"
    UNKNOWN_OPERATION = "unknown-operation"
    BAD_IMAGE = "bad-image"
    IMAGE_TOO_LARGE = "image-too-large"
    BAD_PROMPT = "bad-prompt"
    PROMPT_OUTSIDE_IMAGE = "prompt-outside-image"
    UNKNOWN_MODEL = "unknown-model"
    BAD_CHECKPOINT = "bad-checkpoint"
    UNKNOWN_ENCODING = "unknown-encoding"
    DEVICE_UNAVAILABLE = "device-unavailable"
    OUT_OF_MEMORY = "out-of-memory"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class OperationFailed(Exception):
    """Raised inside an operation; crosses the wire as ``{"code", "message", "hint", "details"}``."""

    def __init__(self, code: FailureCode, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as the protocol's JSON object."""
        return {"code": self.code.value, "message": self.message, "hint": self.hint, "details": self.details}
