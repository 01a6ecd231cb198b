"""Prompts in GeoJSON, as QuPath exports it: areas count by their bounds, every point is an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.errors import PromptError
from samj_bridge.session import Prompt
from samj_bridge.session.prompts import continuous_point

__all__ = ["features_of", "read_features"]

_AREAS = {"Polygon", "MultiPolygon"}
_POINTS = {"Point", "MultiPoint"}
_LINES = {"LineString", "MultiLineString"}


def features_of(content: Any) -> list[Any] | None:
    """Return the features of a JSON file, or None where it is no GeoJSON."""
    if isinstance(content, Mapping) and content.get("type") == "FeatureCollection":
        features = content.get("features")
        return features if isinstance(features, list) else [features]
    if isinstance(content, Mapping) and isinstance(content.get("type"), str):
        return [content]
    if isinstance(content, list) and content and all(_is_feature(item) for item in content):
        return content
    return None


def _is_feature(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "Feature"


def read_features(features: Sequence[Any], file: str) -> FoundPrompts:
    """Return the prompts of GeoJSON features; lines are left out and noted.

    Raises
    ------
    PromptError
        A feature can't be understood; the message has its number.
    """
    prompts: list[Prompt] = []
    lines: list[str] = []
    for number, feature in enumerate(features, start=1):
        where = f"{file}, feature {number}"
        geometry, name = _unpacked(feature)
        if not isinstance(geometry, Mapping):
            message = f"{where} has no geometry."
            raise PromptError(message, hint="Export annotations or detections with their shapes.")
        if geometry.get("type") in _LINES:
            lines.append(repr(name) if name else f"feature {number}")
            continue
        try:
            prompts += _prompts(geometry, name)
        except (PromptError, TypeError, ValueError, OverflowError) as error:
            message = f"{where} can't be understood: {getattr(error, 'message', error)}"
            hint = "Polygons and points in pixels are read, as QuPath exports them."
            raise PromptError(message, hint=hint) from error
    notes = [f"{file}: left out {', '.join(lines)}: a line has no area."] if lines else []
    return FoundPrompts({None: prompts}, notes)


def _unpacked(feature: Any) -> tuple[Any, str]:
    """Return a feature's geometry and name."""
    if not _is_feature(feature):
        return feature, ""
    properties = feature.get("properties")
    name = properties.get("name") if isinstance(properties, Mapping) else None
    return feature.get("geometry"), name if isinstance(name, str) else ""


def _prompts(geometry: Mapping[str, Any], name: str) -> list[Prompt]:
    kind, position = geometry.get("type"), _position(geometry.get("plane"))
    if kind not in _AREAS | _POINTS:
        message = f"its kind is {kind!r}."
        raise ValueError(message)
    places = _places(geometry.get("coordinates"))
    if kind in _POINTS:
        # QuPath's coordinates are continuous: pixel (0, 0) goes from 0 to 1.
        return [Prompt(points=[continuous_point(x, y)], name=name, position=position) for x, y in places.tolist()]
    (x0, y0), (x1, y1) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return [Prompt(box=(x0, y0, x1, y1), name=name, position=position)]


def _position(plane: Any) -> tuple[int, int, int]:
    """Return (c, z, t) from 1; QuPath counts from 0, and takes channel -1 for all."""
    if not isinstance(plane, Mapping):
        return 0, 0, 0
    c, z, t = (int(plane.get(axis, default)) + 1 for axis, default in (("c", -1), ("z", 0), ("t", 0)))
    return c, z, t


def _places(coordinates: Any) -> NDArray[np.float64]:
    pairs: list[tuple[float, float]] = []
    pending = [coordinates]
    while pending:
        item = pending.pop()
        if not isinstance(item, list) or not item:
            message = f"its coordinates are {item!r:.60}."
            raise ValueError(message)
        if isinstance(item[0], list):
            pending += reversed(item)
        else:
            x, y, *_ = item
            pairs.append((float(x), float(y)))
    return np.array(pairs, np.float64)
