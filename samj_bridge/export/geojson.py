"""GeoJSON: one feature per region, in pixels, as QuPath reads and writes it.

Vertices are pixel corners with y pointing down. In these coordinates exteriors turn as RFC 7946 asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from samj_bridge.export.calibration import Calibration
from samj_bridge.export.output import Check, check_regions, replacing, unchecked, unique_names
from samj_bridge.export.properties import fields_of, properties_of
from samj_bridge.geometry.parts import split_parts
from samj_bridge.geometry.region import Region

__all__ = ["as_geojson", "write_geojson"]


def write_geojson(
    path: str | Path,
    regions: Region | Iterable[Region],
    calibration: Calibration | None = None,
    check: Check = unchecked,
) -> Path:
    """Write regions as a GeoJSON feature collection.

    Parameters
    ----------
    path : path
        File ending with ``.geojson`` or ``.json``; replaced if it is there, whole or not at all.
    regions : Region or iterable of Region
        Empty ones are left out.
    calibration : Calibration, optional
        Pixel size and unit of the image, told beside the features (``pixel_size``): coordinates stay in pixels.
    check : callable
        Hears of the part that is written, and may raise: then there is no file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Something is no region.
    FileError, NoSpaceError
        The file can't be written.
    """
    text = json.dumps(as_geojson(regions, calibration, check), ensure_ascii=False, allow_nan=False)
    with replacing(path, ".geojson|.json") as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")
    return Path(path)


def as_geojson(
    regions: Region | Iterable[Region], calibration: Calibration | None = None, check: Check = unchecked
) -> dict[str, Any]:
    """Return regions as a GeoJSON feature collection: plain data."""
    listed = check_regions(regions)
    features = []
    for number, (region, name) in enumerate(zip(listed, unique_names(listed), strict=True), 1):
        check((number - 1) / len(listed))
        if not region.is_empty:
            features.append(_feature(region, name, number))
    size = {"x": calibration.width, "y": calibration.height, "unit": calibration.unit} if calibration else None
    return {"type": "FeatureCollection", **({"pixel_size": size} if size else {}), "features": features}


def _feature(region: Region, name: str, number: int) -> dict[str, Any]:
    parts = [[[*ring.tolist(), ring[0].tolist()] for ring in part] for part in split_parts(region.rings)]
    if len(parts) == 1:
        geometry: dict[str, Any] = {"type": "Polygon", "coordinates": parts[0]}
    else:
        geometry = {"type": "MultiPolygon", "coordinates": parts}
    if any(region.position):
        # QuPath counts from 0, and takes channel -1 for all.
        c, z, t = (position - 1 for position in region.position)
        geometry["plane"] = {"c": c, "z": max(z, 0), "t": max(t, 0)}
    properties = {"objectType": "annotation", "name": name, **fields_of(properties_of(region))}
    # What QuPath shows and keeps: numbers as measurements, texts as metadata; it drops other properties.
    said = properties_of(region)
    score = {"SAMJ score": float(said["score"])} if "score" in said else {}
    properties["measurements"] = {**score, "SAMJ label": number}
    properties["metadata"] = {f"SAMJ {key}": said[key] for key in ("model", "prompt") if key in said}
    class_name = properties.pop("class_name", "")
    if class_name:
        # Without a colour QuPath chooses one.
        properties["classification"] = {"name": class_name}
    return {"type": "Feature", "geometry": geometry, "properties": properties}
