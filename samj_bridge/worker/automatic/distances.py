"""Objects from foreground and distances: seeds where both distances are short, flooded over the foreground.

As micro-sam does it on an image that is not tiled (Nature Methods 2025, doi:10.1038/s41592-024-02580-4). Large
images are no different here: seeds and water know no tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import label_components
from samj_bridge.worker.automatic.flooding import flood
from samj_bridge.worker.automatic.smoothing import gaussian

__all__ = ["Thresholds", "objects"]


@dataclass(frozen=True)
class Thresholds:
    """How maps become objects; the defaults are micro-sam's own."""

    center_distance_threshold: float = 0.5
    """A seed is nearer to its object's centre than this; distances are 0 there and 1 at the rim."""
    boundary_distance_threshold: float = 0.5
    """A seed's distance to the boundary is below this; it is inverted: 0 in the middle, 1 at the rim."""
    foreground_threshold: float = 0.5
    """Foreground is above this."""
    foreground_smoothing: float = 1.0
    """Standard deviation in pixels; 0: none."""
    distance_smoothing: float = 1.6
    """The same for both distances."""
    min_size: int = 0
    """Objects of fewer pixels go, and the others are numbered anew."""


def objects(maps: NDArray[np.float32], thresholds: Thresholds) -> NDArray[np.int32]:
    """Return labels (Y, X), 1 to n in the raster order of the seeds.

    Parameters
    ----------
    maps : (3, Y, X) float32 array
        See ``families.base.MappingModel``; not changed.
    thresholds : Thresholds
    """
    foreground = gaussian(maps[0], thresholds.foreground_smoothing)
    centre, boundary = (gaussian(part, thresholds.distance_smoothing) for part in maps[1:3])
    mask = foreground > thresholds.foreground_threshold
    inner = mask & (centre < thresholds.center_distance_threshold)
    inner &= boundary < thresholds.boundary_distance_threshold
    seeds, count = label_components(inner, corners=True)
    if not count:
        return seeds
    labels = flood(boundary, seeds, mask)
    if thresholds.min_size > 0:
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        kept = sizes >= thresholds.min_size
        kept[0] = False
        labels = np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]
    return labels
