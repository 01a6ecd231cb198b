"""napari's coordinates and ours.

napari puts a pixel's centre at its index, so that pixel 3 covers 2.5 to 3.5, and goes from there to world units by
the layer's scale, translation, rotation and so on; coordinates are in the order of the axes. Ours are (x, y), and
pixel 3 covers 3 to 4. So half a pixel is added on the way here and taken away on the way back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samj_bridge.geometry.parts import split_parts
from samj_bridge.geometry.region import Region
from samj_bridge.napari.planes import Plane

__all__ = ["box_of", "in_plane", "offset_of", "outlines", "rings_of_parts", "transform_of"]

_DIGITS = 6
"""Scales such as 0.1 leave traces behind the comma that nobody pointed at."""


def in_plane(layer: Any, coordinates: ArrayLike, plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Bring coordinates of a prompt layer to our (x, y) in a plane of the image.

    Parameters
    ----------
    layer : napari layer
        The one that the coordinates are of.
    coordinates : (n, D) array
    plane : Plane

    Returns
    -------
    xy : (n, 2) array
        In pixels of the image, corners at whole numbers.
    here : (n,) bool array
        Which of them lie on this plane.
    """
    rows = np.asarray(coordinates, float).reshape(-1, layer.ndim)
    image = plane.layer
    found = np.array([image.world_to_data(layer.data_to_world(row)) for row in rows]).reshape(-1, image.ndim)
    held = [axis for axis in range(image.ndim) if axis not in plane.axes and axis != plane.choice.axis]
    here = (np.round(found[:, held]) == np.array([plane.index[axis] for axis in held])).all(axis=1)
    yx = found[:, list(plane.axes)] + 0.5
    return np.round(yx[:, ::-1], _DIGITS), here


def box_of(xy: NDArray[np.float64], shape: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Return the edges (x0, y0, x1, y1) around corners, cut to the image; None: nothing of it is in the image."""
    height, width = shape
    (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
    x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    return (float(x0), float(y0), float(x1), float(y1)) if x0 < x1 and y0 < y1 else None


def transform_of(image: Any) -> dict[str, Any]:
    """Return what a new layer needs to lie on an image layer, as arguments for napari."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units")
    return {name: getattr(image, name) for name in names if hasattr(image, name)}


def offset_of(plane: Plane, x: int, y: int) -> NDArray[np.float64]:
    """Return the translation of a layer whose first pixel is pixel (x, y) of a plane."""
    image = plane.layer
    start = np.array(plane.index, float)
    start[list(plane.axes)] = y, x
    # Translation comes after scale, rotation and shear, and before the layer's own affine.
    origin = np.zeros(image.ndim)
    moved = np.asarray(image.data_to_world(start)) - np.asarray(image.data_to_world(origin))
    linear = np.asarray(image.affine.linear_matrix)
    return np.asarray(image.translate) + np.linalg.solve(linear, moved)


def outlines(region: Region, plane: Plane) -> list[NDArray[np.float64]]:
    """Return a polygon for each part of a region, in coordinates of the image layer.

    What they fill is the same, to the pixel: see `rings_of_parts`.
    """
    polygons = []
    for ring in rings_of_parts(region):
        rows = np.tile(np.array(plane.index, float), (len(ring), 1))
        rows[:, list(plane.axes)] = ring[:, ::-1] - 0.5
        polygons.append(rows)
    return polygons


def rings_of_parts(region: Region) -> list[NDArray[np.float64]]:
    """Return one ring (x, y) for each part of a region, on pixel corners, as napari's polygons are.

    Holes are cut in by an edge that goes to the hole and the same way back: what is filled is the same.
    """
    rings = []
    for exterior, *holes in split_parts(region.rings):
        ring = np.asarray(exterior, float)
        for hole in holes:
            ring = _cut_in(ring, np.asarray(hole, float))
        rings.append(ring)
    return rings


def _cut_in(ring: NDArray[np.float64], hole: NDArray[np.float64]) -> NDArray[np.float64]:
    here = int(np.abs(ring - hole[0]).sum(axis=1).argmin())
    return np.concatenate([ring[: here + 1], hole, hole[:1], ring[here:]])
