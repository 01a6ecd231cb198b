"""One table of all objects of a run: a line for each, with its image, extent, score and intensities."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, InputError
from samj_bridge.export.output import replacing
from samj_bridge.segmenting.job import Done
from samj_bridge.segmenting.listing import Part

__all__ = ["check_summary", "summary_path", "write_summary"]

_FIRST = (
    "image",
    "results",
    "label",
    "name",
    "area_px",
    "perimeter_px",
    "x",
    "y",
    "score",
    "area",
    "perimeter",
    "unit",
)


def summary_path(path: Path, part: Part | None) -> Path:
    """Return where the table of a run goes: each part has one of its own, since parts run side by side.

    Examples
    --------
    >>> summary_path(Path("objects.csv"), (2, 8)).name
    'objects_2-of-8.csv'
    """
    return path if part is None else path.with_name(f"{path.stem}_{part[0]}-of-{part[1]}{path.suffix}")


def check_summary(path: Path, *, overwrite: bool) -> None:
    """Look whether a table can be written, before anything is searched.

    Raises
    ------
    InputError
        It is neither CSV nor Parquet, or what writes Parquet is not installed.
    FileError
        There is a file of that name which is no such table, and may not be replaced.
    """
    if path.suffix.lower() not in {".csv", ".parquet"}:
        message = f"The summary {path.name!r} is neither .csv nor .parquet."
        raise InputError(message, hint="For example --summary objects.csv.")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        message = "Parquet is written by pyarrow, which is not installed."
        raise InputError(message, hint='Install it with: pip install "samj-bridge[parquet]", or write .csv.')
    if path.exists() and not overwrite and not _is_own(path):
        message = f"{path} would be replaced: it is no table of an earlier run."
        raise FileError(message, hint="Choose another name for --summary, or say --overwrite.", path=str(path))


def write_summary(path: Path, images: Iterable[Done]) -> Path:
    """Write the table; returns the file.

    Areas and perimeters are also in the image's unit, where it has one. Each channel has the columns ``mean_0``,
    ``sd_0``, ``mean_1``, ...; an image with fewer leaves the others empty.

    Raises
    ------
    FileError, NoSpaceError
        It can't be written. What was there before is still there.
    """
    listed = list(images)
    channels = max((len(row["intensity"]) for done in listed for row in done.rows or ()), default=1)
    columns = [*_FIRST, *(f"{name}_{channel}" for channel in range(channels) for name in ("mean", "sd"))]
    with replacing(path, ".csv|.parquet") as draft:
        if path.suffix.lower() == ".csv":
            with draft.open("w", newline="", encoding="utf-8", errors="replace") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows([line.get(name) for name in columns] for line in _lines(listed))
        else:
            _write_parquet(draft, columns, list(_lines(listed)))
    return path


def _is_own(path: Path) -> bool:
    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                found = next(csv.reader(file), [])
        else:
            import pyarrow.parquet

            found = pyarrow.parquet.read_schema(path).names
    except (OSError, ValueError, csv.Error):
        return False
    return tuple(found[: len(_FIRST)]) == _FIRST


def _write_parquet(path: Path, columns: list[str], lines: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    texts, wholes = {"image", "results", "name", "unit"}, {"label", "area_px"}
    kinds = [pa.string() if name in texts else pa.int64() if name in wholes else pa.float64() for name in columns]
    arrays = [pa.array([line.get(name) for line in lines], kind) for name, kind in zip(columns, kinds, strict=True)]
    pyarrow.parquet.write_table(pa.table(dict(zip(columns, arrays, strict=True))), path)


def _lines(images: Iterable[Done]) -> Iterator[dict[str, Any]]:
    for done in images:
        size = done.taken_data.get("pixel_size")
        for row in done.rows or ():
            line = {
                "image": done.image.name,
                "results": done.stem,
                **{name: row[name] for name in row if name != "intensity"},
            }
            if size and size["x"] == size["y"]:
                line["area"] = row["area_px"] * size["x"] ** 2
                line["perimeter"] = row["perimeter_px"] * size["x"]
                line["unit"] = size["unit"]
            for channel, (mean, sd) in enumerate(row["intensity"]):
                line[f"mean_{channel}"], line[f"sd_{channel}"] = mean, sd
            yield line
