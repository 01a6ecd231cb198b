"""One module per way in which an image becomes a network's input: ``pixels(image)`` and ``frame(image_hw)``.

``pixels`` takes what the engine gives, (Y, X, C) float32 in 0..1 after display range and channel choice, and
returns a (1, 3, side, side) float32 tensor; ``frame`` says where the image lies in it. The table names modules, so
that listing costs no import.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.transforms.frame import Frame

__all__ = ["TRANSFORMS", "Transform", "transform"]

TRANSFORMS = {
    "sam": "samj_bridge.worker.transforms.sam",
    "medsam": "samj_bridge.worker.transforms.medsam",
    "micro-sam": "samj_bridge.worker.transforms.micro_sam",
    "cellsam": "samj_bridge.worker.transforms.cellsam",
    "efficient-sam": "samj_bridge.worker.transforms.efficient_sam",
    "sam2": "samj_bridge.worker.transforms.sam2",
    "efficientvit-sam": "samj_bridge.worker.transforms.efficientvit_sam",
    "lite-medsam": "samj_bridge.worker.transforms.lite_medsam",
}


class Transform(Protocol):
    """A module of the table."""

    SIDE: int
    """Side of the network's input in pixels."""
    BOXES_ONLY: bool
    """Whether the networks that are trained with it know no prompt but boxes."""

    def pixels(self, image: NDArray[np.float32]) -> Tensor:
        """Return the network's input, (1, 3, side, side) float32."""

    def frame(self, image_hw: tuple[int, int]) -> Frame:
        """Return where an image of this size lies in it."""


def transform(name: str) -> Transform:
    """Return a transform of the table; KeyError names those there are."""
    if name not in TRANSFORMS:
        message = f"There is no transform {name!r}; there are {', '.join(TRANSFORMS)}."
        raise KeyError(message)
    return cast("Transform", importlib.import_module(TRANSFORMS[name]))
