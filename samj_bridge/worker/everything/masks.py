"""One found object: how stable its mask is, kept small, and freed of specks and holes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import label_components
from samj_bridge.worker.everything.boxes import Box, box_of
from samj_bridge.worker.families.base import SoftMask

__all__ = ["Found", "found_in", "mended", "stability"]


@dataclass(frozen=True)
class Found:
    """An object in the image."""

    bits: NDArray[np.uint8]
    """The mask, eight pixels to a byte: thousands are kept before most of them go."""
    shape_hw: tuple[int, int]
    """Extent of the mask."""
    origin_xy: tuple[int, int]
    """Image pixel of ``mask[0, 0]``."""
    box: Box
    """Inclusive extremes of its pixels in the image; zeros for an empty mask."""
    area: int
    """Pixels."""
    score: float
    """Predicted IoU, as the network gave it."""
    stability: float
    """Stability of the mask, 0 to 1; NaN where it has no pixel even at the lower threshold."""
    point_xy: tuple[float, float]
    """Point that it was asked with, in SAM's coordinates: (0, 0) is the middle of the first pixel."""
    crop: Box
    """Crop that it was found in, half open."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) bool array."""
        height, width = self.shape_hw
        return np.unpackbits(self.bits, count=height * width).reshape(height, width).astype(bool)

    def with_mask(self, mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> Found:
        """Return the same object with other pixels; scores stay."""
        trimmed, origin = _trimmed(mask, origin_xy)
        return replace(
            self,
            bits=np.packbits(trimmed),
            shape_hw=(trimmed.shape[0], trimmed.shape[1]),
            origin_xy=origin,
            box=box_of(trimmed, origin),
            area=int(np.count_nonzero(trimmed)),
        )

    def as_sam(self, image_hw: tuple[int, int]) -> dict[str, Any]:
        """Return what SAM's automatic mask generator returns for an object."""
        full = np.zeros(image_hw, bool)
        (x, y), (height, width) = self.origin_xy, self.shape_hw
        full[y : y + height, x : x + width] = self.mask
        x0, y0, x1, y1 = self.box
        left, top, right, bottom = self.crop
        return {
            "segmentation": full,
            "area": self.area,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "predicted_iou": self.score,
            "point_coords": [list(self.point_xy)],
            "stability_score": self.stability,
            "crop_box": [left, top, right - left, bottom - top],
        }


def stability(logits: NDArray[np.float32], offset: float) -> float:
    """Return the area above `offset` as a part of that above ``-offset``; NaN where both are empty.

    Examples
    --------
    >>> float(stability(np.array([[2.0, 0.5, -0.5, -2.0]], np.float32), 1.0))
    0.3333333333333333
    """
    outer = int(np.count_nonzero(logits > -offset))
    return np.count_nonzero(logits > offset) / outer if outer else float("nan")


def found_in(soft: SoftMask, score: float, offset: float, point_xy: tuple[float, float], crop: Box) -> Found:
    """Make a found object of a proposed mask; `soft` and the point are in the crop's pixels."""
    left, top = crop[:2]
    x, y = soft.origin_xy
    empty = Found(
        np.zeros(0, np.uint8),
        (0, 0),
        (0, 0),
        (0, 0, 0, 0),
        0,
        score,
        stability(soft.logits, offset),
        (point_xy[0] + left, point_xy[1] + top),
        crop,
    )
    return empty.with_mask(soft.logits > 0, (x + left, y + top))


def mended(found: Found, min_area: int, image_hw: tuple[int, int]) -> tuple[Found, bool]:
    """Fill holes and drop specks of fewer than `min_area` pixels, diagonal neighbours hanging together.

    Of specks only the largest stays, however small. Returns the object and whether it was changed.
    """
    # So wide a frame that background which reaches its outer edge has `min_area` pixels there already.
    frame = -(-min_area // max(1, min(found.shape_hw)))
    mask, origin = _grown(found, frame, image_hw)
    labels, count = label_components(~mask, corners=True)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    holes = np.flatnonzero(sizes[1:] < min_area) + 1
    filled = mask | np.isin(labels, holes)
    labels, count = label_components(filled, corners=True)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    small = sizes < min_area
    if not small.any():
        return (found.with_mask(filled, origin), True) if holes.size else (found, False)
    kept = np.flatnonzero(~small) + 1 if not small.all() else [int(sizes.argmax()) + 1]
    return found.with_mask(np.isin(labels, kept), origin), True


def _grown(found: Found, by: int, image_hw: tuple[int, int]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    (x, y), (height, width) = found.origin_xy, found.shape_hw
    left, top = max(0, x - by), max(0, y - by)
    right, bottom = min(image_hw[1], x + width + by), min(image_hw[0], y + height + by)
    mask = np.zeros((bottom - top, right - left), bool)
    mask[y - top : y - top + height, x - left : x - left + width] = found.mask
    return mask, (left, top)


def _trimmed(mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return np.zeros((0, 0), bool), (0, 0)
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return part, (origin_xy[0] + int(columns[0]), origin_xy[1] + int(rows[0]))
