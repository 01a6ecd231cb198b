"""COCO: one annotation per region, its pixels as run lengths, which hold holes and parts as well."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.export.output import Check, check_regions, image_shape, replacing, unchecked, unique_names
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region

__all__ = ["as_coco", "run_lengths", "write_coco"]

_NO_CLASS = 1
"""Category of objects without a class; a class has the number of its group after it, as in the files of ImageJ."""
_MOST_GROUPS = 255


def write_coco(
    path: str | Path,
    regions: Region | Iterable[Region],
    shape: tuple[int, int] | None = None,
    image_name: str = "",
    check: Check = unchecked,
) -> Path:
    """Write regions as COCO's object detection format.

    Parameters
    ----------
    path : path
        File ending with ``.json``; replaced if it is there, whole or not at all.
    regions : Region or iterable of Region
        Empty ones, and those outside the image, are left out.
    shape : (int, int), optional
        (Y, X) of the image; by default as the regions know it.
    image_name : str
        Name of the image's file (``file_name``); by default that of `path`, without ``_coco``.
    check : callable
        Hears of the part that is written, and may raise: then there is no file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Something is no region, or the image's shape is not known.
    FileError, NoSpaceError
        The file can't be written.
    """
    listed = check_regions(regions)
    name = image_name or Path(path).stem.removesuffix("_coco")
    text = json.dumps(as_coco(listed, image_shape(listed, shape), name, check), ensure_ascii=False, allow_nan=False)
    with replacing(path, ".json") as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")
    return Path(path)


def as_coco(
    regions: Iterable[Region], shape: tuple[int, int], image_name: str, check: Check = unchecked
) -> dict[str, Any]:
    """Return regions as a COCO data set of one image file: plain data.

    Planes are images of their own, all with the file's name, told apart by ``plane`` (as QuPath counts: from 0,
    channel -1 for all).
    """
    listed = check_regions(regions)
    height, width = shape
    images: dict[tuple[int, int, int], int] = {}
    categories: dict[int, str] = {}
    annotations = []
    for number, (region, name) in enumerate(zip(listed, unique_names(listed), strict=True), 1):
        check((number - 1) / len(listed))
        counts = run_lengths(region.rings, shape)
        area = sum(counts[1::2])
        if not area:
            continue
        x0, y0, x1, y1 = region.bbox_xyxy
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
        annotations.append(
            {
                "id": number,
                "image_id": images.setdefault(region.position, len(images) + 1),
                "category_id": _category(region, categories),
                # COCO has run lengths in these alone.
                "iscrowd": 1,
                "name": name,
                "area": area,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "segmentation": {"size": [height, width], "counts": counts},
                **({} if region.score is None or not np.isfinite(region.score) else {"score": float(region.score)}),
            }
        )
    if not images:
        images[0, 0, 0] = 1
    head = {"file_name": image_name, "width": width, "height": height}
    return {
        "images": [{"id": index, **head, **_plane(position)} for position, index in images.items()],
        "categories": [{"id": index, "name": categories[index]} for index in sorted(categories)],
        "annotations": annotations,
    }


def run_lengths(rings: Sequence[NDArray[Any]], shape: tuple[int, int]) -> list[int]:
    """Return how many pixels are outside, inside, outside and so on, down one column of the image after the other.

    Examples
    --------
    >>> run_lengths([np.array([[1, 0], [3, 0], [3, 2], [1, 2]])], (2, 4))
    [2, 4, 2]
    """
    height, width = shape
    corners = np.concatenate(rings) if len(rings) else np.zeros((1, 2), np.int64)
    x0, y0 = np.maximum(0, np.floor(corners.min(axis=0))).astype(np.int64).tolist()
    x1, y1 = np.minimum((width, height), np.ceil(corners.max(axis=0))).astype(np.int64).tolist()
    if x1 <= x0 or y1 <= y0:
        return [height * width]
    columns = rasterise(rings, (y1 - y0, x1 - x0), (x0, y0)).T
    padded = np.pad(columns.astype(np.int8), ((0, 0), (1, 1)))
    column, edge = np.nonzero(np.diff(padded, axis=1))
    places = (column + x0) * height + edge + y0
    # A run that ends at the foot of a column goes on at the head of the next one.
    starts, ends = places[0::2], places[1::2]
    goes_on = starts[1:] == ends[:-1]
    starts, ends = starts[np.append(True, ~goes_on)], ends[np.append(~goes_on, True)]
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=height * width)
    return [int(count) for count in (counts if counts[-1] else counts[:-1])]


def _category(region: Region, categories: dict[int, str]) -> int:
    index = _NO_CLASS + (region.group if region.class_name else 0)
    if region.class_name and not region.group:
        # The next numbers that no group can have.
        index = _NO_CLASS + _MOST_GROUPS + 1
        while categories.get(index, region.class_name) != region.class_name:
            index += 1
    categories.setdefault(index, region.class_name or "object")
    return index


def _plane(position: tuple[int, int, int]) -> dict[str, Any]:
    if not any(position):
        return {}
    c, z, t = (place - 1 for place in position)
    return {"plane": {"c": c, "z": max(z, 0), "t": max(t, 0)}}
