"""Objects of an image, from a label image or from regions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.geometry.region import Region

__all__ = ["Objects", "as_objects", "counted", "regions_of"]

_FEW = 2**16


@dataclass(frozen=True)
class Objects:
    """Objects of one image, which may overlap where they came as regions."""

    shape: tuple[int, int]
    """Height and width of the image."""
    labels: tuple[int, ...]
    """The number of each object: its value in a label image, or 1, 2, ... for regions."""
    areas: NDArray[np.int64]
    """(n,) pixels of each object."""
    image: NDArray[np.int32] | None
    """(height, width): 0, or the index of an object plus 1. None for regions."""
    regions: tuple[tuple[NDArray[np.bool_], int, int], ...] = ()
    """Of regions: the mask of each within its bounding box, cut at the image's edges, and its place (x, y)."""

    def __len__(self) -> int:
        return len(self.labels)

    def foreground(self) -> NDArray[np.bool_]:
        """Return the (height, width) union of all objects."""
        if self.image is not None:
            return self.image > 0
        union = np.zeros(self.shape, np.bool_)
        for mask, x, y in self.regions:
            union[y : y + mask.shape[0], x : x + mask.shape[1]] |= mask
        return union


def as_objects(thing: Any, shape: tuple[int, int] | None = None) -> Objects:
    """Return what is in a label image or in a list of regions.

    Parameters
    ----------
    thing : (height, width) array, Objects, or iterable of Region
        In a label image 0 is background, and each other value is one object wherever it occurs, in one piece or in
        several; gaps in the numbering do not matter. Regions without a pixel inside the image are no objects.
    shape : (int, int), optional
        Height and width of the image; needed for regions that do not say it, and checked against a label image.

    Raises
    ------
    InputError
        ``labels``: no label image (colours, fractions, negative or not finite numbers); ``shapes-differ``: not of
        this shape; ``shape-missing``: the size of the regions' image is not known.
    """
    if isinstance(thing, Objects):
        found = thing
    elif hasattr(thing, "ndim") and hasattr(thing, "dtype"):
        found = _of_labels(np.asarray(thing))
    else:
        return _of_regions(thing, shape)
    if shape is not None and found.shape != tuple(shape):
        sizes = [f"{height} x {width}" for height, width in (found.shape, shape)]
        message = f"The labels are {sizes[0]} (rows x columns), the image {sizes[1]}."
        raise InputError(message, code="shapes-differ", hint="Take the labels of this image, at the same scale.")
    return found


def _of_labels(image: NDArray[Any]) -> Objects:
    if image.ndim != 2:
        message = f"A label image has two axes, this one {image.ndim}: {image.shape}."
        hint = "Is it a picture of labels in colours? Take the file with the numbers; of a stack, one plane."
        raise InputError(message, code="labels", hint=hint)
    if image.dtype.kind not in "buif":
        message = f"Labels are numbers, not {image.dtype}."
        raise InputError(message, code="labels", hint="Give integers.")
    if image.dtype.kind == "f":
        # NaN is unequal to itself, and infinity has no remainder.
        with np.errstate(invalid="ignore"):
            whole = np.all(np.mod(image, 1) == 0)
        if not whole:
            hint = "Is it a probability map? Threshold it and label its parts first."
            raise InputError("The labels have fractions or are not finite.", code="labels", hint=hint)
    if image.size and image.dtype.kind in "if" and image.min() < 0:
        message = f"The labels go down to {image.min()}; 0 is background, objects are positive."
        raise InputError(message, code="labels", hint="Set what is no object to 0.")
    values, index, counts = counted(image.astype(np.int64) if image.dtype.kind in "bf" else image)
    positive = values > 0
    numbers = np.zeros(len(values), np.int32)
    numbers[positive] = np.arange(1, positive.sum() + 1)
    labels = tuple(int(value) for value in values[positive])
    size = int(image.shape[0]), int(image.shape[1])
    return Objects(size, labels, counts[positive].astype(np.int64), numbers[index].reshape(size))


def regions_of(objects: Objects) -> list[Region]:
    """Return objects as regions, in the order of their numbers."""
    if objects.image is None:
        return [Region.from_mask(mask, origin_xy=(x, y), shape=objects.shape) for mask, x, y in objects.regions]
    found: list[Region] = []
    image = objects.image
    count = len(objects)
    # The box of each object, by one pass over its pixels.
    rows, columns = np.nonzero(image)
    numbers = image[rows, columns] - 1
    boxes = np.zeros((count, 4), np.int64)
    for axis, places in ((0, rows), (1, columns)):
        low, high = np.full(count, max(image.shape), np.int64), np.full(count, -1, np.int64)
        np.minimum.at(low, numbers, places)
        np.maximum.at(high, numbers, places)
        boxes[:, axis], boxes[:, axis + 2] = low, high + 1
    for number, (top, left, bottom, right) in enumerate(boxes.tolist(), 1):
        mask = image[top:bottom, left:right] == number
        found.append(Region.from_mask(mask, origin_xy=(left, top), shape=objects.shape))
    return found


def counted(numbers: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return the values of whole numbers, none negative, which of these each is, and how often each occurs."""
    highest = int(numbers.max()) if numbers.size else 0
    if highest > max(_FEW, 4 * numbers.size):
        return np.unique(numbers, return_inverse=True, return_counts=True)
    # Where numbers are not much larger than there are places for them, counting is ten times as fast as sorting.
    flat = numbers.ravel()
    counts = np.bincount(flat)
    values = np.flatnonzero(counts)
    places = np.zeros(highest + 1, np.int32)
    places[values] = np.arange(len(values))
    return values, places[flat], counts[values]


def _of_regions(regions: Iterable[Region], shape: tuple[int, int] | None) -> Objects:
    try:
        listed: list[Any] = list(regions)
    except TypeError:
        listed = [regions]
    strange = next((item for item in listed if not isinstance(item, Region)), None)
    if strange is not None:
        message = f"{type(strange).__name__} is neither a label image nor a region."
        raise InputError(message, code="labels", hint="Give a 2-D array of integers, or Regions.")
    shape = shape or next((region.shape for region in listed if region.shape is not None), None)
    if shape is None:
        message = "The regions do not say how large their image is."
        raise InputError(message, code="shape-missing", hint="Give shape=(height, width).")
    height, width = shape
    masks = []
    for region in listed:
        mask, (x, y) = region.crop()
        mask = mask[max(-y, 0) : max(height - y, 0), max(-x, 0) : max(width - x, 0)]
        if mask.any():
            masks.append((mask, max(x, 0), max(y, 0)))
    areas = np.array([int(mask.sum()) for mask, _, _ in masks], np.int64)
    return Objects((height, width), tuple(range(1, len(masks) + 1)), areas, None, tuple(masks))
