"""Prompts in ImageJ's ROI files: areas count by their bounds, every point is an object of its own."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.errors import FileError
from samj_bridge.export.roi_file import RoiFile, parse_roi
from samj_bridge.export.roi_kinds import NoArea, bounds_of
from samj_bridge.export.roi_members import read_members
from samj_bridge.export.skipped import Skipped, in_words
from samj_bridge.session import Prompt
from samj_bridge.session.prompts import continuous_point

__all__ = ["read_roi_file"]


def read_roi_file(path: Path) -> FoundPrompts:
    """Return the prompts of ``.roi`` or ``.zip``; what has no area and is no point is left out and noted."""
    prompts: list[Prompt] = []
    skipped: list[Skipped] = []
    members = read_members(path)
    if not members:
        message = f"{path.name} holds no ImageJ ROIs: none of its files ends with .roi."
        raise FileError(message, hint="Save the ROIs from ImageJ's ROI manager: More > Save.", path=str(path))
    for name, data in members:
        try:
            roi = parse_roi(data, name)
            prompts += _points(roi) if roi.kind == "point" else [_box(roi)]
        except NoArea as reason:
            skipped.append(Skipped(roi.name, str(reason)))
        except ValueError as error:
            where = path.name if name in {"", path.name} else f"{path.name}: {name}"
            what = "holds no ImageJ ROIs" if len(members) == 1 else "can't be read"
            message = f"{where} {what}: {error}."
            hint = "Save it again from ImageJ; a fitted spline becomes a polygon by Edit > Selection > Interpolate."
            raise FileError(message, hint=hint, path=str(path)) from error
    notes = [f"{path.name}: left out {in_words(skipped)}."] if skipped else []
    return FoundPrompts({None: prompts}, notes)


def _box(roi: RoiFile) -> Prompt:
    return Prompt(box=bounds_of(roi), name=roi.name, position=roi.position, stack_index=_index(roi))


def _points(roi: RoiFile) -> list[Prompt]:
    # ImageJ's points are counted from pixel centres: (3.2, 4) is .2 right of the middle of pixel (3, 4).
    prompts = []
    for number, (x, y) in enumerate(roi.vertices.astype(float).tolist()):
        point = (x, y) if x.is_integer() and y.is_integer() else continuous_point(x + 0.5, y + 0.5)
        index = _index(roi)
        if roi.point_indices is not None and roi.position == (0, 0, 0):
            index = int(roi.point_indices[number])
        prompts.append(Prompt(points=[point], name=roi.name, position=roi.position, stack_index=index))
    return prompts


def _index(roi: RoiFile) -> int:
    """Return the plane of the stack that a ROI belongs to; ImageJ takes it from names as ``0002-0050-0140`` too."""
    if roi.index or roi.position != (0, 0, 0):
        return roi.index
    for width, least in ((4, 14), (5, 17), (6, 20)):
        slice_number, name = roi.name[:width], roi.name
        if len(name) >= least and name[width] == name[2 * width + 1] == "-":
            return int(slice_number) if slice_number.isascii() and slice_number.isdigit() else 0
    return 0
