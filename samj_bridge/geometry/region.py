"""A region: a set of pixels with its outline, score and prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samj_bridge.geometry import measure
from samj_bridge.geometry.rasterise import as_shape, edges_of, rasterise
from samj_bridge.geometry.trace import as_mask, trace

__all__ = ["Region"]


@dataclass(frozen=True, eq=False)
class Region:
    """A set of pixels, kept as its exact outline. Regions are equal only to themselves: compare their masks.

    Examples
    --------
    >>> region = Region.from_mask([[0, 1, 1], [0, 1, 1]], score=0.9)
    >>> region.area, region.bbox_xyxy, region.centroid_xy
    (4, (1, 0, 3, 2), (2.0, 1.0))
    """

    rings: tuple[NDArray[np.int32], ...]
    """Closed rings, each (n, 2) int32: (x, y) vertices on pixel corners, first not repeated, none collinear;
    exteriors clockwise as seen on screen (y down), holes the other way."""
    shape: tuple[int, int] | None = None
    """(Y, X) of the image it belongs to; None: unknown."""
    score: float | None = None
    """Predicted IoU with what the user meant, 0 to 1; None: unknown."""
    prompt: Mapping[str, Any] | None = None
    """The prompt as plain data (``Prompt.to_dict()``)."""
    prompt_index: int = 0
    """Which prompt of the call it answers, from 0."""
    candidate: int = 0
    """Which of the prompt's candidates it is: 0 has the best score."""
    name: str = ""
    """Name in the ROI manager; empty: chosen when written."""
    model: str = ""
    """Model that made it."""
    position: tuple[int, int, int] = (0, 0, 0)
    """(c, z, t) in a hyperstack, from 1; 0: not set."""
    class_name: str = ""
    """Class that somebody gave it, as in ImageJ's panel; empty: none."""
    group: int = 0
    """Number of its group in ImageJ, 1 to 255; 0: none."""

    def __post_init__(self) -> None:
        edges_of(self.rings)
        rings = tuple(_as_ring(ring) for ring in self.rings)
        object.__setattr__(self, "rings", rings)
        if self.shape is not None:
            object.__setattr__(self, "shape", as_shape(self.shape))

    @classmethod
    def from_mask(
        cls,
        mask: ArrayLike,
        *,
        origin_xy: tuple[int, int] = (0, 0),
        shape: tuple[int, int] | None = None,
        **fields: Any,
    ) -> Region:
        """Trace a mask; the inverse of `mask`.

        Parameters
        ----------
        mask : (Y, X) bool array
            The whole image's mask, or a crop of it.
        origin_xy : (int, int)
            Image pixel of ``mask[0, 0]``.
        shape : (int, int), optional
            (Y, X) of the image; the mask's own where its origin is (0, 0).
        **fields : Any
            The region's other fields.

        Raises
        ------
        TypeError, ValueError
            `mask` is not a two-dimensional array of bools or numbers.
        """
        pixels = as_mask(mask)
        rings = trace(pixels, origin_xy)
        if shape is None and tuple(origin_xy) == (0, 0):
            shape = (pixels.shape[0], pixels.shape[1])
        return cls(rings, shape=shape, **fields)

    def mask(self, shape: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """Return the pixels as a full image mask; what lies outside the image is cut off.

        Parameters
        ----------
        shape : (int, int), optional
            (Y, X); by default the region's own, else as far as its bounding box reaches from (0, 0).

        Returns
        -------
        (Y, X) bool array
        """
        chosen = self.shape if shape is None else as_shape(shape)
        x0, y0, x1, y1 = self.bbox_xyxy
        height, width = (max(y1, 0), max(x1, 0)) if chosen is None else chosen
        full = np.zeros((height, width), np.bool_)
        # Only the bounding box is drawn: a small object in a huge image costs next to nothing.
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if left < right and top < bottom:
            full[top:bottom, left:right] = rasterise(self.rings, (bottom - top, right - left), (left, top))
        return full

    def crop(self) -> tuple[NDArray[np.bool_], tuple[int, int]]:
        """Return the mask of the bounding box, and the box's first pixel (x, y)."""
        x0, y0, _, _ = self.bbox_xyxy
        return self.within(self.bbox_xyxy), (x0, y0)

    def within(self, box_xyxy: tuple[int, int, int, int]) -> NDArray[np.bool_]:
        """Return the mask of any box (x0, y0, x1, y1), half open: of one that holds another region as well, say."""
        x0, y0, x1, y1 = box_xyxy
        return rasterise(self.rings, (y1 - y0, x1 - x0), (x0, y0))

    @cached_property
    def area(self) -> int:
        """Number of pixels, those outside the image included."""
        start, end = edges_of(self.rings)
        if bool(np.all((start == end).any(axis=1))):
            return round(measure.area(self.rings))
        # Oblique edges cut pixels in two: count those whose centres are inside.
        return int(np.count_nonzero(self.crop()[0]))

    @cached_property
    def bbox_xyxy(self) -> tuple[int, int, int, int]:
        """Edges (x0, y0, x1, y1) of the bounding box, half open; four zeros for an empty region."""
        return measure.bounds(self.rings)

    @property
    def is_empty(self) -> bool:
        """Whether it has no pixel."""
        return not self.rings

    @cached_property
    def centroid_xy(self) -> tuple[float, float]:
        """Centre of gravity (x, y); NaN for an empty region."""
        if self.is_empty:
            return float("nan"), float("nan")
        return measure.centroid(self.rings)


def _as_ring(ring: NDArray[Any]) -> NDArray[np.int32]:
    array = np.asarray(ring)
    if len(array) < 3:
        message = f"A ring needs at least 3 vertices, this one has {len(array)}."
        raise ValueError(message)
    if array.dtype == np.int32:
        return array
    if array.min() < -(2**31) or array.max() >= 2**31:
        message = f"A ring's vertices must fit into 32 bits; these reach from {array.min()} to {array.max()}."
        raise ValueError(message)
    return array.astype(np.int32)
