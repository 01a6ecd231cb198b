"""EfficientViT-SAM's: longest side to 512 in 8 bits, normalised, then padded (arXiv:2402.05008).

Prompts and masks live in SAM's frame of 1024 all the same: the two differ by the rounding of the shorter side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.transforms import sam
from samj_bridge.worker.transforms.frame import Frame, resized_hw
from samj_bridge.worker.transforms.pixels import SAM_MEAN, SAM_STD, bytes_of, normalised, resized

__all__ = ["BOXES_ONLY", "SIDE", "frame", "pixels"]

SIDE = 512
BOXES_ONLY = False


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    small = resized(bytes_of(image), resized_hw((image.shape[0], image.shape[1]), SIDE))
    return normalised(small, SAM_MEAN, SAM_STD, SIDE)


def frame(image_hw: tuple[int, int]) -> Frame:
    """See `samj_bridge.worker.transforms`."""
    return sam.frame(image_hw)
