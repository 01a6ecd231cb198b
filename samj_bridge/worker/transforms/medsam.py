"""MedSAM's: both sides to 1024 by cubic splines in 8 bits, then 0..1 over the whole image (arXiv:2304.12306).

Follows github.com/bowang-lab/MedSAM, whose inference script resizes with scikit-image. What that does is here in
our own words: a Gaussian before shrinking, a cubic B-spline through the pixels (Unser 1999) mirrored at the border,
sampled at the centres of the new pixels, clipped to the range of the image, cut off to bytes.
MedSAM enlarges probabilities, not logits.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.lowres import Enlargement, bilinear
from samj_bridge.worker.transforms.frame import Frame, squashed_frame
from samj_bridge.worker.transforms.pixels import bytes_of

__all__ = ["BOXES_ONLY", "SIDE", "frame", "pixels", "splined"]

SIDE = 1024
LOW_SIDE = 256
BOXES_ONLY = True
_POLE = 3.0**0.5 - 2.0
"""Of the recursive filter that turns values into the coefficients of a cubic B-spline."""


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    small = splined(bytes_of(image), SIDE)
    lowest, highest = float(small.min()), float(small.max())
    unit = (small - lowest) / max(highest - lowest, 1e-8)
    planes = torch.from_numpy(unit.transpose(2, 0, 1).astype(np.float32))
    return planes.expand(3, -1, -1)[None].contiguous()


def frame(image_hw: tuple[int, int]) -> Frame:
    """See `samj_bridge.worker.transforms`."""
    height, width = image_hw
    enlargement = Enlargement(bilinear(LOW_SIDE, height), bilinear(LOW_SIDE, width), sigmoid=True)
    return squashed_frame(image_hw, enlargement, SIDE, LOW_SIDE)


def splined(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize (Y, X, C) bytes to (side, side, C)."""
    if image.shape[:2] == (side, side):
        return image
    values = image.astype(np.float64)
    for axis in (0, 1):
        values = _sampled(_filtered(_smoothed(values, axis, side), axis), axis, side)
    return values.clip(image.min(), image.max()).astype(np.uint8)


def _smoothed(values: NDArray[np.float64], axis: int, side: int) -> NDArray[np.float64]:
    """Smooth along an axis that will shrink, with a Gaussian of half as many pixels as go away per new one."""
    length = values.shape[axis]
    sigma = max(0.0, (length / side - 1) / 2)
    if sigma < 1e-15:
        return values
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    index = _mirrored(np.arange(-radius, length + radius), length)
    padded = values.take(index, axis)
    total = np.zeros_like(values)
    for shift, weight in enumerate(weights):
        total += weight * np.moveaxis(np.moveaxis(padded, axis, 0)[shift : shift + length], 0, axis)
    return total


def _filtered(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Turn values along an axis into coefficients of the cubic B-spline through them."""
    out = np.moveaxis(values, axis, 0).copy()
    length = len(out)
    if length == 1:
        return values
    out *= (1 - _POLE) * (1 - 1 / _POLE)
    far = _POLE ** (length - 1)
    first = out[0] + far * out[-1]
    power = _POLE
    for place in range(1, length - 1):
        if power == 0.0 or abs(power) < 1e-30:
            break
        first = first + power * (out[place] + far * out[-1 - place])
        power *= _POLE
    out[0] = first / (1 - far * far)
    for place in range(1, length):
        out[place] += _POLE * out[place - 1]
    out[-1] = (_POLE * out[-2] + out[-1]) * _POLE / (_POLE * _POLE - 1)
    for place in range(length - 2, -1, -1):
        out[place] = _POLE * (out[place + 1] - out[place])
    return np.moveaxis(out, 0, axis)


def _sampled(values: NDArray[np.float64], axis: int, side: int) -> NDArray[np.float64]:
    """Evaluate the spline along an axis at the centres of `side` pixels."""
    length = values.shape[axis]
    place = (np.arange(side) + 0.5) * (length / side) - 0.5
    low = np.floor(place)
    y = place - low
    z = 1 - y
    near = (y * y * (y - 2) * 3 + 4) / 6
    next_ = (z * z * (z - 2) * 3 + 4) / 6
    before = z * z * z / 6
    weights = [before, near, next_, 1 - before - near - next_]
    start = low.astype(np.int64) - 1
    shape = [1, 1, 1]
    shape[axis] = side
    taken = [values.take(_mirrored(start + tap, length), axis) * w.reshape(shape) for tap, w in enumerate(weights)]
    return np.asarray(taken[0] + taken[1] + taken[2] + taken[3])


def _mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Bring indices beyond the border back in, mirrored about the centres of the outermost pixels."""
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    index = np.abs(index) % period
    return np.where(index >= length, period - index, index)
