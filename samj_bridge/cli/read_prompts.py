"""Prompt files: JSON, CSV, and ImageJ's own ROI files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, PromptError
from samj_bridge.session import Prompt

__all__ = ["command_line_prompts", "parse_channels", "parse_numbers", "read_prompts"]

_KEYS = {"box", "points", "negative", "name"}


def parse_numbers(text: str, names: str) -> tuple[float, ...]:
    """Parse ``12,34`` or ``10 20 30 40`` into as many numbers as `names` (``x,y``) has.

    Examples
    --------
    >>> parse_numbers("12, 34", "x,y")
    (12.0, 34.0)
    """
    parts = text.replace(",", " ").split()
    count = len(names.split(","))
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        message = f"{text!r} is not {names}."
        raise PromptError(message, hint=f"Give {count} numbers in pixels, separated by commas.")
    return numbers


def read_prompts(path: Path) -> Mapping[str | None, Sequence[Prompt]]:
    """Read prompts; the key is the image's file name, or None for prompts that hold for every image.

    Three kinds of file are known by their ending:

    ``.json``
        a list of ``{"box": [x0, y0, x1, y1], "points": [[x, y]], "negative": [[x, y]], "name": ""}``, or
        ``{"prompts": [...]}``, or ``{"images": {"cells.tif": [...]}}``;
    ``.csv``
        columns ``x, y`` or ``x0, y0, x1, y1``, and optionally ``image`` and ``name``;
    ``.roi``, ``.zip``
        ImageJ's ROIs: a rectangle is a box, every point of a point ROI an object of its own, and any other
        area is a box around it.

    Raises
    ------
    FileError
        The file can't be read.
    PromptError
        An entry is no prompt; the message names it.
    """
    readers = {".json": _read_json, ".csv": _read_csv, ".roi": _read_rois, ".zip": _read_rois}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        message = f"{path.name}: prompts are read from {', '.join(readers)} files."
        raise FileError(message, path=str(path))
    try:
        return reader(path)
    except OSError as error:
        message = f"Can't read the prompts in {str(path)!r}: {error.strerror or error}."
        raise FileError(message, path=str(path)) from error
    except UnicodeDecodeError as error:
        message = f"{path.name} is not text in UTF-8."
        raise FileError(message, path=str(path)) from error


def _read_json(path: Path) -> Mapping[str | None, Sequence[Prompt]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        message = f"{path.name} is not valid JSON: line {error.lineno}, {error.msg}."
        raise PromptError(message) from error
    if isinstance(content, dict) and isinstance(content.get("images"), dict):
        return {name: _prompts(entries, f"{path.name}, {name}") for name, entries in content["images"].items()}
    if isinstance(content, dict):
        content = content.get("prompts")
    return {None: _prompts(content, path.name)}


def _prompts(entries: Any, where: str) -> list[Prompt]:
    if not isinstance(entries, list):
        message = f"{where}: a list of prompts was expected."
        raise PromptError(message, hint='For example [{"box": [10, 20, 60, 80]}, {"points": [[30, 40]]}].')
    prompts = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or not entry or set(entry) - _KEYS:
            message = f"{where}, prompt {number}: {entry!r} is no prompt."
            raise PromptError(message, hint=f"A prompt has some of {', '.join(sorted(_KEYS))} and nothing else.")
        try:
            prompts.append(Prompt(**entry))
        except PromptError as error:
            message = f"{where}, prompt {number}: {error.message}"
            raise PromptError(message, hint=error.hint) from error
    return prompts


def _read_csv(path: Path) -> Mapping[str | None, Sequence[Prompt]]:
    prompts: dict[str | None, list[Prompt]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            columns = {(key or "").strip().lower(): (value or "").strip() for key, value in row.items()}
            where = f"{path.name}, line {sum(map(len, prompts.values())) + 2}"
            prompts.setdefault(columns.get("image") or None, []).append(_csv_prompt(columns, where))
    return prompts


def _csv_prompt(columns: Mapping[str, str], where: str) -> Prompt:
    name = columns.get("name", "")
    try:
        if columns.get("x0"):
            corners = parse_numbers(
                ",".join(columns.get(key, "") for key in ("x0", "y0", "x1", "y1")), "x0,y0,x1,y1"
            )
            return Prompt(box=corners, name=name)
        x, y = parse_numbers(f"{columns.get('x', '')},{columns.get('y', '')}", "x,y")
        return Prompt(points=[(x, y)], name=name)
    except PromptError as error:
        message = f"{where}: {error.message}"
        raise PromptError(message, hint="Columns are x, y or x0, y0, x1, y1; image and name may follow.") from error


def _read_rois(path: Path) -> Mapping[str | None, Sequence[Prompt]]:
    import roifile

    try:
        rois = roifile.roiread(path)
    except (ValueError, KeyError, IndexError) as error:
        message = f"{path.name} holds no ImageJ ROIs: {error}"
        raise FileError(message, path=str(path)) from error
    prompts: list[Prompt] = []
    for roi in rois if isinstance(rois, list) else [rois]:
        if roi.roitype == roifile.ROI_TYPE.POINT:
            # ImageJ's points carry no size: whole numbers are pixel indices, as in Prompt.
            prompts += [Prompt(points=[(float(x), float(y))], name=roi.name) for x, y in roi.coordinates()]
        elif roi.right > roi.left and roi.bottom > roi.top:
            prompts.append(Prompt(box=(roi.left, roi.top, roi.right, roi.bottom), name=roi.name))
    return {None: prompts}


def command_line_prompts(
    boxes: Sequence[str], points: Sequence[str], negative: Sequence[str], file: Path | None
) -> Mapping[str | None, Sequence[Prompt]]:
    """Join ``--box``, ``--point`` and ``--prompts``; `negative` points go with each box and point given.

    Raises
    ------
    PromptError
        An option is no box or point, or there are only negative points.
    """
    prompts: dict[str | None, Sequence[Prompt]] = dict(read_prompts(file)) if file else {}
    outside = [parse_numbers(text, "x,y") for text in negative]
    given = [Prompt(box=parse_numbers(text, "x0,y0,x1,y1"), negative=outside) for text in boxes]
    given += [Prompt(points=[parse_numbers(text, "x,y")], negative=outside) for text in points]
    if outside and not given:
        raise PromptError("--negative was given, but no --box or --point.", hint="Say what is wanted as well.")
    if given:
        prompts[None] = [*prompts.get(None, ()), *given]
    return prompts


def parse_channels(text: str | None) -> int | tuple[int, ...] | str | None:
    """Parse ``--channels``: one number, several, or ``merge``.

    Examples
    --------
    >>> parse_channels("2,1,0")
    (2, 1, 0)
    """
    if text is None or text == "merge":
        return text
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        message = f"--channels {text!r} is neither numbers nor merge."
        raise PromptError(
            message, hint="For example --channels 0, --channels 2,1,0 or --channels merge."
        ) from error
    return numbers[0] if len(numbers) == 1 else numbers
