"""One frozen dataclass per request and reply of the protocol: the fields of docs/reference/protocol.md, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from samj_bridge.protocol.arrays import ArrayDescription
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.fields import (
    choice,
    flag,
    only,
    optional_text,
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
    "FitsRequest",
    "HelloReply",
    "LoadReply",
    "LoadRequest",
    "ReleaseRequest",
    "TileMessage",
]

OPERATIONS = (
    "hello",
    "load",
    "fits",
    "encode",
    "segment",
    "everything",
    "follow",
    "deliver",
    "release",
    "stats",
    "convert",
)
"""Every operation; the number of the protocol's version rises when one is added."""

CHANNEL_MODES = ("auto", "each", "merge")
"""``auto``: uint8 (Y, X, 3) is RGB, up to 3 channels are stretched each, more are merged."""

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""Number formats of the networks; ``auto``: what the worker finds fastest and good enough on its machine."""


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
    tile_px: int = 0
    """Side of the tiles that large images are cut into for it; 0: they are not."""
    whole_px: int = 0
    """Images with no side longer than this are not cut."""
    remembers: bool = False
    """Whether it follows objects through a stack by a memory of its own: the operation ``follow``."""

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return asdict(self)


@dataclass(frozen=True)
class FitsRequest:
    """Ask whether there is memory to encode an image, before anything is copied."""

    model: str
    """Handle from ``load``."""
    shape: tuple[int, ...]
    """(Y, X) or (Y, X, C) of the image."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> FitsRequest:
        """Check the inputs of ``fits``."""
        only(inputs, cls.__dataclass_fields__, "fits")
        shape: Any = inputs.get("shape")
        listed = isinstance(shape, (list, tuple)) and len(shape) in (2, 3)
        if not listed or not all(type(extent) is int and extent > 0 for extent in shape):
            reason = f"shape is {shape!r:.100}, not [Y, X] or [Y, X, C]."
            raise refuse(reason, FailureCode.BAD_IMAGE)
        return cls(text(inputs, "model"), tuple(shape))

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        return asdict(self)


@dataclass(frozen=True)
class TileMessage:
    """What an image is a tile of. Prompts and answers then count in pixels that were halved to its own."""

    halvings: int
    """How often they were halved, 0 to 4; the tile's own pixels are means of 2**halvings squared."""
    extent: tuple[int, int]
    """(Y, X) of the tile in these pixels: its own rounded up."""
    group: str = ""
    """Name of the whole image: what is kept of one image never drives out all that is kept of others."""

    @classmethod
    def from_wire(cls, value: Any, shape: tuple[int, ...]) -> TileMessage:
        """Check the input ``tile`` of ``encode`` for an image of some shape."""
        if not isinstance(value, Mapping):
            reason = f"tile is {value!r:.100}, not an object."
            raise refuse(reason, FailureCode.BAD_IMAGE)
        only(value, cls.__dataclass_fields__, "tile")
        halvings = whole_number(value, "halvings", 0, 0, 4)
        extent: Any = value.get("extent")
        pair = isinstance(extent, (list, tuple)) and len(extent) == 2 and all(type(item) is int for item in extent)
        if not pair or [-(-item >> halvings) for item in extent] != list(shape[:2]):
            reason = (
                f"extent {extent!r:.100} is not (Y, X) of an image that becomes {shape[:2]} by {halvings} halvings."
            )
            raise refuse(reason, FailureCode.BAD_IMAGE)
        group = optional_text(value, "group", "") if value.get("group") else ""
        return cls(halvings, (extent[0], extent[1]), group)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object."""
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
    tile: TileMessage | None = None
    """What it is a tile of; None: an image of its own."""
    cut: bool = False
    """Whether the worker keeps the pixels of a large image, and encodes tiles of it as prompts need them."""
    plane: bool = False
    """Whether it is a plane of a stack, encoded for ``follow`` and for nothing else."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> EncodeRequest:
        """Check the inputs of ``encode``."""
        only(inputs, cls.__dataclass_fields__, "encode")
        image = ArrayDescription.from_wire(inputs.get("image"))
        if len(image.shape) not in (2, 3):
            hint = "Send one plane, (Y, X) or (Y, X, C)."
            reason = f"The image has {len(image.shape)} axes: {image.shape}."
            raise refuse(reason, FailureCode.BAD_IMAGE, hint)
        if image.is_asked and not inputs.get("cut"):
            reason = "The worker asks for an image only where it cuts it itself."
            raise refuse(reason, FailureCode.BAD_IMAGE, "Send cut: true, or the pixels.")
        return cls(
            text(inputs, "model"),
            image,
            _ranges(inputs.get("ranges"), image.shape),
            choice(inputs, "channels", CHANNEL_MODES),
            optional_text(inputs, "image_id", "") if inputs.get("image_id") else "",
            None if inputs.get("tile") is None else TileMessage.from_wire(inputs["tile"], image.shape),
            flag(inputs, "cut"),
            flag(inputs, "plane"),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs; `tile`, `cut` and `plane` only where they say something."""
        inputs = {**vars(self), "image": self.image.to_wire()}
        del inputs["tile"], inputs["cut"], inputs["plane"]
        if self.tile is not None:
            inputs["tile"] = self.tile.to_wire()
        said = {name: True for name in ("cut", "plane") if getattr(self, name)}
        return {**inputs, **said}


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
class ReleaseRequest:
    """Forget encodings, and what is remembered of objects."""

    encodings: tuple[str, ...]
    """Identifiers from ``encode``; unknown ones are ignored."""
    memories: tuple[str, ...] = ()
    """Names from ``follow``; unknown ones are ignored."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> ReleaseRequest:
        """Check the inputs of ``release``."""
        only(inputs, cls.__dataclass_fields__, "release")
        return cls(_names(inputs.get("encodings"), "encodings"), _names(inputs.get("memories", ()), "memories"))

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs, `memories` only where there are any."""
        return {"encodings": self.encodings, **({"memories": self.memories} if self.memories else {})}


def _names(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        reason = f"{name} is {value!r:.100}, not a list of identifiers."
        raise refuse(reason)
    return tuple(value)


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
