"""Objects of an image from files of other programs: label images, Cellpose's ``_seg.npy``, ROIs, GeoJSON."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError, InputError
from samj_bridge.evaluate.objects import Objects, as_objects
from samj_bridge.export import read_rois
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region
from samj_bridge.reading import read_image

__all__ = ["read_objects"]

_FINE = 8
"""Corners in between pixels are kept to an eighth of a pixel."""
_MOST_FINE_PX = 1 << 20
_PLAIN = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""All that arrays in a pickle need: anything else could run somebody's code."""


def read_objects(path: Path, shape: tuple[int, int]) -> Objects:
    """Return the objects of an image that a file holds.

    Parameters
    ----------
    path : Path
        ``.npy`` (Cellpose's ``_seg.npy``, or an array), ``.zip`` and ``.roi`` (ImageJ), ``.geojson`` and ``.json``
        (QuPath); any other file is a label image.
    shape : (int, int)
        (Y, X) of the image.

    Raises
    ------
    FileError
        It can't be read, or isn't what its name says.
    InputError
        It holds no labels, or those of another image.
    """
    try:
        found = _read(path)
        if isinstance(found, list):
            _check_inside(found, shape)
        return as_objects(found, shape)
    except OSError as error:
        message = f"{path.name} can't be read: {error.strerror or error}."
        raise FileError(message, hint="Is it there, and may you read it?", path=str(path)) from error
    except InputError as error:
        if path.name not in error.message:
            error.message = f"{path.name}: {error.message}"
        raise


def _read(path: Path) -> NDArray[Any] | list[Region]:
    kind = path.suffix.lower()
    if kind == ".npy":
        return _of_numpy(path)
    if kind in {".zip", ".roi"}:
        with warnings.catch_warnings():
            # Lines and points have no area, and are no objects.
            warnings.simplefilter("ignore")
            return list(read_rois(path))
    if kind in {".geojson", ".json"}:
        return _of_geojson(path)
    return np.asarray(read_image(path).pixels)


def _check_inside(regions: list[Region], shape: tuple[int, int]) -> None:
    height, width = shape
    beyond = [region for region in regions if region.bbox_xyxy[2] > width + 1 or region.bbox_xyxy[3] > height + 1]
    if beyond:
        x1, y1 = (max(region.bbox_xyxy[side] for region in beyond) for side in (2, 3))
        message = f"{len(beyond)} outlines reach beyond the image: to ({x1}, {y1}), and it is {width} x {height}."
        raise InputError(message, code="shapes-differ", hint="Take the outlines of this image, at the same scale.")


def _of_numpy(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            _, _, dtype = read(file)
            if not dtype.hasobject:
                file.seek(0)
                return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
            return _masks(_unpickled(file), path)
        except (ValueError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, IndexError) as error:
            message = f"{path.name} is no NumPy file that can be read: {error}."
            raise FileError(message, hint="Save the masks as TIFF or PNG.", path=str(path)) from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PLAIN:
            message = f"it holds {module}.{name}, which is neither an array nor a plain value"
            raise pickle.UnpicklingError(message)
        return super().find_class(module, name)


def _unpickled(file: BinaryIO) -> Any:
    return _PlainUnpickler(file).load()


def _masks(content: Any, path: Path) -> NDArray[Any]:
    while isinstance(content, np.ndarray) and content.dtype.hasobject and content.size == 1:
        content = content.item()
    masks = content.get("masks") if isinstance(content, Mapping) else None
    if not isinstance(masks, np.ndarray):
        message = f"{path.name} has no masks, as Cellpose writes them."
        raise FileError(message, hint="Save the masks as TIFF or PNG.", path=str(path))
    return masks[0] if masks.ndim == 3 and len(masks) == 1 else masks


def _of_geojson(path: Path) -> list[Region]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        message = f"{path.name} is no JSON: {error}."
        raise FileError(message, hint="Export it from QuPath again.", path=str(path)) from error
    features = content.get("features", [content]) if isinstance(content, Mapping) else content
    regions = []
    for number, feature in enumerate(features if isinstance(features, list) else [features], 1):
        try:
            regions += list(_areas(feature))
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            message = f"{path.name}, feature {number} can't be understood: {error}."
            raise FileError(
                message, hint="Polygons in pixels are read, as QuPath has them.", path=str(path)
            ) from error
    return regions


def _areas(feature: Mapping[str, Any]) -> Iterator[Region]:
    geometry = feature.get("geometry", feature)
    kind = geometry["type"]
    if kind not in {"Polygon", "MultiPolygon"}:
        return
    parts = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
    rings = [np.asarray(ring, np.float64)[:, :2] for part in parts for ring in part]
    corners = np.concatenate(rings)
    if not np.isfinite(corners).all() or np.abs(corners).max() > 2**24:
        raise ValueError("its coordinates are no pixels")
    x0, y0 = (int(value) for value in np.floor(corners.min(axis=0)))
    x1, y1 = (int(value) for value in np.ceil(corners.max(axis=0)))
    whole = all(np.array_equal(ring, np.rint(ring)) for ring in rings)
    fine = 1 if whole or (x1 - x0) * (y1 - y0) > _MOST_FINE_PX else _FINE
    drawn = [np.rint((ring - (x0, y0)) * fine).astype(np.int32) for ring in rings]
    # A pixel belongs to it where its middle does.
    mask = rasterise(drawn, ((y1 - y0) * fine, (x1 - x0) * fine))[(fine - 1) // 2 :: fine, (fine - 1) // 2 :: fine]
    if mask.any():
        yield Region.from_mask(mask, origin_xy=(x0, y0))
