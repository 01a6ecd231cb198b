"""CellSAM's: a single channel is shown as blue alone, cut off to 8 bits, then as SAM (Nature Methods 2025).

Follows github.com/vanvalenlab/cellSAM with its option ``normalize`` off: the display range stands in for the cut at
the 99.9th percentile. An object begins at a probability of 0.4.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.transforms import sam
from samj_bridge.worker.transforms.frame import Frame

__all__ = ["BOXES_ONLY", "SIDE", "frame", "pixels"]

SIDE = sam.SIDE
BOXES_ONLY = True
THRESHOLD = math.log(0.4 / 0.6)


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    values = image * np.float32(255)
    whole = np.rint(values)
    # Cut off, but for what a rounding error would cut off one too low where the pixels came from 8 bits.
    cut = np.where(np.abs(values - whole) < 1e-3, whole, np.floor(values)).astype(np.uint8)
    if cut.shape[2] == 1:
        cut = np.concatenate([np.zeros_like(cut), np.zeros_like(cut), cut], 2)
    return sam.of_bytes(cut)


def frame(image_hw: tuple[int, int]) -> Frame:
    """See `samj_bridge.worker.transforms`."""
    return sam.frame(image_hw, THRESHOLD)
