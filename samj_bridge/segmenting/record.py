"""The record beside an image's results: of what they were made, and what they were when they were made.

It is what makes a run safe to repeat. It is written before the results get their names: so whatever has the name of
a result is either one that the record knows, or somebody else's work. There is no time and no place in it: the same
run gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from samj_bridge.errors import FileError
from samj_bridge.export.output import replacing
from samj_bridge.protocol.folders import file_size, walk
from samj_bridge.reading.sets import files_of

__all__ = [
    "Record",
    "content_of",
    "digest_of",
    "is_up_to_date",
    "only_own",
    "read_record",
    "record_path",
    "write_record",
]

_FORM = 1
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Record:
    """Of what an image's results were made, and what they are."""

    image: str
    """Name of its file."""
    content: str
    """Digest of all that the image is read from."""
    made: dict[str, Any]
    """Model, options and version: see `Job.made_by`."""
    files: dict[str, tuple[int, str]]
    """Bytes and digest of each result, by its name; empty while a run only began."""
    told: dict[str, Any] = field(default_factory=dict)
    """What the run said of the image."""
    rows: list[dict[str, Any]] | None = None
    """Measures of its objects; None: they were not asked for."""

    def is_of(self, content: str, made: Mapping[str, Any]) -> bool:
        """Whether it is of results of this image, made so."""
        return (self.content, self.made) == (content, made)


def record_path(folder: Path, stem: str) -> Path:
    """Return where the record of an image's results is."""
    return folder / f"{stem}_samj.json"


def read_record(path: Path) -> Record | None:
    """Return a record; None where there is none, or where nothing can be made of it."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["form"] != _FORM:
            return None
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in said["files"].items()}
        return Record(said["image"], said["content"], said["made"], files, said["told"], said["rows"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Write a record, whole or not at all.

    Raises
    ------
    FileError, NoSpaceError
        It can't be written.
    """
    text = json.dumps({"form": _FORM, **vars(record)}, ensure_ascii=False, indent=1, allow_nan=False)
    with replacing(path, ".json") as draft:
        draft.write_text(text + "\n", encoding="utf-8", errors="replace")


def is_up_to_date(
    record: Record, content: str, made: Mapping[str, Any], folder: Path, *, rows: bool, closely: bool = False
) -> bool:
    """Whether the results of a record are those that a run would make, and all there.

    Parameters
    ----------
    record : Record
    content : str
        Of the image as it is now.
    made : mapping
        What the run would make them by.
    folder : Path
        Where they are.
    rows : bool
        Whether the objects' measures are wanted.
    closely : bool
        Read the results; else their sizes are looked at.
    """
    if not record.is_of(content, made) or not record.files or (rows and record.rows is None):
        return False
    there = all(file_size(folder / name) == size for name, (size, _) in record.files.items())
    return there and not (closely and list(_changed(record, [folder / name for name in record.files])))


def only_own(record: Record | None, files: Iterable[Path]) -> bool:
    """Whether every one of these results that is there is as the record has it."""
    there = [path for path in files if path.exists()]
    return not there or (record is not None and not list(_changed(record, there)))


def _changed(record: Record, files: Iterable[Path]) -> Iterable[Path]:
    return (path for path in files if record.files.get(path.name, (0, ""))[1] != digest_of(path))


def digest_of(*files: Path) -> str:
    """Return a digest of the content of files.

    Raises
    ------
    FileError
        One can't be read.
    """
    digest = xxhash.xxh3_128()
    for path in files:
        try:
            with path.open("rb") as file:
                while block := file.read(_CHUNK):
                    digest.update(block)
        except OSError as error:
            message = f"{path.name} can't be read: {error.strerror or error}."
            raise FileError(message, hint="Is it still there, and may you read it?", path=str(path)) from error
        # So that bytes can't move from one file to the next.
        digest.update(b"\0end\0")
    return f"xxh3-128:{digest.hexdigest()}"


def content_of(path: Path) -> str:
    """Return a digest of all that an image is read from: its file, those of its set, or all of an OME-Zarr.

    Labels in an OME-Zarr are not of the image.

    Raises
    ------
    FileError
        It can't be read.
    """
    if not path.is_dir():
        return digest_of(*files_of(path))
    inside = sorted(entry.path for entry in walk(path) if entry.is_file)
    return digest_of(*(file for file in inside if file.relative_to(path).parts[0] != "labels"))
