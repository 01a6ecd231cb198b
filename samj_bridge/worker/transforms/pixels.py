"""What several transforms do with pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "SAM_MEAN", "SAM_STD", "bytes_of", "normalised", "resized"]

SAM_MEAN, SAM_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of the channels red, green, blue, in 0..255."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The same in 0..1."""


def bytes_of(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round (Y, X, C) intensities of 0..1 to 0..255: exact where they came from 8 bits."""
    return np.asarray(np.rint(image * np.float32(255)), np.uint8)


def resized(image: NDArray[np.uint8], shape_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize (Y, X, C) bytes, C 1 or 3, as Pillow does it: linear, smoothing when it shrinks, rounded to bytes."""
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    found = np.asarray(picture.resize((shape_hw[1], shape_hw[0]), Image.Resampling.BILINEAR))
    return found.reshape(*shape_hw, image.shape[2])


def normalised(
    image: NDArray[np.uint8] | NDArray[np.float32],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    side: int,
) -> Tensor:
    """Normalise (Y, X, C) values and pad at the right and the bottom with zeros: (1, 3, side, side) float32.

    One channel is shown as all three. The padding comes after the normalisation, so it has the mean's colour.
    """
    planes = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))
    height, width = planes.shape[1:]
    out = torch.zeros(1, 3, side, side)
    target = out[0, :, :height, :width]
    target.copy_(planes.expand(3, -1, -1))
    target -= torch.tensor(mean).view(3, 1, 1)
    target /= torch.tensor(std).view(3, 1, 1)
    return out
