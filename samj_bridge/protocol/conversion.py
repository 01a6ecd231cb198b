"""Request and reply of ``convert``: a checkpoint to safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from samj_bridge.protocol.fields import only, text

__all__ = ["HALVES", "ConvertReply", "ConvertRequest"]

HALVES = ("network.pt", "decoder.pt")
"""Names of the two checkpoints, stored as they are, in an archive that holds a network and its decoder."""


@dataclass(frozen=True)
class ConvertRequest:
    """Convert a checkpoint."""

    source: str
    """Absolute path of the checkpoint."""
    target: str
    """Absolute path of the safetensors file to write, which must not exist."""
    architecture: str = ""
    """What it has to be; empty: any known one, recognised."""
    wrapped: str = ""
    """Table in the checkpoint to look into first; empty: the usual ones."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> ConvertRequest:
        """Check the inputs of ``convert``."""
        only(inputs, cls.__dataclass_fields__, "convert")
        optional = {name: text(inputs, name) for name in ("architecture", "wrapped") if inputs.get(name)}
        return cls(text(inputs, "source"), text(inputs, "target"), **optional)

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        return asdict(self)


@dataclass(frozen=True)
class ConvertReply:
    """A converted checkpoint."""

    architecture: str
    """What it was recognised as."""
    family: str
    """Family of that."""
    keys: int
    """Weights in it, by name."""
    parameters: int
    """Numbers in it."""
    size: int
    """Bytes of the safetensors file."""
    sha256: str
    """Hash of the safetensors file."""
    unwrapped: tuple[str, ...]
    """Tables and prefixes that were taken off, outermost first."""
    dropped: tuple[str, ...]
    """Some of the names that were left out: other networks in the file, and what this one does not need."""
    notes: tuple[str, ...]
    """What was changed, in sentences."""
    seconds: float
    """Time that it took."""

    @classmethod
    def from_wire(cls, outputs: Mapping[str, Any]) -> ConvertReply:
        """Read the outputs that a worker wrote."""
        lists = {name: tuple(outputs[name]) for name in ("unwrapped", "dropped", "notes")}
        return cls(**{**{name: outputs[name] for name in cls.__dataclass_fields__}, **lists})

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return asdict(self)
