"""Training images: nuclei (``dsb2018``) and nerve fibres (``sem_axon``), labelled as parts and as wholes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

KINDS = ("fluorescence", "h_and_e", "brightfield", "sem")
SHARE = (0.46, 0.22, 0.08, 0.24)
"""How often a crop is of each kind. Bright field and SEM are few images: more would be learnt by heart."""
LOW, HIGH = (0.0, 0.1, 0.5, 2.0), (97.0, 99.0, 99.9, 100.0)
"""Percentiles a grey image may be stretched between; the product's are 0.1 and 99.9."""


@dataclass(frozen=True)
class Record:
    """One image with its labels."""

    name: str
    kind: str
    image: NDArray[np.uint8]
    """(H, W) or (H, W, 3)."""
    labels: NDArray[np.int32]
    """(2, H, W): the smallest object at a pixel, the whole around it by the same number. Alike for nuclei."""
    low: tuple[float, ...]
    """Grey values at the percentiles ``LOW``."""
    high: tuple[float, ...]
    """Grey values at the percentiles ``HIGH``."""


def whole_fibres(axons: NDArray[np.int32], semantic: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Give each pixel of axon or myelin to the nearest axon of its component; a fibre has its axon's number."""
    components, count = ndimage.label(semantic > 0)
    out = axons.copy()
    for index, where in enumerate(ndimage.find_objects(components, count), 1):
        inside = components[where] == index
        seeds = np.where(inside, axons[where], 0)
        numbers = np.unique(seeds[seeds > 0])
        if numbers.size == 1:
            out[where][inside] = numbers[0]
        elif numbers.size:
            _, (iy, ix) = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
            out[where][inside] = seeds[iy, ix][inside]
    return out


def _record(name: str, kind: str, image: NDArray[np.uint8], labels: NDArray[np.int32]) -> Record:
    low, high = (0.0,), (255.0,)
    if image.ndim == 2:
        low = tuple(float(v) for v in np.percentile(image, LOW))
        high = tuple(float(v) for v in np.percentile(image, HIGH))
    return Record(name, kind, image, labels, low, high)


def load(root: Path, split: str) -> list[Record]:
    """Read one split of both packs; a pack that isn't there is left out."""
    records = []
    for pack in ("dsb2018", "sem_axon"):
        index = root / pack / "index.csv"
        if not index.is_file():
            continue
        with index.open(encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row["split"] == split]
        for row in rows:
            name = row["id"]
            image = np.asarray(Image.open(root / pack / "images" / f"{name}.png"))
            labels = np.asarray(Image.open(root / pack / "labels" / f"{name}.png")).astype(np.int32)
            whole = labels
            if pack == "sem_axon":
                whole = whole_fibres(labels, np.asarray(Image.open(root / pack / "semantic" / f"{name}.png")))
            records.append(_record(name, row["modality"], image, np.stack([labels, whole])))
    return records
