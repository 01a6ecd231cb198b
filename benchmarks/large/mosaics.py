"""Large images with known nuclei, made of the real images of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy import ndimage

from benchmarks.data_sets import pictures
from samj_bridge.geometry.halve import halve

__all__ = ["PIECE", "Mosaics", "nuclei_of"]

PIECE = 256
"""Side of the pieces that mosaics are made of."""


class Mosaics:
    """Images of real nuclei in any size, and their labels, as files that are mapped into memory."""

    def __init__(self, folder: Path, data: Path, side: int) -> None:
        self.folder, self.side = folder, side
        found = (picture for picture in pictures(data, "val") if picture.modality == "fluorescence")
        self.pieces = [_piece(one.pixels, one.labels) for one in found if min(one.pixels.shape[:2]) >= PIECE]
        self.large = self.make(side)
        self.middle, self.labels = self.make(10_000, labelled=True), folder / "10000-labels.npy"
        self.small = self.make(2_000)

    def make(self, side: int, *, labelled: bool = False) -> Path:
        """Write a mosaic, and its labels if they are wanted; returns its file."""
        path, random = self.folder / f"{side}.npy", np.random.default_rng(side)
        image = np.lib.format.open_memmap(path, "w+", np.uint8, (side, side))
        labels = None
        if labelled:
            labels = np.lib.format.open_memmap(self.folder / f"{side}-labels.npy", "w+", np.int32, (side, side))
        count = 0
        for y in range(0, side, PIECE):
            for x in range(0, side, PIECE):
                pixels, found = self.pieces[random.integers(len(self.pieces))]
                turn, flip = int(random.integers(4)), bool(random.integers(2))
                place = slice(y, min(side, y + PIECE)), slice(x, min(side, x + PIECE))
                size = place[0].stop - y, place[1].stop - x
                image[place] = _turned(pixels, turn, flip)[: size[0], : size[1]]
                if labels is not None:
                    numbers = _turned(found, turn, flip)[: size[0], : size[1]].astype(np.int32)
                    labels[place] = np.where(numbers > 0, numbers + count, 0)
                    count += int(found.max())
        return path

    def files(self) -> Iterator[tuple[str, Path]]:
        """Write the largest image as files of other kinds, as far as their packages are here."""
        image = np.load(self.large, mmap_mode="r")
        tiff = self.folder / "large.tif"
        tifffile.imwrite(tiff, image, tile=(512, 512), compression="zlib")
        yield "tiled TIFF", tiff
        try:
            import zarr
        except ImportError:
            return
        group = zarr.open_group(self.folder / "large.ome.zarr", mode="w", zarr_format=2)
        levels = [np.asarray(image)]
        while max(levels[-1].shape) > 1024:
            levels.append(halve(levels[-1]))
        for number, level in enumerate(levels):
            array = group.create_array(str(number), shape=level.shape, chunks=(512, 512), dtype=level.dtype)
            array[:] = level
        scales = [
            {"path": str(number), "coordinateTransformations": [{"type": "scale", "scale": [2.0**number] * 2}]}
            for number in range(len(levels))
        ]
        axes = [{"name": name, "type": "space"} for name in "yx"]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": scales}]
        yield "OME-Zarr", self.folder / "large.ome.zarr"


def nuclei_of(labels: Any, count: int) -> Iterator[tuple[int, int, int]]:
    """Yield nuclei of 34 to 46 pixels that no piece's border cuts: their innermost pixel (x, y), and label."""
    random, given = np.random.default_rng(1), 0
    while given < count:
        top, left = (random.integers(5, 33, 2) * PIECE).tolist()
        part = np.asarray(labels[top : top + PIECE, left : left + PIECE])
        for label in np.unique(part)[1:]:
            mask = part == label
            size = 2 * float(np.sqrt(mask.sum() / np.pi))
            if 34 <= size <= 46 and not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()):
                y, x = np.unravel_index(ndimage.distance_transform_edt(mask).argmax(), mask.shape)
                yield left + int(x), top + int(y), int(label)
                given += 1
                break


def _piece(pixels: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    numbers = np.unique(labels[:PIECE, :PIECE], return_inverse=True)[1].reshape(PIECE, PIECE)
    return pixels[:PIECE, :PIECE], numbers


def _turned(piece: np.ndarray, turn: int, flip: bool) -> np.ndarray:
    turned = np.rot90(piece, turn)
    return turned[:, ::-1] if flip else turned
