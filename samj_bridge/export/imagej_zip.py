"""ImageJ's ROI files: a ``.zip`` of ``.roi`` members, as the ROI manager opens and saves them.

A region with one ring becomes a traced polygon with whole-number vertices, any other one a composite (ImageJ's
``ShapeRoi``), whose path holds every ring. Both are exact: ImageJ's mask of the ROI has the region's pixels.

Score, model, prompt and so on are kept as ROI properties: ``roi.getProperty("score")`` in ImageJ.
"""

from __future__ import annotations

import struct
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import roifile
from numpy.typing import NDArray

from samj_bridge.errors import FileError, InputError
from samj_bridge.export.output import Check, check_regions, replacing, unchecked, unique_names
from samj_bridge.export.properties import fields_of, read_properties, write_properties
from samj_bridge.export.roi_file import RoiFile, parse_roi
from samj_bridge.export.roi_kinds import NoArea, rings_of
from samj_bridge.export.roi_members import read_members
from samj_bridge.export.skipped import Rois, Skipped, SkippedRois, in_words
from samj_bridge.geometry.region import Region

__all__ = ["composite_path", "plane_of_stack", "read_rois", "write_rois"]

# ImageJ reads 16-bit numbers below -5000 as unsigned: polygons fit between these edges, composites anywhere.
_SMALLEST, _LARGEST = -5000, 60_535
# Composites hold 32-bit floats, exact for whole numbers up to here.
_LARGEST_COMPOSITE = 2**24
_VERSION = 228
"""Of the format, as ImageJ 1.54p writes it."""
_MOVE_TO, _LINE_TO, _CLOSE = 0, 1, 4


def write_rois(
    path: str | Path,
    regions: Region | Iterable[Region],
    *,
    colour: tuple[int, int, int] | None = None,
    check: Check = unchecked,
) -> Path:
    """Write a ROI zip that ImageJ's ROI manager opens.

    Parameters
    ----------
    path : path
        File ending with ``.zip``; replaced if it is there, whole or not at all.
    regions : Region or iterable of Region
        Empty ones are left out: ImageJ has no ROI without pixels. Names that occur twice get a number.
    colour : (int, int, int), optional
        Stroke colour (red, green, blue), 0 to 255 each.
    check : callable
        Hears of the part that is written, and may raise: then there is no file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Something is no region, the name does not end with ``.zip``, or a region lies too far out for ImageJ.
    FileError, NoSpaceError
        The file can't be written.
    """
    listed = check_regions(regions)
    names = unique_names(listed)
    members = _member_names(names)
    with replacing(path, ".zip") as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (region, name, member) in enumerate(zip(listed, names, members, strict=True)):
            check(number / len(listed))
            if not region.is_empty:
                # A ZipInfo without a date: equal regions make equal files.
                info = zipfile.ZipInfo(member)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                archive.writestr(info, _encode(region, name, colour))
    return Path(path)


def read_rois(path: str | Path) -> Rois:
    """Read a ROI zip, a single ``.roi`` file, or the overlay of an ImageJ TIFF; the inverse of `write_rois`.

    Whoever made them: ROIs of every kind that has an area are read with exactly the pixels of ImageJ's own
    mask. Lines, points, texts, pasted images and outlines without a pixel are left out; a warning says so, and
    ``skipped`` of the list names each.

    Returns
    -------
    Rois
        A list of Region in the file's order, with what was `skipped`.

    Raises
    ------
    FileError
        The file is missing or damaged, has no area at all, or one whose pixels only ImageJ can tell (a fitted
        spline).

    Warns
    -----
    SkippedRois
        Something was left out.
    """
    source = Path(path)
    rois = Rois()
    for name, data in read_members(source):
        where = f"{source.name}: {name}" if name not in {"", source.name} else source.name
        try:
            roi = parse_roi(data, name)
            rois.append(_region(roi))
        except NoArea as reason:
            rois.skipped.append(Skipped(roi.name, str(reason)))
        except (ValueError, TypeError) as error:
            message = f"{where} can't be read: {error}."
            hint = "ImageJ itself may know more: samj_bridge.fiji.read_zip_in_imagej(path)."
            raise FileError(message, hint=hint, path=str(source)) from error
    if rois.skipped and not rois:
        message = f"{source.name} holds no area: {in_words(rois.skipped)}."
        raise FileError(message, hint="Draw rectangles, ovals, polygons or freehand selections.", path=str(source))
    if rois.skipped:
        warnings.warn(f"{source.name}: left out {in_words(rois.skipped)}.", SkippedRois, stacklevel=2)
    return rois


def _region(roi: RoiFile) -> Region:
    position = (0, roi.index, 0) if roi.index else roi.position
    fields = fields_of(read_properties(roi.properties))
    return Region(rings_of(roi), **fields, name=roi.name, position=position, group=roi.group)


def _member_names(names: Iterable[str]) -> list[str]:
    """Return names for the zip's members: unique, and harmless wherever they are unpacked."""
    taken: set[str] = set()
    members = []
    for name in names:
        safe = "".join("_" if letter in '/\\:*?"<>|' or not letter.isprintable() else letter for letter in name)
        safe = safe.strip(". ")[:120] or "_"
        member, number = safe, 2
        while member.casefold() in taken:
            member, number = f"{safe}-{number}", number + 1
        taken.add(member.casefold())
        members.append(f"{member}.roi")
    return members


def _encode(region: Region, name: str, colour: tuple[int, int, int] | None) -> bytes:
    x0, y0, x1, y1 = region.bbox_xyxy
    farthest = max(abs(x0), abs(y0), abs(x1), abs(y1))
    if farthest > _LARGEST_COMPOSITE:
        message = f"Region {name!r} reaches to coordinate {farthest}; ImageJ's ROIs end at {_LARGEST_COMPOSITE}."
        raise InputError(message, hint="Write it as GeoJSON.")
    # Said, since roifile's own choice differs: its last release for Python 3.10 claims a version of the format that
    # has neither properties nor groups, and ImageJ does not look for them there.
    roi = roifile.ImagejRoi(version=_VERSION, left=x0, top=y0, right=x1, bottom=y1)
    if len(region.rings) == 1 and min(x0, y0) >= _SMALLEST and max(x1, y1) <= _LARGEST:
        roi.roitype = roifile.ROI_TYPE.TRACED
        roi.integer_coordinates = region.rings[0] - np.array([x0, y0], np.int32)
        roi.n_coordinates = len(region.rings[0])
    else:
        roi.roitype = roifile.ROI_TYPE.RECT
        roi.multi_coordinates = composite_path(region.rings)
        roi.shape_roi_size = len(roi.multi_coordinates)
    if plane_of_stack(region.position):
        # What ImageJ writes for a plane of a simple stack; it shows such a ROI there and nowhere else.
        roi.position = region.position[1]
    else:
        roi.c_position, roi.z_position, roi.t_position = region.position
    roi.group = region.group
    roi.props = write_properties(region)
    if colour is not None:
        roi.stroke_color = bytes([255, *colour])
    # roifile counts letters where the format counts UTF-16 units, so the name is put in afterwards.
    units = name.encode("utf-16-be", "replace")
    roi.name = "x" * (len(units) // 2)
    data = bytearray(roi.tobytes())
    (second_header,) = struct.unpack_from(">i", data, 60)
    (name_at,) = struct.unpack_from(">i", data, second_header + 16)
    data[name_at : name_at + len(units)] = units
    return bytes(data)


def plane_of_stack(position: tuple[int, int, int]) -> bool:
    """Whether a position is that of a plane in a simple stack: a slice, without channel and frame."""
    return position[1] > 0 and position[0] == position[2] == 0


def composite_path(rings: Iterable[NDArray[np.int32]]) -> NDArray[np.float32]:
    """Return rings as the path of ImageJ's ``ShapeRoi``: move (0, x, y), lines (1, x, y), close (4), for each."""
    listed = list(rings)
    ends = np.cumsum([len(ring) for ring in listed])
    steps = np.full((ends[-1], 3), _LINE_TO, np.float32)
    steps[:, 1:] = np.concatenate(listed)
    steps[np.concatenate([[0], ends[:-1]]), 0] = _MOVE_TO
    return np.insert(steps.reshape(-1), 3 * ends, np.float32(_CLOSE))
