"""Draw objects and simulated prompts from a labelled crop, as numpy arrays for one batch entry."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.augment import Labels, Picture

BOX, POINT, MASK = 0, 1, 2
MIN_AREA = 20
Box = tuple[int, int, int, int]
Sample = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Mix:
    """How often which prompts are drawn."""

    kinds: tuple[float, float, float] = (0.44, 0.48, 0.08)
    """Boxes, clicks, masks."""
    whole: float = 0.45
    """How often a click on a part with a whole around it means the whole."""
    tight: float = 0.4
    """How often a box is the tight one."""
    loose: float = 0.3
    """How often each of its sides lies up to 2 px further out; the others are up to a tenth too large, or off."""
    parts: float = 0.0
    """Part of the places on objects that is drawn from parts with a whole around them, where there are any."""


def boxes_of(labels: NDArray[np.int32]) -> dict[int, Box]:
    """Tight boxes (x0, y0, x1, y1) of all labels of one layer."""
    found = ndimage.find_objects(labels)
    return {i: (s[1].start, s[0].start, s[1].stop, s[0].stop) for i, s in enumerate(found, 1) if s is not None}


def click(mask: NDArray[np.bool_], rng: np.random.Generator, *, exact: float = 0.4) -> tuple[int, int]:
    """Choose a pixel (x, y) of a mask: its most inner one, or any one at least half as deep."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    kind = rng.random()
    least = depth.max() if kind < exact else (depth.max() / 2 if kind < 0.9 else 1.0)
    ys, xs = np.nonzero(depth >= min(least, depth.max()))
    chosen = int(rng.integers(len(ys)))
    return int(xs[chosen]), int(ys[chosen])


def jitter_box(box: NDArray[np.float32], mix: Mix, rng: np.random.Generator) -> NDArray[np.float32]:
    """Loosen a tight box: each prompt is drawn tight, loose or slightly wrong as a whole."""
    kind, size = rng.random(), np.tile(box[2:] - box[:2], 2)
    outwards = np.array([-1, -1, 1, 1], np.float32)
    if kind < mix.tight:
        return box
    if kind < mix.tight + mix.loose:
        return box + outwards * (rng.integers(0, 3, 4) if rng.random() < 0.6 else rng.uniform(0, 2, 4)).astype(
            np.float32
        )
    if kind < 1 - (1 - mix.tight - mix.loose) / 3:
        return box + outwards * np.float32(rng.uniform(0, 0.1, 4)) * size
    return box + np.float32(rng.uniform(-0.05, 0.05, 4)) * size


def draw(
    picture: Picture, labels: Labels, count: int, places: int, mix: Mix, rng: np.random.Generator
) -> Sample | None:
    """Draw ``count`` prompts and ``places`` for box hypotheses from a crop; None without objects."""
    layers = [boxes_of(labels[0]), boxes_of(labels[1])]
    areas = [np.bincount(layer.ravel()) for layer in labels]
    names = [i for i in layers[0] if areas[0][i] >= MIN_AREA and i in layers[1]]
    if not names:
        return None
    order = list(rng.permutation(names))
    chosen = [int(order[i % len(order)]) for i in range(count)]
    prompts = [_prompt(labels, layers, areas, name, mix, rng) for name in chosen]
    sample: Sample = {key: np.stack([np.asarray(p[key]) for p in prompts]) for key in prompts[0]}
    sample |= _places(labels, layers, places, mix, rng)
    sample["image"] = np.ascontiguousarray(picture.transpose(2, 0, 1))
    sample["labels"] = labels.astype(np.int16)
    return sample


def draw_places(picture: Picture, labels: Labels, places: int, mix: Mix, rng: np.random.Generator) -> Sample:
    """Draw places alone, from a crop that may be empty."""
    sample = _places(labels, [boxes_of(labels[0]), boxes_of(labels[1])], places, mix, rng)
    sample["image"] = np.ascontiguousarray(picture.transpose(2, 0, 1))
    sample["labels"] = labels.astype(np.int16)
    return sample


def _prompt(
    labels: Labels,
    layers: list[dict[int, Box]],
    areas: list[NDArray[np.intp]],
    name: int,
    mix: Mix,
    rng: np.random.Generator,
) -> dict[str, NDArray[np.generic] | float]:
    two = areas[0][name] != areas[1][name]
    layer = int(two and rng.random() < 0.5)
    kind = int(rng.choice(3, p=mix.kinds))
    if kind == POINT and two:
        layer = int(rng.random() < mix.whole)
    x0, y0, x1, y1 = layers[layer][name]
    mask = labels[layer, y0:y1, x0:x1] == name
    if layer == 1 and rng.random() < 0.3:
        myelin = mask & (labels[0, y0:y1, x0:x1] != name)
        mask = myelin if myelin.any() else mask  # this click can only mean the fibre
    x, y = click(mask, rng)
    x, y = x + x0, y + y0
    box = np.array(layers[layer][name], np.float32)
    return {
        "name": np.int64(name),
        "layer": np.int64(layer),
        "kind": np.int64(kind),
        "ambiguous": np.bool_(two and kind == POINT and labels[0, y, x] == name),
        "box": box,
        "box_part": np.array(layers[0][name], np.float32),
        "box_whole": np.array(layers[1][name], np.float32),
        "box_prompt": jitter_box(box, mix, rng),
        "click": np.array([x + 0.5, y + 0.5], np.float32),
        "area": np.float32(areas[layer][name]),
        "area_part": np.float32(areas[0][name]),
        "area_whole": np.float32(areas[1][name]),
    }


def _places(labels: Labels, layers: list[dict[int, Box]], count: int, mix: Mix, rng: np.random.Generator) -> Sample:
    """Places to read hypotheses at: two thirds on objects, the rest anywhere."""
    size = labels.shape[1]
    anywhere = rng.integers(0, size, (count, 2))
    ys, xs = np.nonzero(labels[1])
    on = rng.integers(0, len(ys), 2 * count // 3) if len(ys) else np.zeros(0, int)
    anywhere[: len(on), 0], anywhere[: len(on), 1] = xs[on], ys[on]
    inner = round(mix.parts * len(on))
    if inner and labels[0].any() and (labels[0] != labels[1]).any():
        ys, xs = np.nonzero(labels[0])
        of = rng.integers(0, len(ys), inner)
        anywhere[:inner, 0], anywhere[:inner, 1] = xs[of], ys[of]
    boxes = np.zeros((count, 2, 4), np.float32)
    valid = np.zeros(count, bool)
    for i, (x, y) in enumerate(anywhere):
        whole = int(labels[1, y, x])
        part = int(labels[0, y, x]) or whole
        if whole and part in layers[0]:
            boxes[i, 0] = layers[0][part] if labels[0, y, x] else layers[1][whole]
            boxes[i, 1] = layers[1][whole]
            valid[i] = True
    return {"places": anywhere.astype(np.float32) + 0.5, "place_boxes": boxes, "place_valid": valid}
