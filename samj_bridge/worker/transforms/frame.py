"""Where an image lies in a network's frame: every change of coordinates between the two stands here.

Ours are continuous: pixel (x, y) covers [x, x+1) x [y, y+1). The published predictors count pixels: their point
(x, y) means the centre of that pixel, and they add the half themselves, after scaling. So a point of ours moves
down by half a pixel before it is scaled, and a click on a pixel gives the very numbers of the authors' code. A box
is handed to them as it is: its edges are the numbers that one gives to the authors' code too
(docs/decisions/0015-points-and-boxes-in-the-networks-frame.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samj_bridge.worker.lowres import Axis, Enlargement, bilinear, chained

__all__ = ["Frame", "padded_frame", "squashed_frame"]

_SURE = float(np.log(999.0))
"""Logit of a cell that a mask prompt covers whole; minus it where it covers nothing."""


@dataclass(frozen=True)
class Frame:
    """The place of one image in the frame of a network."""

    image_hw: tuple[int, int]
    """Height and width of the image."""
    scale_xy: tuple[float, float]
    """Pixels of the frame per pixel of the image."""
    cells_per_pixel: float
    """Low-resolution cells per pixel of the frame: 256 to 1024."""
    low_side: int
    """Low-resolution cells along a side."""
    enlargement: Enlargement
    """From low-resolution logits to the image."""

    def points(self, points_xy: NDArray[np.floating]) -> NDArray[np.float32]:
        """Bring continuous image coordinates (N, 2) to the pixel indices that the network's encoder takes."""
        moved = (np.asarray(points_xy, np.float64) - 0.5) * np.asarray(self.scale_xy)
        return np.asarray(moved, np.float32)

    def box(self, box_xyxy: tuple[float, float, float, float]) -> NDArray[np.float32]:
        """Bring the edges of a box to its two corners (2, 2) in the frame."""
        corners = np.asarray(box_xyxy, np.float64).reshape(2, 2) * np.asarray(self.scale_xy)
        return np.asarray(corners, np.float32)

    def mask_logits(self, mask: NDArray[np.bool_], origin_xy: tuple[int, int]) -> NDArray[np.float32]:
        """Return (side, side) logits for a mask prompt: the logit of how much of each cell the mask covers.

        Between -6.9 (nothing) and 6.9 (all of it): about as sure as the networks themselves are.
        """
        cells = [scale * self.cells_per_pixel for scale in self.scale_xy]
        x, y = origin_xy
        rows = _shares(mask.astype(np.float64), y * cells[1], cells[1], self.low_side)
        shares = _shares(rows.T, x * cells[0], cells[0], self.low_side).T
        inside = shares.clip(1e-3, 1 - 1e-3)
        logits = np.log(inside / (1 - inside)).clip(-_SURE, _SURE)
        return np.asarray(logits, np.float32)


def padded_frame(
    image_hw: tuple[int, int], side: int = 1024, low_side: int = 256, *, threshold: float = 0.0
) -> Frame:
    """Return the frame whose longest side the image fills, with padding at the right or the bottom.

    The logits are enlarged to the frame, the padding is cut off, and the rest is enlarged to the image, where an
    object begins at the logit `threshold`.
    """
    inner = resized_hw(image_hw, side)
    axes: list[Axis] = [
        chained(bilinear(low_side, side).cut(within), bilinear(within, length))
        for within, length in zip(inner, image_hw, strict=True)
    ]
    scale = inner[1] / image_hw[1], inner[0] / image_hw[0]
    return Frame(image_hw, scale, low_side / side, low_side, Enlargement(axes[0], axes[1], threshold))


def squashed_frame(
    image_hw: tuple[int, int], enlargement: Enlargement, side: int = 1024, low_side: int = 256
) -> Frame:
    """Return the frame that the image fills whole, each axis with a scale of its own."""
    scale = side / image_hw[1], side / image_hw[0]
    return Frame(image_hw, scale, low_side / side, low_side, enlargement)


def resized_hw(image_hw: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the image's size when its longest side is `side` pixels; at least one pixel."""
    scale = side / max(image_hw)
    height, width = (max(1, int(length * scale + 0.5)) for length in image_hw)
    return height, width


def _shares(values: NDArray[np.float64], start: float, scale: float, cells: int) -> NDArray[np.float64]:
    """Return how much of each of `cells` cells the rows of values cover; row i covers start + scale * [i, i+1)."""
    total = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(0)]) * scale
    place = ((np.arange(cells + 1) - start) / scale).clip(0, len(values))
    below = np.minimum(place.astype(np.int64), len(values) - 1)
    at = total[below] + (place - below)[:, None] * (total[below + 1] - total[below])
    return np.diff(at, axis=0)
