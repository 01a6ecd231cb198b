"""The operation ``follow``: objects on a plane of a stack, by what a network remembers of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.fields import only, refuse, text, whole_number
from samj_bridge.protocol.segment import PromptMessage

__all__ = ["FollowItem", "FollowReply", "FollowRequest", "FoundMessage"]

_MOST_PLANES = 2**31


@dataclass(frozen=True)
class FollowItem:
    """One object in one direction."""

    memory: str
    """The client's name for what is remembered of it; new where it is not known."""
    step: int
    """1, or -1 for backwards."""
    prompt: PromptMessage | None = None
    """What the user drew on the plane; None: it is followed."""

    @classmethod
    def from_wire(cls, value: Any) -> FollowItem:
        """Check one object."""
        if not isinstance(value, Mapping):
            reason = f"An object is {value!r:.100}, not an object of JSON."
            raise refuse(reason)
        only(value, cls.__dataclass_fields__, "An object")
        step = value.get("step")
        if type(step) is not int or step not in (1, -1):
            reason = f"step is {step!r:.100}, not 1 or -1."
            raise refuse(reason)
        prompt = value.get("prompt")
        return cls(text(value, "memory"), step, None if prompt is None else PromptMessage.from_wire(prompt))

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object."""
        prompt = None if self.prompt is None else self.prompt.to_wire()
        return {"memory": self.memory, "step": self.step, "prompt": prompt}


@dataclass(frozen=True)
class FollowRequest:
    """Find objects on an encoded plane, or note what the user drew on it."""

    encoding: str
    """Identifier from ``encode`` with ``plane``."""
    plane: int
    """Number of the plane in the stack, from 0."""
    planes: int
    """How many planes the stack has."""
    objects: tuple[FollowItem, ...]
    """At least one."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> FollowRequest:
        """Check the inputs of ``follow``."""
        only(inputs, cls.__dataclass_fields__, "follow")
        objects = inputs.get("objects")
        if not isinstance(objects, (list, tuple)) or not objects:
            reason = f"objects is {objects!r:.100}, not a list with at least one object."
            raise refuse(reason, FailureCode.BAD_REQUEST)
        planes = whole_number(inputs, "planes", 0, 1, _MOST_PLANES)
        return cls(
            text(inputs, "encoding"),
            whole_number(inputs, "plane", -1, 0, planes - 1),
            planes,
            tuple(FollowItem.from_wire(item) for item in objects),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        return {**vars(self), "objects": [item.to_wire() for item in self.objects]}


@dataclass(frozen=True)
class FoundMessage:
    """One object on the plane."""

    memory: str
    """As in the request."""
    score: float | None
    """Predicted IoU, 0 to 1."""
    presence: float | None
    """Logit that it is there: it is where this is above 0; None where the plane is blank."""
    rings: tuple[list[int], ...]
    """Outline: closed rings of x0, y0, x1, y1, ... on pixel corners; none where it is not there."""

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class FollowReply:
    """What was found."""

    objects: tuple[FoundMessage, ...]
    """In the request's order."""
    memory_bytes: int
    """Bytes of all memories that the worker holds."""
    seconds: float
    """Time that it took."""

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return {**vars(self), "objects": [item.to_wire() for item in self.objects]}
