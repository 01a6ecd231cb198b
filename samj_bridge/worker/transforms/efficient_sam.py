"""EfficientSAM's: both sides to 1024, linear without smoothing, normalised (arXiv:2312.00863).

Its masks are enlarged in one cubic step, and a pixel right on the threshold belongs to the object.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.lowres import Enlargement, bicubic
from samj_bridge.worker.transforms.frame import Frame, squashed_frame
from samj_bridge.worker.transforms.pixels import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["BOXES_ONLY", "frame", "pixels"]

SIDE = 1024
LOW_SIDE = 256
BOXES_ONLY = False


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    if planes.shape[2:] != (SIDE, SIDE):
        planes = F.interpolate(planes, (SIDE, SIDE), mode="bilinear", align_corners=False)
    mean, std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    return (planes - mean) / std


def frame(image_hw: tuple[int, int]) -> Frame:
    """See `samj_bridge.worker.transforms`."""
    height, width = image_hw
    enlargement = Enlargement(bicubic(LOW_SIDE, height), bicubic(LOW_SIDE, width), inclusive=True)
    return squashed_frame(image_hw, enlargement, SIDE, LOW_SIDE)
