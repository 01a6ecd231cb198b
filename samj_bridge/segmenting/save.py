"""The results of one image, in every format that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from samj_bridge.errors import Cancelled, FileError
from samj_bridge.export import EXPORTERS, export
from samj_bridge.export.calibration import Calibration
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.segmenting.input_image import Overview
from samj_bridge.session.blocks.record import remove_record

__all__ = [
    "going_on_in",
    "make_output_folder",
    "needs_pixels",
    "record_of",
    "refuse_existing",
    "result_files",
    "save_regions",
]


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
    overview: Overview | None,
    calibration: Calibration | None = None,
    image_name: str = "",
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> list[Path]:
    """Write `regions` in every format of `files`; return the files in that order.

    Parameters
    ----------
    files : dict of str to Path
        See `result_files`.
    regions : sequence of Region
    shape : (int, int)
        (Y, X) of the image.
    overview : Overview, optional
        What the overlay is drawn on; None where there is none to be drawn.
    calibration : Calibration, optional
        Scale of the image.
    image_name : str
        Name of its file, for formats that say which image they are about.
    progress : callable
        Told of the part of each file that is written.
    cancel : CancelToken, optional
        Stops it; a file that is not whole is not there.
    """
    saved: list[Path] = []
    for name, path in files.items():

        def check(fraction: float, name: str = path.name) -> None:
            if cancel is not None:
                cancel.check()
            notify(progress, ProgressEvent("save", f"Writing {name}", fraction, 1.0))

        drawn = overview.placed(regions) if overview and needs_pixels([name]) else regions
        pixels = overview.pixels if overview else None
        made = export(
            name,
            path,
            drawn,
            shape=shape,
            pixels=pixels,
            calibration=calibration,
            image_name=image_name,
            check=check,
        )
        saved.append(made)
    return saved


def needs_pixels(formats: Iterable[str]) -> bool:
    """Return whether one of these formats shows the image itself."""
    return any("pixels" in EXPORTERS[name].takes for name in formats)


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


def make_output_folder(folder: Path) -> None:
    """Make the folder for results, or say why it can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"Can't make the folder {str(folder)!r}: {error.strerror or error}."
        raise FileError(message, hint="Choose another one with --output.", path=str(folder)) from error
