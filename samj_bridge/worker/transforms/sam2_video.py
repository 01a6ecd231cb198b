"""SAM 2's way with frames of a video: bytes, both sides to 1024, cubic. Images are resized another way (`sam2`)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from samj_bridge.worker.transforms.pixels import IMAGENET_MEAN, IMAGENET_STD, bytes_of
from samj_bridge.worker.transforms.sam2 import BOXES_ONLY, SIDE, frame

__all__ = ["BOXES_ONLY", "SIDE", "frame", "pixels"]


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    rgb = np.repeat(bytes_of(image), 3, 2) if image.shape[2] == 1 else bytes_of(image)
    resized = Image.fromarray(np.ascontiguousarray(rgb)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    planes = torch.from_numpy((np.asarray(resized) / 255.0).astype(np.float32)).permute(2, 0, 1)[None]
    mean, std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    return (planes - mean) / std
