"""Points to be asked, from foreground and distances: one in each seed, where it is widest.

As micro-sam's automatic prompt generation does it (APG, since micro-sam 1.7): maps as they are, without smoothing.
There, distances are measured in blocks with a halo, and can be wrong where a seed is cut by blocks; not here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import label_components
from samj_bridge.geometry.innermost import squared_distances
from samj_bridge.worker.automatic.extents import extents

__all__ = ["points"]


def points(
    maps: NDArray[np.float32],
    center_distance_threshold: float = 0.5,
    boundary_distance_threshold: float = 0.5,
    foreground_threshold: float = 0.5,
) -> NDArray[np.int64]:
    """Return (N, 2) pixels x, y in the raster order of the seeds.

    Parameters
    ----------
    maps : (3, Y, X) float32 array
        See ``families.base.MappingModel``; not changed.
    center_distance_threshold, boundary_distance_threshold, foreground_threshold : float
        A seed has distances below the first two, and is foreground, which begins right at its threshold.
    """
    foreground, centre, boundary = maps[:3]
    inner = (centre < center_distance_threshold) & (boundary < boundary_distance_threshold)
    labels, count = label_components(inner & (foreground >= foreground_threshold))
    found = np.zeros((count, 2), np.int64)
    shut = _shut(labels)
    for index, (rows, columns) in enumerate(extents(labels, count)):
        own = labels[rows, columns] == index + 1
        # Where nothing of a seed is open, the first pixel of its box, as in the authors' code: perhaps beside it.
        distance = squared_distances(own & ~shut[rows, columns])
        y, x = np.unravel_index(int(distance.argmax()), distance.shape)
        found[index] = x + columns.start, y + rows.start
    return found


def _shut(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell which pixels of seeds count as outside: the image's border, and where two seeds touch by a corner."""
    shut = np.ones(labels.shape, bool)
    around = np.pad(labels, 1)
    height, width = labels.shape
    crossed = np.zeros(labels.shape, bool)
    for dy, dx in ((0, 0), (0, 2), (2, 0), (2, 2)):
        corner = around[dy : dy + height, dx : dx + width]
        crossed |= (corner > 0) & (corner != labels)
    shut[1:-1, 1:-1] = crossed[1:-1, 1:-1] & (labels[1:-1, 1:-1] > 0)
    return shut
