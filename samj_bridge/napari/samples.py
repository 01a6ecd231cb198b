"""Sample data: the images of ``samj-bridge demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from samj_bridge.reading import read_image

__all__ = ["blobs", "nerve", "nuclei"]

# Their sources and licences are in ATTRIBUTION.txt there.
_FOLDER = Path(__file__).parents[1] / "cli" / "demo_data"

LayerData = tuple[Any, dict[str, Any], str]


def blobs() -> list[LayerData]:
    """Return ImageJ's blobs."""
    return [_layer("blobs.gif", "blobs")]


def nuclei() -> list[LayerData]:
    """Return nuclei in fluorescence."""
    return [_layer("nuclei.png", "nuclei")]


def nerve() -> list[LayerData]:
    """Return axons of a nerve in SEM."""
    return [_layer("nerve.png", "nerve")]


def _layer(file: str, name: str) -> LayerData:
    return read_image(_FOLDER / file).pixels, {"name": name}, "image"
