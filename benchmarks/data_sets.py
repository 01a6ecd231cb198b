"""Read a folder laid out like the training data into objects to be found; numpy, Pillow and scipy only."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

__all__ = ["Picture", "pictures"]


@dataclass(frozen=True)
class Picture:
    """One image with the objects of one set."""

    name: str
    """Name of the set: nuclei, sem_axon or sem_fibre."""
    id: str
    modality: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int32]
    """0 background, 1..n the objects."""


def pictures(root: Path, split: str) -> Iterator[Picture]:
    """Yield the pictures of a split, set by set; a pack that isn't there is left out."""
    for row in _rows(root / "dsb2018", split):
        pixels, labels = _read(root / "dsb2018", row["id"])
        yield Picture("nuclei", row["id"], row["modality"], pixels, labels)
    for row in _rows(root / "sem_axon", split):
        pixels, labels = _read(root / "sem_axon", row["id"])
        yield Picture("sem_axon", row["id"], row["modality"], pixels, labels)
        semantic = np.asarray(Image.open(root / "sem_axon" / "semantic" / f"{row['id']}.png"))
        yield Picture("sem_fibre", row["id"], row["modality"], pixels, fibres(labels, semantic))


def fibres(axons: NDArray[np.int32], semantic: NDArray[np.uint8], least_px: int = 100) -> NDArray[np.int32]:
    """Label the fibres: components (4-connected) of axon and myelin with exactly one axon and `least_px` pixels.

    Components without a labelled axon, and those in which several fibres have merged, are left out.
    """
    components, count = ndimage.label(semantic > 0)
    out = np.zeros(axons.shape, np.int32)
    number = 0
    for index, where in enumerate(ndimage.find_objects(components, count), 1):
        inside = components[where] == index
        inner = np.unique(axons[where][inside])
        if inside.sum() >= least_px and np.count_nonzero(inner) == 1:
            number += 1
            out[where][inside] = number
    return out


def _rows(pack: Path, split: str) -> list[dict[str, str]]:
    index = pack / "index.csv"
    if not index.is_file():
        return []
    with index.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["split"] == split]


def _read(pack: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    pixels = np.asarray(Image.open(pack / "images" / f"{name}.png"))
    labels = np.asarray(Image.open(pack / "labels" / f"{name}.png")).astype(np.int32)
    return pixels, labels
