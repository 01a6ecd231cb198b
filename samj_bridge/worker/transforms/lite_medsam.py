"""LiteMedSAM's: longest side to 256 by area in 8 bits, 0..1 over the whole image, padded with zeros.

Follows the inference script of github.com/bowang-lab/MedSAM, branch LiteMedSAM, which resizes with OpenCV's
``INTER_AREA``. What that does is here in our own words (OpenCV's sources and outputs of OpenCV 5): where both sides
shrink, a new pixel is the mean of the area that it covers, rounded; where one grows, both are interpolated
linearly, from one side of the seam between two pixels to the other, in whole steps of 1/2048.
A box is cut off to whole pixels of the frame: half a per cent of the image.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.transforms.frame import Frame, padded_frame, resized_hw
from samj_bridge.worker.transforms.pixels import bytes_of

__all__ = ["BOXES_ONLY", "SIDE", "frame", "pixels", "shrunk"]

SIDE = 256
BOXES_ONLY = True
_STEPS = 2048
"""Weights of the interpolation are multiples of one by this."""
_LEAST = 1e-3


class _WholeBoxes(Frame):
    """A frame with one scale for both axes, in which boxes have whole numbers."""

    def box(self, box_xyxy: tuple[float, float, float, float]) -> NDArray[np.float32]:
        """See `Frame.box`."""
        corners = np.asarray(box_xyxy, np.float64).reshape(2, 2) * (SIDE / max(self.image_hw))
        return np.asarray(np.trunc(corners), np.float32)


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    small = shrunk(bytes_of(image), resized_hw((image.shape[0], image.shape[1]), SIDE)).astype(np.float32)
    lowest = small.min()
    unit = (small - lowest) / max(small.max() - lowest, np.float32(1e-8))
    out = torch.zeros(1, 3, SIDE, SIDE)
    height, width = unit.shape[:2]
    out[0, :, :height, :width] = torch.from_numpy(np.ascontiguousarray(unit.transpose(2, 0, 1))).expand(3, -1, -1)
    return out


def frame(image_hw: tuple[int, int]) -> Frame:
    """See `samj_bridge.worker.transforms`."""
    made = padded_frame(image_hw, SIDE, SIDE)
    return _WholeBoxes(**{item.name: getattr(made, item.name) for item in fields(made)})


def shrunk(image: NDArray[np.uint8], shape_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize (Y, X, C) bytes by area."""
    if image.shape[:2] == shape_hw:
        return image
    factors = [length / new for length, new in zip(image.shape[:2], shape_hw, strict=True)]
    if min(factors) < 1:
        return _interpolated(image, shape_hw)
    if all(factor == int(factor) for factor in factors):
        return _whole_blocks(image, *map(int, factors))
    # In float32 and in the order of the authors' library: a mean near a half is rounded as there.
    wide = _areas(image.swapaxes(0, 1).astype(np.float32), shape_hw[1]).swapaxes(0, 1)
    return np.asarray(np.rint(_areas(wide, shape_hw[0])), np.uint8)


def _whole_blocks(image: NDArray[np.uint8], down: int, across: int) -> NDArray[np.uint8]:
    """Return the means of blocks of whole pixels."""
    height, width, channels = image.shape
    blocks = image.reshape(height // down, down, width // across, across, channels)
    total = blocks.sum((1, 3), dtype=np.int64)
    if (down, across) == (2, 2):
        # Of four pixels the mean is rounded up at a half; everywhere else to the even number.
        return np.asarray((total + 2) >> 2, np.uint8)
    return np.asarray(np.rint(total.astype(np.float32) * (np.float32(1) / np.float32(down * across))), np.uint8)


def _areas(values: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return the means of `length` equal parts of the first axis; a pixel in two of them counts by its shares.

    Shares of less than a thousandth don't count.
    """
    size = len(values)
    factor = 1 / (length / size)  # rounded twice, as there: it decides where a seam falls on a pixel's edge
    start = np.arange(length) * factor
    stop = start + factor
    width = np.minimum(factor, size - start)
    last = np.minimum(np.floor(stop).astype(np.int64), size - 1)
    first = np.minimum(np.ceil(start).astype(np.int64), last)
    before = np.where(first - start > _LEAST, (first - start) / width, 0)
    after = np.where(stop - last > _LEAST, np.minimum(np.minimum(stop - last, 1), width) / width, 0)
    shape = (-1, *[1] * (values.ndim - 1))
    total = values[np.maximum(first - 1, 0)] * before.astype(np.float32).reshape(shape)
    for step in range(int((last - first).max())):
        index = first + step
        weight = np.where(index < last, 1 / width, 0).astype(np.float32)
        total += values[np.minimum(index, size - 1)] * weight.reshape(shape)
    total += values[last] * after.astype(np.float32).reshape(shape)
    return np.asarray(total, np.float32)


def _interpolated(image: NDArray[np.uint8], shape_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize linearly, where at least one side grows."""
    across, part = _seams(image.shape[1], shape_hw[1])
    wide = image.astype(np.int64)
    wide = wide[:, across[0]] * part[0][None, :, None] + wide[:, across[1]] * part[1][None, :, None]
    down, part = _seams(image.shape[0], shape_hw[0])
    # The sum of both rows in whole numbers, with the bits cut off that the authors' library cuts off.
    upper, lower = ((wide[down[k]] >> 4) * part[k][:, None, None] >> 16 for k in (0, 1))
    return np.asarray((upper + lower + 2) >> 2, np.uint8)


def _seams(length: int, new: int) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]:
    """Return the two pixels that each of `new` ones lies on, and their weights in steps, (2, new)."""
    place = np.arange(new)
    low = np.floor(place * (1 / (new / length))).astype(np.int64)
    part = ((place + 1) - (low + 1) * (new / length)).astype(np.float32)
    part = np.where(part <= 0, 0, part - np.floor(part))
    low = np.minimum(low, length - 1)
    part = np.where(low >= length - 1, 0, part)
    weights = np.rint(np.stack([1 - part, part]) * _STEPS).astype(np.int64)
    return (low, np.minimum(low + 1, length - 1)), weights
