"""The operation ``everything``: its request, the objects that it finds, its reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from samj_bridge.protocol.arrays import ArrayDescription
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.fields import box_edges, choice, flag, number, only, refuse, text, whole_number
from samj_bridge.protocol.messages import CHANNEL_MODES

__all__ = ["MODES", "EverythingReply", "EverythingRequest", "ObjectMessage"]

MODES = ("fast", "exact")
"""``fast``: object by object, points inside found ones are skipped; ``exact``: SAM's automatic mask generator."""

_MOST_POINTS = 256
_MOST_PIXELS = 2**40


@dataclass(frozen=True)
class EverythingRequest:
    """Find every object of an encoded image. What is None is the model's own default."""

    encoding: str
    """Identifier from ``encode``."""
    mode: str = "fast"
    """One of `MODES`."""
    points_per_side: int = 0
    """Points along a side of the grid; 0: 32, or in fast mode as the image and the network suggest."""
    pred_iou_thresh: float | None = None
    """Masks whose predicted IoU is not above this go; 0 keeps all."""
    stability_score_thresh: float | None = None
    """Masks whose stability is below this go; 0 keeps all."""
    stability_score_offset: float | None = None
    """How far the threshold of the logits is moved to see how stable a mask is."""
    box_nms_thresh: float | None = None
    """IoU of boxes (``exact``) or part of a mask (``fast``) that may be taken by a better one."""
    crop_n_layers: int = 0
    """Layers of crops looked at besides the whole image; ``exact`` only, needs `image`."""
    crop_nms_thresh: float | None = None
    """The IoU of boxes between crops."""
    crop_overlap_ratio: float | None = None
    """How far crops overlap."""
    crop_n_points_downscale_factor: int = 1
    """Points per side are divided by this to the power of the layer."""
    min_mask_region_area: int = 0
    """Holes and specks of fewer pixels are mended."""
    min_area: int = 0
    """Objects with fewer pixels go."""
    stream: bool = False
    """Whether objects come in UPDATEs instead of in the outputs."""
    image: ArrayDescription | None = None
    """The pixels that were encoded; for crops."""
    channels: str = "auto"
    """As `image` was encoded."""
    area: tuple[float, float, float, float] | None = None
    """Fast mode: only points in this box, x0, y0, x1, y1, are asked; None: all."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> EverythingRequest:
        """Check the inputs of ``everything``."""
        only(inputs, cls.__dataclass_fields__, "everything")
        image = inputs.get("image")
        request = cls(
            text(inputs, "encoding"),
            choice(inputs, "mode", MODES),
            whole_number(inputs, "points_per_side", 0, 0, _MOST_POINTS),
            number(inputs, "pred_iou_thresh", 0.0, 1.0),
            number(inputs, "stability_score_thresh", 0.0, 1.0),
            number(inputs, "stability_score_offset", 0.0, 100.0),
            number(inputs, "box_nms_thresh", 0.0, 1.0),
            whole_number(inputs, "crop_n_layers", 0, 0, 4),
            number(inputs, "crop_nms_thresh", 0.0, 1.0),
            number(inputs, "crop_overlap_ratio", 0.0, 0.9),
            whole_number(inputs, "crop_n_points_downscale_factor", 1, 1, 64),
            whole_number(inputs, "min_mask_region_area", 0, 0, _MOST_PIXELS),
            whole_number(inputs, "min_area", 0, 0, _MOST_PIXELS),
            flag(inputs, "stream"),
            None if image is None else ArrayDescription.from_wire(image),
            choice(inputs, "channels", CHANNEL_MODES),
            box_edges(inputs.get("area"), "area", FailureCode.BAD_REQUEST),
        )
        if request.area is not None and request.mode != "fast":
            raise refuse("area was given, but only the mode 'fast' looks at a part of the image.")
        if request.crop_n_layers and (request.mode != "exact" or request.image is None):
            reason = f"crop_n_layers is {request.crop_n_layers}, but crops need the mode 'exact' and the image."
            raise refuse(reason, hint="Send the image that was encoded along, with mode 'exact'.")
        return request

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs, `area` only where there is one."""
        inputs = {**vars(self), "image": None if self.image is None else self.image.to_wire()}
        if self.area is None:
            del inputs["area"]
        return inputs


@dataclass(frozen=True)
class ObjectMessage:
    """An object that was found."""

    point: tuple[float, float]
    """Point that it was asked with, in continuous coordinates."""
    score: float | None
    """Predicted IoU, 0 to 1; None where the network gave no finite number."""
    stability: float | None
    """Stability, 0 to 1."""
    rings: tuple[list[int], ...]
    """Outline: closed rings of x0, y0, x1, y1, ... on pixel corners."""

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"point": self.point, "score": self.score, "stability": self.stability, "rings": self.rings}

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> ObjectMessage:
        """Read the JSON object that a worker wrote."""
        x, y = value["point"]
        return cls((x, y), value["score"], value["stability"], tuple(value["rings"]))


@dataclass(frozen=True)
class EverythingReply:
    """The end of a search."""

    regions: tuple[ObjectMessage, ...]
    """The objects; none when they were streamed."""
    count: int
    """How many objects were found."""
    counts: Mapping[str, int]
    """Points asked and skipped, masks proposed, and why masks were dropped."""
    message: str
    """A sentence for people: what was found, or why nothing was."""
    seconds: float
    """Time that it took."""

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return {**asdict(self), "regions": [region.to_wire() for region in self.regions]}
