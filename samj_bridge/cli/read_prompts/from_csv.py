"""Prompts in tables: our own columns, ImageJ's list of ROIs, and its results with a bounding rectangle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.cli.read_prompts.table import Row, Table, decoded, read_table
from samj_bridge.errors import PromptError
from samj_bridge.session import Prompt

__all__ = ["read_csv"]

_CORNERS = ("x0", "y0", "x1", "y1")
_IMAGE = ("image", "image_name", "imagename", "filename", "file_name", "file")
_NO_AREA = {"polyline", "freeline", "angle", "straight line", "arrow", "text", "image"}
"""ImageJ's words for ROIs without an area."""
_POSITIONS = {"c": ("c", "ch", "channel"), "z": ("z", "slice"), "t": ("t", "frame")}
_INDEX = ("pos", "position")
_UNCLEAR = ("plane", "page", "layer")
_HINT = (
    "Columns are x, y or x0, y0, x1, y1, or ImageJ's X, Y, Width, Height; image, name, c, z, t (from 1) may follow."
)


def read_csv(path: Path) -> FoundPrompts:
    """Return the prompts of a table; see `read_prompts`."""
    table = read_table(decoded(path.read_bytes()), path.name)
    box = _box_columns(table)
    if box is None and not {"x", "y"} <= set(table.columns):
        there = ", ".join(name for name in table.columns if name) or "nothing"
        message = f"{path.name} has no columns of places, but {there}."
        raise PromptError(message, hint=_HINT)
    unclear = [name for name in _UNCLEAR if name in table.columns]
    if unclear:
        message = f"{path.name}: a column {unclear[0]!r} does not say where it counts from."
        raise PromptError(message, hint="Name it z or t for slices or frames from 1, or leave it out.")
    found, skipped = FoundPrompts(), []
    for row in table.rows:
        kind = row.cells.get("type", "").lower()
        if "width" in table.columns and kind in _NO_AREA:
            skipped.append(f"line {row.line} ({kind})")
            continue
        image = next((row.cells[name] for name in _IMAGE if name in row.cells), None)
        prompt = _prompt(table, row, box, kind, path.name)
        found.setdefault(image, []).append(prompt)
    if skipped:
        found.notes.append(f"{path.name}: left out {', '.join(skipped)}: no area.")
    return found


def _box_columns(table: Table) -> tuple[str, str, str, str] | None:
    """Return the columns that make a box, corners or place and size; None where there are none."""
    columns = set(table.columns)
    if columns & set(_CORNERS):
        return _CORNERS
    if columns >= {"bx", "by", "width", "height"}:
        # ImageJ's results: X and Y beside them are the middle.
        return "bx", "by", "width", "height"
    return ("x", "y", "width", "height") if columns & {"width", "height"} else None


def _prompt(table: Table, row: Row, box: tuple[str, str, str, str] | None, kind: str, file: str) -> Prompt:
    def number(column: str) -> float:
        return table.number(row, column, file)

    position, index = _position(table, row, file)
    fields: dict[str, Any] = {"name": row.cells.get("name", ""), "position": position, "stack_index": index}
    try:
        if kind == "point" and box is not None and box[2] == "width":
            if row.cells.get("points", "1") not in {"0", "1"}:
                message = f"a selection of {row.cells['points']} points, of which only the first is listed."
                raise PromptError(message, hint="Save the ROIs as a zip: ROI Manager > More > Save.")
            return Prompt(points=[(number("x"), number("y"))], **fields)
        if box == _CORNERS:
            return _corners(table, row, file, fields)
        if box is not None:
            return Prompt(box=_sized([number(name) for name in box], box, file), **fields)
        return Prompt(points=[(number("x"), number("y"))], **fields)
    except PromptError as error:
        place = f"{file}, line {row.line}: "
        message = error.message if error.message.startswith(place) else place + error.message
        raise PromptError(message, hint=error.hint or _HINT) from error


def _corners(table: Table, row: Row, file: str, fields: dict[str, Any]) -> Prompt:
    """Return the prompt of a row with corners, a point, or both."""
    numbers = {name: table.number(row, name, file) for name in (*_CORNERS, "x", "y") if name in row.cells}
    box = tuple(numbers[name] for name in _CORNERS if name in numbers)
    point = tuple(numbers[name] for name in ("x", "y") if name in numbers)
    if len(box) not in {0, 4} or len(point) not in {0, 2} or not (box or point):
        missing = [name for name in (_CORNERS if box or not point else ("x", "y")) if name not in numbers]
        message = f"{', '.join(missing)} missing."
        raise PromptError(message, hint=_HINT)
    return Prompt(box=box or None, points=[point] if point else [], **fields)


def _sized(numbers: list[float], columns: tuple[str, ...], file: str) -> tuple[float, float, float, float]:
    x, y, width, height = numbers
    if columns[0] == "bx" and not all(number.is_integer() for number in numbers):
        message = "BX, BY, Width and Height are no whole numbers: they were measured in another unit than pixels."
        hint = f"In ImageJ, remove the scale and measure again, or save the ROIs as a zip instead of {file}."
        raise PromptError(message, hint=hint)
    return x, y, x + width, y + height


def _position(table: Table, row: Row, file: str) -> tuple[tuple[int, int, int], int]:
    """Return (c, z, t) and number in the stack, from 1, 0 for every one; as ImageJ lists them."""

    def whole(names: tuple[str, ...]) -> int:
        column = next((name for name in names if name in row.cells), None)
        if column is None:
            return 0
        value = table.number(row, column, file)
        if value < 0 or not value.is_integer():
            message = f"{file}, line {row.line}: {column} is {row.cells[column]}, not a whole number from 0."
            raise PromptError(message, hint="Slices, frames and channels count from 1; 0 is every one.")
        return int(value)

    index = whole(_INDEX)
    if index:
        # ImageJ repeats it as Z, which is only true in a simple stack.
        return (0, 0, 0), index
    c, z, t = (whole(_POSITIONS[axis]) for axis in "czt")
    return (c, z, t), 0
