"""Readers of what samj-bridge writes: ROI files, and label images with their scale."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError
from samj_bridge.export.calibration import read_calibration
from samj_bridge.export.imagej_zip import read_rois
from samj_bridge.geometry.region import Region
from samj_bridge.napari.places import rings_of_parts
from samj_bridge.reading import read_image

__all__ = ["reader_of_labels", "reader_of_rois"]

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]


def reader_of_rois(path: str | Sequence[str]) -> Reader | None:
    """Return what reads an ImageJ ROI file as shapes; None: it is none."""
    file = _single(path)
    if file is None or not (file.suffix.lower() == ".roi" or _has_rois(file)):
        return None
    return lambda _path: [_shapes(file)]


def reader_of_labels(path: str | Sequence[str]) -> Reader | None:
    """Return what reads a label image as labels; None: it is none."""
    file = _single(path)
    if file is None or not file.is_file():
        return None
    return lambda _path: [_labels(file)]


def _shapes(file: Path) -> LayerData:
    """Return a polygon for each part of each ROI that has an area, at its place in the stack."""
    regions = read_rois(file)
    axes = [axis for axis in (2, 1, 0) if any(region.position[axis] > 1 for region in regions)]
    polygons: list[NDArray[np.float64]] = []
    features: dict[str, list[Any]] = {"name": [], "class": [], "score": []}
    for region in regions:
        for ring in rings_of_parts(region):
            # Planes count from 1 there; 0 is every plane.
            plane = [float(max(region.position[axis] - 1, 0)) for axis in axes]
            polygons.append(np.column_stack([np.tile(plane, (len(ring), 1)), ring[:, ::-1] - 0.5]))
            _describe(region, features)
    about = {
        "name": file.stem,
        "shape_type": "polygon",
        "features": features,
        "edge_width": 0,
        "edge_color": "#56B4E9",
        "face_color": "#56B4E960",
    }
    return polygons, about, "shapes"


def _describe(region: Region, features: dict[str, list[Any]]) -> None:
    features["name"].append(region.name)
    features["class"].append(region.class_name)
    features["score"].append(np.nan if region.score is None else region.score)


def _labels(file: Path) -> LayerData:
    pixels = read_image(file).pixels
    if pixels.ndim != 2 or not (pixels.dtype.kind in "uib" or (pixels == np.floor(pixels)).all()):
        message = f"{file.name} is no label image: it has colours, or values between whole numbers."
        raise FileError(message, hint="Open it as an image.", path=str(file))
    about: dict[str, Any] = {"name": file.stem}
    calibration = read_calibration(file)
    if calibration is not None:
        about["scale"] = (calibration.height, calibration.width)
    return pixels.astype(np.int32), about, "labels"


def _single(path: str | Sequence[str]) -> Path | None:
    """Return the one file that is meant; several are a stack of images, which none of these is."""
    if isinstance(path, str):
        return Path(path)
    return Path(path[0]) if len(path) == 1 else None


def _has_rois(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.lower().endswith(".roi") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
