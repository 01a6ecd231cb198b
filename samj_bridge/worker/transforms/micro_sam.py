"""micro-sam's: every channel from its smallest to its largest value over 8 bits, then as SAM (Nature Methods 2025).

Follows github.com/computational-cell-analytics/micro-sam: the scaling is in float32 and cuts off, so that bytes
come out the same. It is applied to 8-bit images too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.transforms import sam
from samj_bridge.worker.transforms.frame import Frame

__all__ = ["BOXES_ONLY", "SIDE", "frame", "pixels", "stretched"]

SIDE = sam.SIDE
BOXES_ONLY = False


def pixels(image: NDArray[np.float32]) -> Tensor:
    """See `samj_bridge.worker.transforms`."""
    values = image * np.float32(255)
    whole = np.rint(values)
    # Where the pixels came from 8 bits, the very bytes: a rounding error would cut some off one too low.
    return sam.of_bytes(stretched(whole if np.abs(values - whole).max() < 1e-3 else values))


def stretched(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale each channel of (Y, X, C) numbers to 0..255; a constant channel becomes 0."""
    values = image.astype(np.float32)
    values -= values.min((0, 1))
    values /= values.max((0, 1)) + np.float32(1e-7)
    return np.asarray(values * np.float32(255), np.uint8)


def frame(image_hw: tuple[int, int]) -> Frame:
    """See `samj_bridge.worker.transforms`."""
    return sam.frame(image_hw)
