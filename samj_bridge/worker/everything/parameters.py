"""What everything mode can be told. Names, meanings and defaults are those of SAM's automatic mask generator."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Parameters"]


@dataclass(frozen=True)
class Parameters:
    """How densely to ask, and what to keep."""

    points_per_side: int = 32
    """Points along each side of the image: their square is asked."""
    points_per_batch: int = 64
    """Points handed to the network at once; decides how often progress is told, never the result."""
    pred_iou_thresh: float = 0.88
    """Masks whose predicted IoU is not above this go; 0 or less keeps all."""
    stability_score_thresh: float = 0.95
    """Masks whose stability is below this go; 0 or less keeps all."""
    stability_score_offset: float = 1.0
    """How far the threshold of the logits is moved up and down to see how stable a mask is."""
    box_nms_thresh: float = 0.7
    """Of two masks whose boxes overlap by more (IoU), the one with the lower predicted IoU goes."""
    crop_n_layers: int = 0
    """Layers of crops that are looked at besides the whole image: layer n has 2^n by 2^n of them."""
    crop_nms_thresh: float = 0.7
    """The same between crops, where the mask of the smaller crop stays."""
    crop_overlap_ratio: float = 512 / 1500
    """How far crops overlap, as a part of the image's shorter side (layer 1; half as much in layer 2, ...)."""
    crop_n_points_downscale_factor: int = 1
    """Points per side are divided by this to the power of the layer."""
    min_mask_region_area: int = 0
    """Holes and specks of fewer pixels are mended; 0 leaves masks as they are."""
