"""Regions to files: one module per format, one line in the table for each.

Every writer leaves empty regions out, names and numbers the others by their place in the list it was given (so that
``object-0003`` in the ROI manager is label 3 in the label image), and replaces a file whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samj_bridge.export.calibration import Calibration
    from samj_bridge.export.coco import write_coco
    from samj_bridge.export.geojson import write_geojson
    from samj_bridge.export.imagej_zip import read_rois, write_rois
    from samj_bridge.export.labels import write_labels
    from samj_bridge.export.overlay import write_overlay
    from samj_bridge.geometry.region import Region

__all__ = [
    "EXPORTERS",
    "Exporter",
    "export",
    "read_rois",
    "write_coco",
    "write_geojson",
    "write_labels",
    "write_overlay",
    "write_rois",
]


@dataclass(frozen=True)
class Exporter:
    """One format."""

    module: str
    """Module that has the function; imported when used."""
    function: str
    """Its writer: ``(path, regions, *further arguments)``."""
    suffix: str
    """What a result's file name has after the image's name."""
    takes: tuple[str, ...] = ()
    """Further arguments, of ``shape``, ``pixels``, ``calibration`` ``image_name``; all take ``check``."""


EXPORTERS = {
    "roi": Exporter("samj_bridge.export.imagej_zip", "write_rois", "_rois.zip"),
    "labels": Exporter("samj_bridge.export.labels", "write_labels", "_labels.tif", ("shape", "calibration")),
    "overlay": Exporter("samj_bridge.export.overlay", "write_overlay", "_overlay.png", ("pixels",)),
    "geojson": Exporter("samj_bridge.export.geojson", "write_geojson", "_outlines.geojson", ("calibration",)),
    "coco": Exporter("samj_bridge.export.coco", "write_coco", "_coco.json", ("shape", "image_name")),
}


def export(
    name: str,
    path: str | Path,
    regions: Sequence[Region],
    *,
    shape: tuple[int, int],
    pixels: Any,
    calibration: Calibration | None = None,
    image_name: str = "",
    check: Callable[[float], None] | None = None,
) -> Path:
    """Write `regions` in the format `name` of `EXPORTERS`; return the file.

    Parameters
    ----------
    name : str
        Key of `EXPORTERS`.
    path : path
        The file; replaced if it is there.
    regions : sequence of Region
    shape : (int, int)
        (Y, X) of the image.
    pixels : (Y, X) or (Y, X, C) array
        The image.
    calibration : Calibration, optional
        Its scale.
    image_name : str
        Name of its file.
    check : callable, optional
        Hears of the part that is written, and may raise: then there is no file.
    """
    exporter = EXPORTERS[name]
    given = {"shape": shape, "pixels": pixels, "calibration": calibration, "image_name": image_name}
    write = getattr(import_module(exporter.module), exporter.function)
    more = {key: given[key] for key in exporter.takes} | ({} if check is None else {"check": check})
    return Path(write(path, regions=regions, **more))


_PUBLIC = {
    "read_rois": "samj_bridge.export.imagej_zip",
    "write_coco": "samj_bridge.export.coco",
    "write_geojson": "samj_bridge.export.geojson",
    "write_labels": "samj_bridge.export.labels",
    "write_overlay": "samj_bridge.export.overlay",
    "write_rois": "samj_bridge.export.imagej_zip",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_PUBLIC[name]), name)
