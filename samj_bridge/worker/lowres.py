"""Low-resolution mask logits to masks of the image: only where the object is, the same as enlarging everything.

Networks answer with 256 x 256 logits, and their authors enlarge these to the image before they ask what is above
the threshold. Every way they do it is separable and linear: a pixel row is a weighted sum of a few rows of
logits, and so is a column. `Enlargement` holds these sums for both axes. From the low-resolution logits alone it
knows a box outside of which no pixel can be above the threshold; only inside it anything is computed, in the same
order whatever the box, so that a crop is bit for bit the crop of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Axis", "Box", "Enlargement", "bicubic", "bilinear", "chained", "logit"]

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels, half open."""

_CHUNK = 1 << 18
"""Pixels that are enlarged at a time: what they pass through stays in the cache, and is never kept whole."""

_SLACK = 1e-4


@dataclass(frozen=True)
class Axis:
    """How each pixel along one axis is made of logits."""

    index: NDArray[np.int64]
    """(n, k) cells that a pixel reads."""
    weight: NDArray[np.float32]
    """(n, k) their weights; each row sums to one."""

    @property
    def length(self) -> int:
        """Pixels along the axis."""
        return len(self.index)

    def cut(self, length: int) -> Axis:
        """Return the first `length` pixels: what lies beyond is padding."""
        return Axis(self.index[:length], self.weight[:length])

    @property
    def excess(self) -> float:
        """Largest sum of the negative weights of a pixel, as a positive number; 0 for bilinear."""
        return float(-np.minimum(self.weight, 0).sum(1).min())


def bilinear(cells: int, pixels: int) -> Axis:
    """Linear interpolation between the centres of cells, corners not aligned, no smoothing when it shrinks."""
    place = np.maximum(_places(cells, pixels), np.float32(0))
    low = np.minimum(place.astype(np.int64), cells - 1)
    part = place - low.astype(np.float32)
    high = np.minimum(low + 1, cells - 1)
    return Axis(np.stack([low, high], 1), np.stack([1 - part, part], 1))


def bicubic(cells: int, pixels: int, a: float = -0.75) -> Axis:
    """Cubic convolution (Keys 1981) with the parameter `a`, borders repeated."""
    place = _places(cells, pixels)
    low = np.floor(place)
    part = (place - low).astype(np.float32)
    weights = [_far(part + 1, a), _near(part, a), _near(1 - part, a), _far(2 - part, a)]
    index = low.astype(np.int64)[:, None] + np.arange(-1, 3)
    return Axis(index.clip(0, cells - 1), np.stack(weights, 1).astype(np.float32))


def chained(first: Axis, second: Axis) -> Axis:
    """Enlarge by `first`, then by `second`, in one step."""
    index = first.index[second.index]  # n k2 k1
    weight = first.weight[second.index].astype(np.float64) * second.weight[..., None]
    index, weight = index.reshape(len(index), -1), weight.reshape(len(index), -1)
    start = index.min(1)
    width = int((index.max(1) - start).max()) + 1
    # The cells of a pixel lie side by side: sum the weights of those that occur twice.
    dense = np.zeros((len(index), width))
    np.add.at(dense, (np.arange(len(index))[:, None], index - start[:, None]), weight)
    last = int(first.index.max())
    return Axis(np.minimum(start[:, None] + np.arange(width), last), dense.astype(np.float32))


@dataclass(frozen=True)
class Enlargement:
    """From (rows, columns) of logits to an image.

    Examples
    --------
    >>> low = torch.full((4, 4), -1.0)
    >>> low[1, 2] = 3.0
    >>> mask, _ = Enlargement(bilinear(4, 8), bilinear(4, 8)).mask(low)
    >>> int(mask.sum())
    4
    """

    rows: Axis
    """Of the image's height."""
    columns: Axis
    """Of its width."""
    threshold: float = 0.0
    """Where an object begins, in logits."""
    inclusive: bool = False
    """Whether a pixel right on the threshold belongs to the object."""
    sigmoid: bool = False
    """Whether probabilities are enlarged instead of logits, as MedSAM does; the threshold stays one of logits."""

    @property
    def image_hw(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.rows.length, self.columns.length

    def box_above(self, low: Tensor, threshold: float | None = None) -> Box | None:
        """Return a box that holds every pixel whose enlarged logit reaches `threshold`; None where none can.

        Parameters
        ----------
        low : (h, w) float32 tensor, on the CPU
            Logits.
        threshold : float, optional
            In logits; by default that of the object.
        """
        logits: NDArray[np.float32] = low.numpy()
        limit = self.threshold if threshold is None else threshold
        # Rounding may lift a pixel a little above the cells it is made of.
        limit -= _SLACK * max(1.0, abs(limit))
        # With negative weights a pixel can exceed the cells it is made of, by so much of the span between them.
        up, across = self.rows.excess, self.columns.excess
        excess = up + across + 2 * up * across
        if excess == 0.0:
            able: NDArray[np.bool_] = np.greater_equal(logits, limit)
            ys = _hit(able, 1)[self.rows.index].any(1).nonzero()[0]
            xs = _hit(able, 0)[self.columns.index].any(1).nonzero()[0]
        else:
            high, deep = _reach(logits, np.maximum), _reach(logits, np.minimum)
            able = np.greater_equal(high + excess * (high - deep), limit)
            ys = _hit(able, 1)[self.rows.index[:, 1]].nonzero()[0]
            xs = _hit(able, 0)[self.columns.index[:, 1]].nonzero()[0]
        if len(ys) == 0 or len(xs) == 0:
            return None
        return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1

    def crop(self, low: Tensor, box: Box) -> Tensor:
        """Return the enlarged logits (float32) of a box of the image."""
        x0, y0, x1, y1 = box
        step = max(1, _CHUNK // max(1, x1 - x0))
        wide = self._wide(low, x0, x1)
        parts = [self._tall(wide, y, min(y1, y + step)) for y in range(y0, y1, step)]
        return torch.cat(parts) if parts else low.new_zeros((0, x1 - x0))

    def mask(self, low: Tensor, threshold: float | None = None) -> tuple[NDArray[np.bool_], tuple[int, int]]:
        """Return the object's mask, as a crop of the image, and the image pixel (x, y) of its first element.

        Nothing above the threshold gives one False pixel.
        """
        box = self.box_above(low, threshold)
        if box is None:
            return np.zeros((1, 1), bool), (0, 0)
        x0, y0, x1, y1 = box
        limit = self.threshold if threshold is None else threshold
        wide = self._wide(low, x0, x1)
        step = max(1, _CHUNK // (x1 - x0))
        found = np.empty((y1 - y0, x1 - x0), bool)
        target = torch.from_numpy(found)
        for y in range(y0, y1, step):
            stop = min(y1, y + step)
            part = self._tall(wide, y, stop)
            compare = torch.ge if self.inclusive else torch.gt
            compare(part, limit, out=target[y - y0 : stop - y0])
        return found, (x0, y0)

    def full(self, low: Tensor) -> Tensor:
        """Return the enlarged logits of the whole image."""
        height, width = self.image_hw
        return self.crop(low, (0, 0, width, height))

    def _wide(self, low: Tensor, x0: int, x1: int) -> Tensor:
        """Enlarge along the columns: the small array, (h, x1 - x0)."""
        if self.sigmoid:
            low = low.sigmoid()
        index, weight = torch.from_numpy(self.columns.index[x0:x1]), torch.from_numpy(self.columns.weight[x0:x1])
        total = low.index_select(1, index[:, 0]) * weight[:, 0]
        for tap in range(1, index.shape[1]):
            total += low.index_select(1, index[:, tap]) * weight[:, tap]
        return total

    def _tall(self, wide: Tensor, y0: int, y1: int) -> Tensor:
        """Enlarge along the rows, (y1 - y0, w); every step rounds alike wherever the rows begin."""
        index, weight = torch.from_numpy(self.rows.index[y0:y1]), torch.from_numpy(self.rows.weight[y0:y1])
        total = wide.index_select(0, index[:, 0]).mul_(weight[:, :1])
        for tap in range(1, index.shape[1]):
            total += wide.index_select(0, index[:, tap]).mul_(weight[:, tap : tap + 1])
        return logit(total) if self.sigmoid else total

    def with_threshold(self, threshold: float) -> Enlargement:
        """Return the same enlargement for another threshold."""
        return replace(self, threshold=threshold)


def logit(probability: Tensor) -> Tensor:
    """Return the logit of probabilities, finite for 0 and 1 too."""
    tiny = torch.finfo(torch.float32).eps
    inside = probability.clamp(tiny, 1 - tiny)
    return (inside / (1 - inside)).log_()


def _hit(able: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.asarray(able.any(axis))
    return found


def _places(cells: int, pixels: int) -> NDArray[np.float32]:
    # In float32, as torch and with it the published code do.
    scale = np.float32(cells) / np.float32(pixels)
    places: NDArray[np.float32] = scale * (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    return places


def _near(x: NDArray[np.float32], a: float) -> NDArray[np.float32]:
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _far(x: NDArray[np.float32], a: float) -> NDArray[np.float32]:
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def _reach(logits: NDArray[np.float32], pick: np.ufunc) -> NDArray[np.float32]:
    """Return, for the cells below each place between cells, the largest or smallest of the 4 x 4 around it."""
    result = logits
    for axis in (0, 1):
        result = _along(result, axis, (-1, 0, 1, 2), pick)
    return result


def _along(values: NDArray[np.float32], axis: int, shifts: Sequence[int], pick: np.ufunc) -> NDArray[np.float32]:
    cells = np.arange(values.shape[axis])
    taken = [values.take((cells + shift).clip(0, len(cells) - 1), axis) for shift in shifts]
    picked: NDArray[np.float32] = pick.reduce(taken)
    return picked
