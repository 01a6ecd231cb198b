"""The bundled images of ``samj-bridge demo``: pixels, prompts, reference labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.cli.read_prompts import read_prompts
from samj_bridge.reading import read_image
from samj_bridge.session import Prompt

__all__ = ["DEMO_IMAGES", "DemoImage", "load_demo_image"]

_FOLDER = Path(__file__).parent / "demo_data"

DEMO_IMAGES = {
    "blobs": ("blobs.gif", "ImageJ's blobs, a point each"),
    "nuclei": ("nuclei.png", "nuclei in fluorescence, a box each"),
    "nerve": ("nerve.png", "axons of a nerve in SEM, a point each"),
}
"""Name to file and description; sources and licences in ``demo_data/ATTRIBUTION.txt``."""


@dataclass(frozen=True)
class DemoImage:
    """One image with what is asked of it."""

    name: str
    """Short name, also of its files."""
    title: str
    """What it shows and how it is prompted."""
    path: Path
    """The image file."""
    pixels: NDArray[Any]
    """(Y, X) uint8."""
    prompts: list[Prompt]
    """One per object."""
    labels: NDArray[np.uint16]
    """(Y, X) reference label image, 0 is background."""


def load_demo_image(name: str) -> DemoImage:
    """Load a bundled image by its name in `DEMO_IMAGES`."""
    file, title = DEMO_IMAGES[name]
    path = _FOLDER / file
    prompts = list(read_prompts(_FOLDER / f"{name}_prompts.json")[None])
    labels = read_image(_FOLDER / f"{name}_labels.png").pixels.astype(np.uint16)
    return DemoImage(name, title, path, read_image(path).pixels, prompts, labels)
