"""What the worker asks its client for while an operation runs, and the message that brings it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from samj_bridge.protocol.arrays import ArrayDescription
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.fields import only, refuse, whole_number

__all__ = ["DELIVER", "DeliverRequest"]

DELIVER = "deliver"
"""The operation that is taken at once, while another one runs: it brings what that one has asked for."""


@dataclass(frozen=True)
class DeliverRequest:
    """What the operation that runs has asked for."""

    number: int
    """Number of the question."""
    image: ArrayDescription | None = None
    """The pixels of a part."""
    sum: int = 0
    """Where pixels were not asked for: a number that changes when they do."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> DeliverRequest:
        """Check the inputs of ``deliver``."""
        only(inputs, cls.__dataclass_fields__, DELIVER)
        image = None if inputs.get("image") is None else ArrayDescription.from_wire(inputs["image"])
        if image is not None and image.is_asked:
            reason = "The pixels that were asked for are delivered in shared memory or a file."
            raise refuse(reason, FailureCode.BAD_IMAGE)
        return cls(whole_number(inputs, "number", 0, 0, 1 << 62), image, whole_number(inputs, "sum", 0, 0, 1 << 63))

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs: an image or a sum."""
        if self.image is None:
            return {"number": self.number, "sum": self.sum}
        return {"number": self.number, "image": self.image.to_wire()}
