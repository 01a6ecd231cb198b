"""SAM's own: longest side to 1024 in 8 bits, normalised, then padded (arXiv:2304.02643)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.transforms.frame import Frame, padded_frame, resized_hw
from samj_bridge.worker.transforms.pixels import SAM_MEAN, SAM_STD, bytes_of, normalised, resized

__all__ = ["BOXES_ONLY", "SIDE", "frame", "of_bytes", "pixels"]

SIDE = 1024
BOXES_ONLY = False


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    return of_bytes(bytes_of(image))


def of_bytes(image: NDArray[np.uint8]) -> Tensor:
    """Return the network's input for (Y, X, C) bytes."""
    height, width = image.shape[:2]
    return normalised(resized(image, resized_hw((height, width), SIDE)), SAM_MEAN, SAM_STD, SIDE)


def frame(image_hw: tuple[int, int], threshold: float = 0.0) -> Frame:
    """See `samj_bridge.worker.transforms`; an object begins at the logit `threshold`."""
    return padded_frame(image_hw, SIDE, threshold=threshold)
