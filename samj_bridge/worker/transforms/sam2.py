"""SAM 2's: both sides to 1024, linear with smoothing where it shrinks, normalised (arXiv:2408.00714)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.lowres import Enlargement, bilinear
from samj_bridge.worker.transforms.frame import Frame, squashed_frame
from samj_bridge.worker.transforms.pixels import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["BOXES_ONLY", "SIDE", "frame", "pixels"]

SIDE = 1024
LOW_SIDE = 256
BOXES_ONLY = False


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    planes = F.interpolate(planes, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
    mean, std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    return (planes - mean) / std


def frame(image_hw: tuple[int, int]) -> Frame:
    """See `samj_bridge.worker.transforms`."""
    height, width = image_hw
    enlargement = Enlargement(bilinear(LOW_SIDE, height), bilinear(LOW_SIDE, width))
    return squashed_frame(image_hw, enlargement, SIDE, LOW_SIDE)
