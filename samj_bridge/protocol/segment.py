"""The operation ``segment``: prompts, what is wanted of their answers, and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.protocol.fields import box_edges, flag, only, outline, pair_list, refuse, text, whole_number

__all__ = ["MOST_CANDIDATES", "PromptMessage", "RegionMessage", "SegmentRequest", "Wanted"]

MOST_CANDIDATES = 3
"""Networks of SAM's kind give up to three masks to a prompt."""

_MOST_PIXELS = 2**40


@dataclass(frozen=True)
class Wanted:
    """What is wanted of the answers to prompts: how many, and what is kept of each.

    Python, the command line, the protocol and Java speak of these four (in Java it is ``Options``), and
    ``tests/contract/test_wanted.py`` holds them together. `from_wire` is the one place that checks them.

    Examples
    --------
    >>> Wanted(candidates=3, fill_holes=True).to_wire()
    {'candidates': 3, 'min_area': 0, 'fill_holes': True, 'largest_only': False}
    """

    candidates: int = 1
    """Masks per prompt, 1 to 3, best first."""
    min_area: int = 0
    """Parts with fewer pixels are dropped."""
    fill_holes: bool = False
    """Whether holes are filled."""
    largest_only: bool = False
    """Whether all parts but the largest are dropped."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> Wanted:
        """Check these four among the inputs of ``segment``; what is missing has its default.

        Raises
        ------
        OperationFailed
            ``bad-request``: one is of another type, or out of its range.
        """
        return cls(
            whole_number(inputs, "candidates", cls.candidates, 1, MOST_CANDIDATES),
            whole_number(inputs, "min_area", cls.min_area, 0, _MOST_PIXELS),
            flag(inputs, "fill_holes"),
            flag(inputs, "largest_only"),
        )

    def drawn_with(self, side: int) -> Wanted:
        """Return the same for answers that are drawn in larger pixels, of `side` by `side` of the image's."""
        return replace(self, min_area=-(-self.min_area // side**2))

    def to_wire(self) -> dict[str, Any]:
        """Return them by name: they stand among the other inputs of ``segment``."""
        return dict(vars(self))


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

    @property
    def clicks(self) -> bool:
        """Whether only points say what is meant, so that its extent is not known."""
        return self.box is None and not self.mask_rings


@dataclass(frozen=True)
class SegmentRequest:
    """Answer prompts on an encoded image."""

    encoding: str
    """Identifier from ``encode``."""
    prompts: tuple[PromptMessage, ...]
    """At least one."""
    wanted: Wanted = Wanted()
    """How many answers to each, and what is kept of them; on the wire its fields stand beside the others."""
    stream: bool = False
    """Whether regions come in one UPDATE per prompt instead of in the outputs."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> SegmentRequest:
        """Check the inputs of ``segment``."""
        only(inputs, ("encoding", "prompts", *Wanted.__dataclass_fields__, "stream"), "segment")
        prompts = inputs.get("prompts")
        if not isinstance(prompts, (list, tuple)) or not prompts:
            reason = f"prompts is {prompts!r:.100}, not a list with at least one prompt."
            raise refuse(reason, FailureCode.BAD_PROMPT)
        return cls(
            text(inputs, "encoding"),
            tuple(_prompt(index, prompt) for index, prompt in enumerate(prompts)),
            Wanted.from_wire(inputs),
            flag(inputs, "stream"),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs."""
        prompts = [prompt.to_wire() for prompt in self.prompts]
        return {"encoding": self.encoding, "prompts": prompts, **self.wanted.to_wire(), "stream": self.stream}


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


def _prompt(index: int, value: Any) -> PromptMessage:
    try:
        return PromptMessage.from_wire(value)
    except OperationFailed as error:
        message = f"Prompt {index}: {error.message}"
        raise OperationFailed(error.code, message, hint=error.hint, prompt=index) from error
