"""One frozen dataclass per request and reply of the protocol: the fields of docs/reference/protocol.md, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from samj_bridge.protocol.arrays import ArrayDescription
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.protocol.fields import (
    box_edges,
    choice,
    flag,
    only,
    optional_text,
    outline,
    pair_list,
    refuse,
    text,
    whole_number,
)

__all__ = [
    "CHANNEL_MODES",
    "OPERATIONS",
    "PRECISIONS",
    "EmptyRequest",
    "EncodeReply",
    "EncodeRequest",
    "HelloReply",
    "LoadReply",
    "LoadRequest",
    "PromptMessage",
    "RegionMessage",
    "ReleaseRequest",
    "SegmentRequest",
]

OPERATIONS = ("hello", "load", "encode", "segment", "everything", "release", "stats", "convert")
"""Every operation; the number of the protocol's version rises when one is added."""

CHANNEL_MODES = ("auto", "each", "merge")
"""``auto``: uint8 (Y, X, 3) is RGB, up to 3 channels are stretched each, more are merged."""

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""Number formats of the networks; ``auto``: what the worker finds fastest and good enough on its machine."""

_MOST_PIXELS = 2**40


@dataclass(frozen=True)
class EmptyRequest:
    """``hello`` and ``stats`` take nothing."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> EmptyRequest:
        """Check that there are no inputs."""
        only(inputs, (), "The operation")
        return cls()


@dataclass(frozen=True)
class HelloReply:
    """What the worker is."""

    protocol: str
    """Version of the protocol it speaks."""
    versions: Mapping[str, str]
    """Versions of samj_bridge, python, numpy, torch."""
    device: str
    """Device that ``auto`` stands for: ``cpu``, ``cuda`` or ``mps``."""
    precision: str
    """Number format that ``auto`` stands for there, as far as it was measured before: else ``float32``."""
    threads: int
    """Threads that one operation uses."""
    operations: tuple[str, ...]
    """Names of the operations."""
    pid: int
    """Process identifier."""

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return asdict(self)


@dataclass(frozen=True)
class LoadRequest:
    """Load a network."""

    model: str
    """Identifier of the model in the host's catalog."""
    family: str
    """Name in the worker's table of families."""
    checkpoint: str
    """Absolute path of the weights."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    architecture: str = ""
    """Which network of the family; empty: its only one."""
    transform: str = ""
    """How an image becomes the network's input; empty: as the family does it."""
    precision: str = "auto"
    """One of `PRECISIONS`."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> LoadRequest:
        """Check the inputs of ``load``."""
        only(inputs, cls.__dataclass_fields__, "load")
        return cls(
            text(inputs, "model"),
            text(inputs, "family"),
            text(inputs, "checkpoint"),
            optional_text(inputs, "device", "auto"),
            optional_text(inputs, "architecture", "") if inputs.get("architecture") else "",
            optional_text(inputs, "transform", "") if inputs.get("transform") else "",
            choice(inputs, "precision", PRECISIONS),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        return asdict(self)


@dataclass(frozen=True)
class LoadReply:
    """A loaded network."""

    model: str
    """Handle for ``encode``."""
    device: str
    """Device it lies on."""
    parameters: int
    """Number of its parameters."""
    seconds: float
    """Time that loading took; 0 when it was loaded before."""
    precision: str = "float32"
    """Number format that it computes in."""
    reason: str = ""
    """Why that one was chosen; empty where it was asked for."""

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return asdict(self)


@dataclass(frozen=True)
class EncodeRequest:
    """Encode an image once, for many prompts."""

    model: str
    """Handle from ``load``."""
    image: ArrayDescription
    """(Y, X) or (Y, X, C) pixels in shared memory."""
    ranges: tuple[tuple[float, float], ...] | None = None
    """Display range (low, high) per channel; None: robust percentiles."""
    channels: str = "auto"
    """One of `CHANNEL_MODES`."""
    image_id: str = ""
    """The client's name for these pixels: encoding the same one again is free. Empty: never the same."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> EncodeRequest:
        """Check the inputs of ``encode``."""
        only(inputs, ("model", "image", "ranges", "channels", "image_id"), "encode")
        image = ArrayDescription.from_wire(inputs.get("image"))
        if len(image.shape) not in (2, 3):
            hint = "Send one plane, (Y, X) or (Y, X, C)."
            reason = f"The image has {len(image.shape)} axes: {image.shape}."
            raise refuse(reason, FailureCode.BAD_IMAGE, hint)
        return cls(
            text(inputs, "model"),
            image,
            _ranges(inputs.get("ranges"), image.shape),
            choice(inputs, "channels", CHANNEL_MODES),
            optional_text(inputs, "image_id", "") if inputs.get("image_id") else "",
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        return {**vars(self), "image": self.image.to_wire()}


@dataclass(frozen=True)
class EncodeReply:
    """An encoded image."""

    encoding: str
    """Identifier for ``segment`` and ``release``."""
    shape: tuple[int, int]
    """(Y, X) of the image."""
    ranges: tuple[tuple[float, float], ...]
    """Display range used for each channel."""
    tiles: int
    """Number of tiles that were encoded."""
    seconds: float
    """Time that encoding took."""
    cached: bool
    """Whether it had been encoded before."""

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return asdict(self)


@dataclass(frozen=True)
class PromptMessage:
    """A prompt in continuous coordinates: pixel (x, y) covers [x, x+1) x [y, y+1)."""

    box: tuple[float, float, float, float] | None = None
    """Edges x0, y0, x1, y1, half open."""
    points: tuple[tuple[float, float], ...] = ()
    """Points inside the object."""
    negative: tuple[tuple[float, float], ...] = ()
    """Points outside the object."""
    mask_rings: tuple[tuple[int, ...], ...] = ()
    """Outline of an earlier region: rings of x0, y0, x1, y1, ... on pixel corners."""

    @classmethod
    def from_wire(cls, value: Any) -> PromptMessage:
        """Check one prompt.

        Raises
        ------
        OperationFailed
            ``bad-prompt``, with what is wrong.
        """
        bad = FailureCode.BAD_PROMPT
        if not isinstance(value, Mapping):
            reason = f"A prompt is {value!r:.100}, not an object."
            raise refuse(reason, bad)
        only(value, ("box", "points", "negative", "mask"), "A prompt")
        edges = box_edges(value.get("box"))
        points = pair_list(value.get("points") or (), "points", bad)
        mask = value.get("mask")
        rings = () if mask is None else outline(mask)
        if edges is None and not points and not rings:
            raise refuse("A prompt has no box, no positive point and no mask.", bad, "Add one of them.")
        return cls(edges, points, pair_list(value.get("negative") or (), "negative", bad), rings)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object, without empty fields."""
        value: dict[str, Any] = {"box": self.box, "points": self.points, "negative": self.negative}
        if self.mask_rings:
            value["mask"] = {"rings": self.mask_rings}
        return {name: item for name, item in value.items() if item}


@dataclass(frozen=True)
class SegmentRequest:
    """Answer prompts on an encoded image."""

    encoding: str
    """Identifier from ``encode``."""
    prompts: tuple[PromptMessage, ...]
    """At least one."""
    candidates: int = 1
    """Masks per prompt, 1 to 3, best first."""
    min_area: int = 0
    """Parts with fewer pixels are dropped."""
    fill_holes: bool = False
    """Whether holes are filled."""
    largest_only: bool = False
    """Whether all parts but the largest are dropped."""
    stream: bool = False
    """Whether regions come in one UPDATE per prompt instead of in the outputs."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> SegmentRequest:
        """Check the inputs of ``segment``."""
        only(inputs, cls.__dataclass_fields__, "segment")
        prompts = inputs.get("prompts")
        if not isinstance(prompts, (list, tuple)) or not prompts:
            reason = f"prompts is {prompts!r:.100}, not a list with at least one prompt."
            raise refuse(reason, FailureCode.BAD_PROMPT)
        return cls(
            text(inputs, "encoding"),
            tuple(_prompt(index, prompt) for index, prompt in enumerate(prompts)),
            whole_number(inputs, "candidates", 1, 1, 3),
            whole_number(inputs, "min_area", 0, 0, _MOST_PIXELS),
            flag(inputs, "fill_holes"),
            flag(inputs, "largest_only"),
            flag(inputs, "stream"),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        return {**vars(self), "prompts": [prompt.to_wire() for prompt in self.prompts]}


@dataclass(frozen=True)
class RegionMessage:
    """One answer to one prompt."""

    prompt: int
    """Index of the prompt in the request."""
    candidate: int
    """0 for the best, then 1 and 2."""
    score: float | None
    """Predicted IoU, 0 to 1; None where the network gave no finite number."""
    rings: tuple[list[int], ...]
    """Outline: closed rings of x0, y0, x1, y1, ... on pixel corners; none for an empty region."""

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"prompt": self.prompt, "candidate": self.candidate, "score": self.score, "rings": self.rings}

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> RegionMessage:
        """Read the JSON object that a worker wrote."""
        return cls(value["prompt"], value["candidate"], value["score"], tuple(value["rings"]))


@dataclass(frozen=True)
class ReleaseRequest:
    """Forget encodings."""

    encodings: tuple[str, ...]
    """Identifiers from ``encode``; unknown ones are ignored."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> ReleaseRequest:
        """Check the inputs of ``release``."""
        only(inputs, ("encodings",), "release")
        encodings = inputs.get("encodings")
        if not isinstance(encodings, (list, tuple)) or not all(isinstance(item, str) for item in encodings):
            reason = f"encodings is {encodings!r:.100}, not a list of identifiers."
            raise refuse(reason)
        return cls(tuple(encodings))

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        return asdict(self)


def _ranges(value: Any, shape: tuple[int, ...]) -> tuple[tuple[float, float], ...] | None:
    if value is None:
        return None
    ranges = pair_list(value, "ranges", FailureCode.BAD_IMAGE)
    channels = shape[2] if len(shape) == 3 else 1
    # Equal ends are allowed: a constant image has such a range, and comes back with it when it is encoded again.
    if len(ranges) != channels:
        hint = "Give one [low, high] per channel, in the image's own values."
        reason = f"ranges {value!r:.100} do not fit {channels} channels."
        raise refuse(reason, FailureCode.BAD_IMAGE, hint)
    return ranges


def _prompt(index: int, value: Any) -> PromptMessage:
    try:
        return PromptMessage.from_wire(value)
    except OperationFailed as error:
        message = f"Prompt {index}: {error.message}"
        raise OperationFailed(error.code, message, hint=error.hint, prompt=index) from error
