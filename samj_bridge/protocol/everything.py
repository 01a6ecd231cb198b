"""The operation ``everything``: its request, the objects that it finds, its reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from samj_bridge.protocol.arrays import ArrayDescription
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.fields import box_edges, choice, flag, number, only, refuse, text, whole_number
from samj_bridge.protocol.messages import CHANNEL_MODES

__all__ = ["MODES", "OF_DECODER", "EverythingReply", "EverythingRequest", "ObjectMessage"]

MODES = ("auto", "fast", "exact", "decoder", "apg")
"""``auto``: the best that the model has, a decoder before points; ``fast``: object by object, points inside found
ones are skipped; ``exact``: SAM's automatic mask generator; ``decoder``: what the network says of each pixel;
``apg``: points that the decoder gives, micro-sam's automatic prompt generation."""
OF_SEEDS = ("center_distance_threshold", "boundary_distance_threshold", "foreground_threshold")
"""What a decoder's seeds depend on."""
OF_SMOOTHING = ("foreground_smoothing", "distance_smoothing")
"""What its objects depend on besides; its points come from the maps as they are."""
OF_DECODER = (*OF_SEEDS, *OF_SMOOTHING)
"""What needs a decoder."""
OF_MASKS = ("pred_iou_thresh", "stability_score_thresh", "stability_score_offset", "box_nms_thresh")
"""What only objects found by points depend on, whoever gives them."""
OF_GRIDS = ("crop_nms_thresh", "crop_overlap_ratio")
"""What only a grid of points depends on."""

_MOST_POINTS = 256
_MOST_SIGMA = 50.0
_MOST_PIXELS = 2**40


@dataclass(frozen=True)
class EverythingRequest:
    """Find every object of an encoded image. What is None is the model's own default."""

    encoding: str
    """Identifier from ``encode``."""
    mode: str = "auto"
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
    """IoU of boxes (``exact``) or masks (``apg``) or part of a mask (``fast``) that a better one may have."""
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
    """Only points in this box, x0, y0, x1, y1, are asked (not ``exact``), and only seeds in it grow; None: all."""
    within: tuple[float, float, float, float] | None = None
    """Only objects whose centroid is in this box; of an image that is cut only what is under it is read."""
    center_distance_threshold: float | None = None
    """A decoder's seeds are nearer to the centre of their object; the distance is 0 there and 1 at the rim."""
    boundary_distance_threshold: float | None = None
    """The same for the distance to the boundary, which is 0 in the middle and 1 at the rim."""
    foreground_threshold: float | None = None
    """What a decoder holds for more likely than this to be an object's."""
    foreground_smoothing: float | None = None
    """Standard deviation in pixels of the Gaussian over the foreground; 0: none."""
    distance_smoothing: float | None = None
    """The same over the distances."""

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
            box_edges(inputs.get("within"), "within", FailureCode.BAD_REQUEST),
            *(number(inputs, name, 0.0, _MOST_SIGMA if "smoothing" in name else 1.0) for name in OF_DECODER),
        )
        request._check_mode()
        if request.area is not None and request.mode == "exact":
            raise refuse("area was given, but the mode 'exact' looks at the whole image.")
        if request.crop_n_layers and (request.mode != "exact" or request.image is None):
            reason = f"crop_n_layers is {request.crop_n_layers}, but crops need the mode 'exact' and the image."
            raise refuse(reason, hint="Send the image that was encoded along, with mode 'exact'.")
        return request

    def for_points(self) -> list[str]:
        """Return the names of what was given that only objects found by points depend on."""
        return [*self._for_grids(), *self._given(OF_MASKS)]

    def for_decoder(self) -> list[str]:
        """Return the names of what was given that needs a decoder."""
        return self._given(OF_DECODER)

    def _for_grids(self) -> list[str]:
        # 0 points per side are none that were asked for.
        sides = ["points_per_side"] if self.points_per_side else []
        layers = ["crop_n_layers"] if self.crop_n_layers else []
        return [*sides, *self._given(OF_GRIDS), *layers]

    def _given(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]

    def _check_mode(self) -> None:
        points, decoder = self.for_points(), self.for_decoder()
        wrong = {
            "decoder": points,
            "apg": [*self._for_grids(), *self._given(OF_SMOOTHING)],
            "fast": decoder,
            "exact": decoder,
            "auto": points if decoder else [],
        }[self.mode]
        if wrong:
            beside = f"{decoder[0]} is for a decoder" if self.mode == "auto" else f"the mode is {self.mode!r}"
            reason = f"{wrong[0]} was given, but {beside}."
            raise refuse(reason, hint="Leave one of them out.")

    def to_wire(self) -> dict[str, Any]:
        """Return the inputs, `area`, `within` and what is for a decoder only where they were given."""
        inputs = {**vars(self), "image": None if self.image is None else self.image.to_wire()}
        return {
            name: value
            for name, value in inputs.items()
            if value is not None or (name not in ("area", "within") and name not in OF_DECODER)
        }


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
    """Points asked and skipped, seeds of a decoder, masks proposed, and why masks were dropped."""
    message: str
    """A sentence for people: what was found, or why nothing was."""
    seconds: float
    """Time that it took."""

    def to_wire(self) -> dict[str, Any]:
        """Return the outputs."""
        return {**asdict(self), "regions": [region.to_wire() for region in self.regions]}
