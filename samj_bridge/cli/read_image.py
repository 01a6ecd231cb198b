"""Image files to arrays, for commands that want pixels alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from samj_bridge import reading
from samj_bridge.reading import SUFFIXES, find_images

__all__ = ["SUFFIXES", "find_images", "read_image"]


def read_image(path: Path, plane: int | None = None) -> NDArray[Any]:
    """Return the pixels of one plane of an image file; see `samj_bridge.reading.read_image`."""
    return reading.read_image(path, plane=plane).pixels
