"""Regions to ImageJ's ROIs and back, exactly; and the proof of it by ImageJ's own masks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.export.imagej_zip import composite_path, plane_of_stack
from samj_bridge.export.properties import fields_of, read_properties, write_properties
from samj_bridge.export.roi_members import read_members
from samj_bridge.export.skipped import Skipped, SkippedRois, in_words
from samj_bridge.fiji.jvm import java_class, java_errors
from samj_bridge.geometry.rasterise import as_shape
from samj_bridge.geometry.region import Region

__all__ = ["count_mismatches", "from_roi", "read_zip_in_imagej", "roi_mask", "to_roi"]


def to_roi(region: Region) -> Any:
    """Return a region as an ImageJ ROI with its name, position and properties.

    One ring becomes a traced polygon (``PolygonRoi``), anything else a ``ShapeRoi``. ImageJ's mask of it has
    exactly the region's pixels. ``roi.getProperty("score")``, ``"model"``, ``"prompt"`` (as JSON) and so on are set
    where they are known.

    Returns
    -------
    ij.gui.Roi
        In whole-image coordinates; shown nowhere yet.

    Raises
    ------
    InputError
        The region is empty: ImageJ has no ROI without pixels.
    FijiError
        ImageJ is not running.
    """
    if region.is_empty:
        message = f"Region {region.name!r} is empty, and ImageJ has no ROI without pixels."
        raise InputError(message, hint="Leave regions with region.is_empty out.")
    import jpype

    roi_class = java_class("ij.gui.Roi")
    if len(region.rings) == 1:
        ints = jpype.JArray(jpype.JInt)
        x, y = (ints(np.ascontiguousarray(axis)) for axis in region.rings[0].T)
        roi = java_class("ij.gui.PolygonRoi")(x, y, len(x), roi_class.TRACED_ROI)
    else:
        roi = java_class("ij.gui.ShapeRoi")(jpype.JArray(jpype.JFloat)(composite_path(region.rings)))
    if region.name:
        roi.setName(region.name)
    if plane_of_stack(region.position):
        roi.setPosition(region.position[1])
    elif any(region.position):
        roi.setPosition(*region.position)
    if region.group:
        roi.setGroup(region.group)
    roi.setProperties(write_properties(region))
    return roi


def from_roi(roi: Any, *, shape: tuple[int, int] | None = None) -> Region:
    """Return the region of an ImageJ ROI of any kind that has an area: exactly the pixels of its mask.

    Parameters
    ----------
    roi : ij.gui.Roi
    shape : (int, int), optional
        (Y, X) of the image; by default as noted in the ROI's properties, if it was made here.

    Raises
    ------
    InputError
        It is no ROI, or one without an area (a line, points).
    """
    mask, origin = _mask_of(roi)
    properties = read_properties(str(roi.getProperties() or ""))
    fields = {"shape": None, **fields_of(properties)}
    if shape is not None:
        fields["shape"] = as_shape(shape)
    group = int(roi.getGroup())
    named = java_class("ij.gui.Roi").getGroupName(group) if group else None
    if named is not None:
        # The group may have been changed in ImageJ since the property was written.
        fields["class_name"] = str(named)
    position = (int(roi.getCPosition()), int(roi.getZPosition()), int(roi.getTPosition()))
    return Region.from_mask(
        mask, origin_xy=origin, name=str(roi.getName() or ""), position=position, group=group, **fields
    )


def roi_mask(roi: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (Y, X) mask of a ROI as ImageJ draws it, cut off at the image's borders."""
    height, width = as_shape(shape)
    crop, (x, y) = _mask_of(roi)
    full = np.zeros((height, width), np.bool_)
    top, left = max(y, 0), max(x, 0)
    seen = crop[top - y : max(height - y, 0), left - x : max(width - x, 0)]
    full[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return full


def count_mismatches(regions: Sequence[Region], rois: Sequence[Any], shape: tuple[int, int]) -> int:
    """Count pixels in which regions differ from the ROIs made of them; an ImageJ without surprises gives 0.

    Raises
    ------
    InputError
        There are more of the one than of the other.
    """
    if len(regions) != len(rois):
        message = f"{len(regions)} regions can't be compared with {len(rois)} ROIs."
        raise InputError(message)
    pairs = zip(regions, rois, strict=True)
    return sum(int(np.count_nonzero(region.mask(shape) != roi_mask(roi, shape))) for region, roi in pairs)


def read_zip_in_imagej(path: str | Path) -> list[Any]:
    """Read a ROI zip or ``.roi`` file with ImageJ's own decoder; any kind of ROI.

    Returns
    -------
    list of ij.gui.Roi
        In the file's order; ROIs without vertices, which ImageJ leaves out as well, are not among them.

    Raises
    ------
    FileError
        The file is missing or damaged.
    FijiError
        ImageJ is not running, or refuses a member.
    """
    import jpype

    decoder = java_class("ij.io.RoiDecoder")
    source = Path(path)
    rois, without = [], []
    for name, data in read_members(source):
        with java_errors(f"ImageJ can't read {source.name}: {name}"):
            # RoiManager would do it, but does not live without windows.
            roi = decoder(jpype.JArray(jpype.JByte)(np.frombuffer(data, np.int8)), name).getRoi()
        if roi is None:
            without.append(Skipped(name, "has no vertices"))
        else:
            rois.append(roi)
    if without:
        warnings.warn(f"{source.name}: left out {in_words(without)}.", SkippedRois, stacklevel=2)
    return rois


def _mask_of(roi: Any) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Return a ROI's mask within its bounds, and their first pixel (x, y)."""
    if not isinstance(roi, java_class("ij.gui.Roi")):
        message = f"An ij.gui.Roi is needed, not a {type(roi).__name__}."
        raise InputError(message)
    if isinstance(roi, (java_class("ij.gui.TextRoi"), java_class("ij.gui.ImageRoi"))) or not bool(roi.isArea()):
        message = f"A {str(roi.getTypeAsString()).lower()} ROI has no area."
        raise InputError(message, hint="Draw a polygon, rectangle, oval or freehand selection.")
    bounds = roi.getBounds()
    shape, origin = (int(bounds.height), int(bounds.width)), (int(bounds.x), int(bounds.y))
    mask = roi.getMask()
    if mask is None:
        return np.ones(shape, np.bool_), origin
    return np.asarray(mask.getPixels()).reshape(shape) != 0, origin
