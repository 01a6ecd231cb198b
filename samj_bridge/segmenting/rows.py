"""An object's line in the table of all objects: where it is, its extent, its score, its intensities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry import measure
from samj_bridge.geometry.region import Region

__all__ = ["row_of"]


def row_of(label: int, region: Region, looked_at: Region, image: Any) -> dict[str, Any]:
    """Return the measures of an object as plain data.

    Parameters
    ----------
    label : int
        Its number in the label image; the ROI ``object-0003`` has 3.
    region : Region
        In full resolution: area, perimeter and centroid are its own.
    looked_at : Region
        In the pixels that were read.
    image : (Y, X) or (Y, X, C) array, or a pyramid
        Those pixels: mean and standard deviation (of a sample, as ImageJ has it) are of what the file holds,
        channel by channel.
    """
    x, y = region.centroid_xy
    return {
        "label": label,
        "name": region.name,
        "area_px": region.area,
        "perimeter_px": round(measure.traced_perimeter(region.rings), 6),
        "x": round(x, 6),
        "y": round(y, 6),
        "score": None if region.score is None else round(float(region.score), 6),
        "intensity": _intensity(looked_at, image),
    }


def _intensity(region: Region, image: Any) -> list[list[float | None]]:
    x0, y0, x1, y1 = region.bbox_xyxy
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, image.shape[1]), min(y1, image.shape[0])
    pixels: NDArray[Any] = (
        image[y0:y1, x0:x1] if isinstance(image, np.ndarray) else image.read(0, y0, x0, y1 - y0, x1 - x0)
    )
    mask, (left, top) = region.crop()
    inside = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    values = pixels[inside].astype(np.float64)
    columns = values[:, None] if values.ndim == 1 else values
    return [
        [_number(column.mean()), _number(column.std(ddof=1)) if len(column) > 1 else None] for column in columns.T
    ]


def _number(value: float) -> float | None:
    # JSON has no word for what is no number; pixels may hold it.
    return float(value) if np.isfinite(value) else None
