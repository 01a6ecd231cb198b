"""Stacks in which it is known where every object is: a real one, a rendered one, and a movie of real nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.data_sets import pictures

__all__ = ["Truth", "ellipsoids", "movie", "stardist"]


@dataclass(frozen=True)
class Truth:
    """A stack and its objects."""

    name: str
    axis: str
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.int32]
    """An object has one number on all planes."""


def stardist(folder: Path) -> Truth:
    """Return StarDist's three-dimensional test stack (BSD-3, rendered nuclei): small, crowded objects."""
    pixels = tifffile.imread(folder / "stardist_16bit_3d.tif")
    labels = tifffile.imread(folder / "stardist_16bit_3d_labels.tif").astype(np.int32)
    # Twice as large: the objects have 6 to 10 pixels across.
    return Truth("stardist 3-D", "z", pixels.repeat(3, 1).repeat(3, 2), labels.repeat(3, 1).repeat(3, 2))


def ellipsoids(planes: int, seed: int = 1, count: int = 10) -> Truth:
    """Return ellipsoids of different sizes, leaning, in noise, dimmer the deeper they lie."""
    rng = np.random.default_rng(seed)
    shape = (240, 320)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros((planes, *shape), np.int32)
    for number in range(1, count + 1):
        x, y, z = rng.uniform(30, 290), rng.uniform(30, 210), rng.uniform(0.3, 0.7) * planes
        a, b, c = rng.uniform(14, 30), rng.uniform(14, 30), rng.uniform(0.25, 0.5) * planes
        lean = rng.uniform(-1.2, 1.2, 2)
        for plane in range(planes):
            left = 1 - ((plane - z) / c) ** 2
            if left > 0.02:
                dx, dy = x + lean[0] * (plane - z), y + lean[1] * (plane - z)
                inside = ((columns - dx) / a) ** 2 + ((rows - dy) / b) ** 2 <= left
                labels[plane][inside & (labels[plane] == 0)] = number
    bright = rng.uniform(90, 160, count + 1)
    bright[0] = 0
    fading = np.linspace(1.0, 0.6, planes)[:, None, None]
    clean = 30 + ndimage.gaussian_filter(bright[labels] * fading, (0, 1.2, 1.2))
    return Truth("ellipsoids", "z", _noisy(clean, rng), labels)


def movie(folder: Path, frames: int, seed: int = 1, count: int = 10) -> Truth:
    """Return real nuclei (DSB 2018, fluorescence, validation) that move, turn and grow; two of them divide."""
    rng = np.random.default_rng(seed)
    shape = (256, 340)
    nuclei = _nuclei(folder, 3 * count, rng)
    clean = np.full((frames, *shape), 20.0)
    labels = np.zeros((frames, *shape), np.int32)
    number = 0
    for index in range(count):
        place = rng.uniform((40, 40), (shape[0] - 40, shape[1] - 40))
        number += 1
        divides = frames // 2 if index < 2 else frames
        ended = _walk(clean, labels, number, nuclei[index], place, (0, divides), rng, 1.0)
        if divides < frames:
            for side in (-1, 1):
                number += 1
                start = ended + side * np.array([0.0, 12.0])
                _walk(clean, labels, number, nuclei[count + index], start, (divides, frames), rng, 0.7)
    return Truth("movie of nuclei", "t", _noisy(clean, rng), labels)


def _walk(
    clean: NDArray[np.float64],
    labels: NDArray[np.int32],
    number: int,
    nucleus: NDArray[np.float64],
    place: NDArray[np.float64],
    span: tuple[int, int],
    rng: np.random.Generator,
    size: float,
) -> NDArray[np.float64]:
    speed, angle, spin = rng.uniform(-3.5, 3.5, 2), rng.uniform(0, 360), rng.uniform(-4, 4)
    for frame in range(*span):
        turned = ndimage.rotate(nucleus, angle + spin * (frame - span[0]), reshape=True, order=1)
        turned = ndimage.zoom(turned, size * (1 + 0.01 * (frame - span[0])), order=1)
        high, wide = turned.shape
        top, left = (round(float(v)) for v in place - np.array([high, wide]) / 2)
        ys, xs = slice(max(0, top), min(labels.shape[1], top + high)), slice(max(0, left), left + wide)
        seen = turned[ys.start - top : ys.stop - top, xs.start - left :][:, : max(0, labels.shape[2] - xs.start)]
        target = labels[frame, ys, xs]
        mine = (seen[: target.shape[0], : target.shape[1]] > 0.15) & (target == 0)
        clean[frame, ys, xs][mine] = 20 + 140 * seen[: target.shape[0], : target.shape[1]][mine]
        target[mine] = number
        speed = 0.85 * speed + rng.normal(0, 0.7, 2)
        place = place + speed
        # They turn round at the border.
        for axis in (0, 1):
            if not 25 < place[axis] < labels.shape[axis + 1] - 25:
                speed[axis] = -speed[axis]
                place[axis] = np.clip(place[axis], 25, labels.shape[axis + 1] - 25)
    return place


def _nuclei(folder: Path, count: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Return crops of single nuclei: 0 outside, up to 1 inside."""
    found: list[NDArray[np.float64]] = []
    for picture in pictures(folder, "val"):
        if picture.name != "nuclei" or not picture.modality.startswith("fluor") or len(found) >= 6 * count:
            continue
        grey = picture.pixels if picture.pixels.ndim == 2 else picture.pixels.mean(2)
        for index, where in enumerate(ndimage.find_objects(picture.labels), 1):
            mask = picture.labels[where] == index if where is not None else np.zeros((0, 0), bool)
            if not 250 <= mask.sum() <= 1600 or min(mask.shape) < 14:
                continue
            values = grey[where] * mask
            found.append(np.clip(0.35 + 0.65 * values / max(1, values.max()), 0, 1) * mask)
    order = rng.permutation(len(found))[:count]
    return [found[index] for index in order]


def _noisy(clean: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.clip(clean + rng.normal(0, 9, clean.shape), 0, 255).astype(np.uint8)
