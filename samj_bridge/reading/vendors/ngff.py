"""What OME-Zarr says of its images, versions 0.1 to 0.5: read from the JSON alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samj_bridge.protocol.folders import is_file
from samj_bridge.reading.description import PixelSize

__all__ = ["Multiscale", "attributes_of", "is_zarr", "multiscales_of"]

_UM = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6, "angstrom": 1e-4}
_MARKS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_MOST_IMAGES = 10_000


@dataclass(frozen=True)
class Multiscale:
    """One image: its levels, and what its axes are."""

    folder: Path
    """The group that it is in."""
    name: str
    """Where it is in the file, or what it calls itself."""
    paths: tuple[str, ...]
    """Its arrays, finest first."""
    axes: str
    """A letter for each axis: X, Y, Z, C, T, and others as they are."""
    pixel_size: PixelSize | None
    """None: it does not say, or not in units of length."""
    channel_names: tuple[str, ...] = ()
    """As ``omero`` has them."""
    channel_windows: tuple[tuple[float, float] | None, ...] = ()
    """What is shown as black and white."""
    channel_colours: tuple[str, ...] = ()
    """Six digits each."""
    version: str = ""
    """Of OME-Zarr."""
    bare: bool = False
    """Whether it is an array without a word about it."""


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr group or array."""
    return any(is_file(folder / name) for name in _MARKS)


def attributes_of(folder: Path) -> dict[str, Any]:
    """Return what a group or array says of itself; empty: nothing.

    Raises
    ------
    ValueError
        Its JSON is damaged.
    """
    try:
        whole = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
        found = whole.get("attributes", {}) if isinstance(whole, dict) else {}
    except FileNotFoundError:
        try:
            found = json.loads((folder / ".zattrs").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
    except ValueError as error:
        message = f"its metadata ({folder.name}/zarr.json) is damaged"
        raise ValueError(message) from error
    if not isinstance(found, dict):
        message = f"its metadata in {folder.name} is no JSON object"
        raise ValueError(message)  # noqa: TRY004 - it is about a file, not about a caller
    ome = found.get("ome")
    return {**found, **ome} if isinstance(ome, dict) else found


def multiscales_of(folder: Path) -> list[Multiscale]:
    """Return the images in a group: its own, those of a converted file's series, or those of a plate's wells.

    Raises
    ------
    ValueError
        What it says of them is damaged or incomplete.
    """
    attributes = attributes_of(folder)
    if attributes.get("multiscales"):
        return _own(folder, attributes, "")
    if "bioformats2raw.layout" in attributes:
        listed = attributes_of(folder / "OME").get("series") if (folder / "OME").is_dir() else None
        names = [str(name) for name in listed] if isinstance(listed, list) else _numbered(folder)
        return [image for name in names for image in _own(folder / name, attributes_of(folder / name), name)]
    plate = attributes.get("plate")
    if isinstance(plate, dict):
        return _of_plate(folder, plate)
    return []


def _numbered(folder: Path) -> list[str]:
    names: list[str] = []
    while len(names) < _MOST_IMAGES and is_zarr(folder / str(len(names))):
        names.append(str(len(names)))
    return names


def _of_plate(folder: Path, plate: dict[str, Any]) -> list[Multiscale]:
    found: list[Multiscale] = []
    for well in plate.get("wells", []):
        place = str(well.get("path", "")) if isinstance(well, dict) else ""
        images = attributes_of(folder / place).get("well", {}).get("images", []) if place else []
        for image in images:
            name = f"{place}/{image.get('path', '')}"
            found += _own(folder / name, attributes_of(folder / name), name)
            if len(found) >= _MOST_IMAGES:
                return found
    return found


def _own(folder: Path, attributes: dict[str, Any], place: str) -> list[Multiscale]:
    found = []
    try:
        for scales in attributes.get("multiscales", []):
            paths = tuple(str(item["path"]) for item in scales["datasets"])
            axes = _axes(scales.get("axes"))
            name = str(scales.get("name") or "").strip("/")
            size = _pixel_size(scales, axes)
            omero = attributes.get("omero")
            channels = omero.get("channels", []) if isinstance(omero, dict) else []
            found.append(
                Multiscale(
                    folder,
                    place or name,
                    paths,
                    axes,
                    size,
                    tuple(str(channel.get("label", "")) for channel in channels),
                    tuple(_window(channel.get("window")) for channel in channels),
                    tuple(str(channel.get("color", "")).upper().lstrip("#") for channel in channels),
                    str(attributes.get("version") or scales.get("version") or ""),
                )
            )
    except (KeyError, TypeError, AttributeError) as error:
        message = f"its multiscales are not as OME-Zarr has them ({type(error).__name__}: {error})"
        raise ValueError(message) from error
    return found


def _axes(axes: Any) -> str:
    """Return a letter for each axis; of versions without axes nothing, which means the last of TCZYX."""
    if not axes:
        return ""
    names = [str(axis["name"] if isinstance(axis, dict) else axis) for axis in axes]
    kinds = [axis.get("type", "") if isinstance(axis, dict) else "" for axis in axes]
    letters = []
    for name, kind in zip(names, kinds, strict=True):
        letter = {"channel": "C", "time": "T"}.get(kind, name[:1].upper() or "Q")
        letters.append(letter if letter not in letters else "Q")
    return "".join(letters)


def _pixel_size(scales: dict[str, Any], axes: str) -> PixelSize | None:
    listed = scales.get("axes") or []
    units = [axis.get("unit", "") if isinstance(axis, dict) else "" for axis in listed]
    sizes = {}
    for at, axis in enumerate(axes):
        size = 1.0
        for steps in (scales["datasets"][0], scales):
            for step in steps.get("coordinateTransformations") or []:
                if step.get("type") == "scale" and len(step["scale"]) == len(axes):
                    size *= float(step["scale"][at])
        sizes[axis] = (size, units[at])
    if "X" not in sizes or "Y" not in sizes:
        return None
    (x, x_unit), (y, y_unit) = sizes["X"], sizes["Y"]
    if x_unit not in _UM or y_unit not in _UM or not (x > 0 and y > 0):
        return None
    return PixelSize(x * _UM[x_unit], y * _UM[y_unit], "um")


def _window(window: Any) -> tuple[float, float] | None:
    try:
        return float(window["start"]), float(window["end"])
    except (KeyError, TypeError, ValueError):
        return None
