"""ImageJ's magic wand, by ImageJ's own code: a click with a tolerance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from samj_bridge.compare.picture import Picture
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region

__all__ = ["TOLERANCE", "wand"]

TOLERANCE = 0.15
"""Of the image's range from the 0.1 to the 99.9 percentile, where none is given."""


def wand(picture: Picture, points: Sequence[tuple[int, int]], tolerance: float | None) -> list[Region]:
    """Return what ImageJ's wand selects at each point; ImageJ is started if it does not run.

    Parameters
    ----------
    picture : Picture
        Of one with several channels, their mean is looked at.
    points : sequence of (x, y)
        Pixels.
    tolerance : float, optional
        In grey values; by default `TOLERANCE` of the image's range.

    Raises
    ------
    FijiError
        There is no Java, or ImageJ can't be had.
    """
    from samj_bridge.fiji import java_class, start_imagej

    start_imagej()
    grey = np.ascontiguousarray(picture.grey, np.float32)
    if tolerance is None:
        low, high = np.percentile(grey, (0.1, 99.9))
        tolerance = TOLERANCE * float(high - low)
    height, width = picture.shape
    processor = java_class("ij.process.FloatProcessor")(width, height)
    processor.getPixels()[:] = grey.ravel()
    tool = java_class("ij.gui.Wand")(processor)
    found = []
    for x, y in points:
        # 4-connected, as ImageJ's own default has it no longer, but its tool's dialog offers.
        tool.autoOutline(int(x), int(y), float(tolerance), 4)
        count = int(tool.npoints)
        ring = np.stack([np.array(tool.xpoints[:count]), np.array(tool.ypoints[:count])], axis=1).astype(np.int32)
        found.append(_region(ring, picture.shape))
    return found


def _region(ring: np.ndarray, shape: tuple[int, int]) -> Region:
    if len(ring) < 3:
        return Region((), shape=shape)
    (x0, y0), (x1, y1) = ring.min(axis=0).tolist(), ring.max(axis=0).tolist()
    mask = rasterise([ring], (y1 - y0, x1 - x0), (x0, y0))
    return Region.from_mask(mask, origin_xy=(x0, y0), shape=shape)
