"""Prompt files: which reader a file has."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.cli.read_prompts.from_csv import read_csv
from samj_bridge.cli.read_prompts.from_json import read_json
from samj_bridge.cli.read_prompts.from_rois import read_roi_file
from samj_bridge.errors import FileError

__all__ = ["read_prompts"]

_READERS = {
    ".json": read_json,
    ".geojson": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".roi": read_roi_file,
    ".zip": read_roi_file,
}


def read_prompts(path: Path) -> FoundPrompts:
    """Read prompts; the key is the image's file name, or None for prompts that hold for every image.

    Kinds of file are known by their ending:

    ``.json``, ``.geojson``
        a list of ``{"box": [x0, y0, x1, y1], "points": [[x, y]], "negative": [[x, y]], "name": ""}``, or
        ``{"prompts": [...]}``, or ``{"images": {"cells.tif": [...]}}``; or GeoJSON as QuPath exports it;
    ``.csv``, ``.tsv``, ``.txt``
        a table with columns ``x, y`` or ``x0, y0, x1, y1`` or ImageJ's ``X, Y, Width, Height``, and optionally
        ``image``, ``name`` and a position;
    ``.roi``, ``.zip``
        ImageJ's ROIs: every point of a point ROI is an object of its own, any area is the box around it.

    Raises
    ------
    FileError
        The file can't be read.
    PromptError
        An entry is no prompt; the message names it.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        message = f"{path.name}: prompts are read from {', '.join(_READERS)} files."
        raise FileError(message, path=str(path))
    try:
        return reader(path)
    except OSError as error:
        message = f"Can't read the prompts in {str(path)!r}: {error.strerror or error}."
        raise FileError(message, path=str(path)) from error
    except UnicodeDecodeError as error:
        message = f"{path.name} is text in neither UTF-8 nor UTF-16."
        hint = "Save it again; Excel's CSV UTF-8 will do."
        raise FileError(message, hint=hint, path=str(path)) from error
