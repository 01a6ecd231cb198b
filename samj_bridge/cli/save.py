"""The results of one image, in every format that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from samj_bridge.errors import Cancelled, FileError
from samj_bridge.export import EXPORTERS, export
from samj_bridge.export.calibration import Calibration
from samj_bridge.geometry.region import Region
from samj_bridge.session.blocks.record import remove_record

__all__ = ["going_on_in", "record_of", "refuse_existing", "result_files", "save_regions"]


def result_files(folder: Path, stem: str, formats: Sequence[str]) -> dict[str, Path]:
    """Return the file of each format for an image called `stem`."""
    return {name: folder / f"{stem}{EXPORTERS[name].suffix}" for name in formats}


def refuse_existing(files: dict[str, Path]) -> None:
    """Raise `FileError` if a result is there already: it may be somebody's work."""
    existing = [path for path in files.values() if path.exists()]
    if existing:
        message = f"{', '.join(path.name for path in existing)} in {existing[0].parent} would be replaced."
        raise FileError(
            message, hint="Choose another folder with --output, or say --overwrite.", path=str(existing[0])
        )


def save_regions(
    files: dict[str, Path],
    regions: Sequence[Region],
    *,
    shape: tuple[int, int],
    pixels: NDArray[Any],
    calibration: Calibration | None = None,
) -> list[Path]:
    """Write `regions` in every format of `files`; return the files in that order."""
    return [
        export(name, path, regions, shape=shape, pixels=pixels, calibration=calibration)
        for name, path in files.items()
    ]


def record_of(folder: Path, stem: str) -> Path:
    """Return the file that keeps what is found in an image until its results are written."""
    return folder / f"{stem}_everything.part"


@contextmanager
def going_on_in(record: Path) -> Iterator[None]:
    """Remove the record when all went well; say that the same command goes on where it was cancelled."""
    try:
        yield
    except Cancelled as error:
        if record.exists():
            message = f"{error.message} What was found so far is kept in {record.name}: the same command goes on."
            raise Cancelled(message, code=error.code, hint=error.hint) from error
        raise
    remove_record(record)
