"""``samj-bridge segment``: images and prompts in, ROIs, label images and overlays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.cli.result import Line, Result, styled
from samj_bridge.cli.running import in_words
from samj_bridge.errors import PromptError, SamjError
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.segmenting.folder import check_formats, keeps_records
from samj_bridge.segmenting.job import Done, Job
from samj_bridge.segmenting.listing import Listing, Part, list_images
from samj_bridge.segmenting.run import run_images
from samj_bridge.segmenting.save import make_output_folder
from samj_bridge.segmenting.summary import check_summary, summary_path, write_summary
from samj_bridge.settings import Settings

__all__ = ["Request", "everything_options", "run"]


@dataclass(frozen=True)
class Request:
    """What to segment, and how."""

    images: Sequence[Path]
    """Files and folders."""
    prompts: FoundPrompts
    """Prompts by image name; None: for every image."""
    job: Job
    """How, and where results go."""
    part: Part | None = None
    """The i-th of n parts of the images; None: all."""
    summary: Path | None = None
    """Table of all objects; None: none."""


def run(request: Request, settings: Settings, *, progress: Progress, cancel: CancelToken) -> Result:
    """Segment every image; one that fails is reported, and the others are done all the same."""
    summary = None if request.summary is None else summary_path(request.summary, request.part)
    _check(request, summary)
    listing = list_images(request.images, request.part)
    strangers = request.prompts.strangers(listing.names)
    if strangers and len(strangers) == len(request.prompts):
        message = f"The prompt file speaks of {', '.join(strangers)}, but of none of the images."
        raise PromptError(message, hint="Its keys are file names without folders.")
    output = request.job.output
    make_output_folder(output)
    asked = bool(request.part or summary)
    done, failures = run_images(
        request.job,
        listing.items,
        settings,
        keeps_records=asked or keeps_records(request.images, listing.items, output),
        part=request.part,
        unforeseen=lambda error: in_words(error, lambda: settings.logs_dir),
        progress=progress,
        cancel=cancel,
    )
    notes = list(request.prompts.notes)
    if strangers:
        notes.append(f"The prompt file also speaks of {', '.join(strangers)}: of none of the images.")
    notes += listing.notes
    if summary is not None:
        write_summary(summary, done)
    return _result(listing, done, failures, notes, summary)


def _check(request: Request, summary: Path | None) -> None:
    if request.job.everything is not None and any(request.prompts.values()):
        message = "Both --everything and prompts were given."
        raise PromptError(message, hint="Use one of them: --everything finds objects without prompts.")
    if request.job.everything is None and not any(request.prompts.values()):
        message = " ".join(["No prompt was given.", *request.prompts.notes])
        raise PromptError(message, hint="Use --box x0,y0,x1,y1, --point x,y, --prompts FILE, or --everything.")
    check_formats(request.job.formats)
    if summary is not None:
        check_summary(summary, overwrite=request.job.overwrite)


def everything_options(
    *, wanted: bool, exact: bool, mode: str | None = None, **options: Any
) -> dict[str, Any] | None:
    """Return what ``Scene.everything`` is given; None where it is not wanted.

    Raises
    ------
    PromptError
        One of its options was given without it, or two modes.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if exact and mode not in (None, "exact"):
        message = f"Both --exact and --mode {mode} were given."
        raise PromptError(message, hint="Leave one of them out.")
    if not wanted and (exact or mode or given):
        message = "An option of --everything was given without it."
        raise PromptError(
            message, hint="Add --everything, or leave out --exact, --points-per-side, --within, --min-score, ..."
        )
    return {"mode": "exact" if exact else mode or "auto", **given} if wanted else None


def _result(
    listing: Listing, done: Sequence[Done], failures: list[SamjError], notes: Sequence[str], summary: Path | None
) -> Result:
    new = [item for item in done if not item.skipped]
    skipped = len(done) - len(new)
    lines: list[Line] = [*notes, *(f"{item.image.name}: {item.taken}" for item in new)]
    lines += [f"{item.image.name}: {item.message}" for item in new if item.message]
    lines += [f"{path}" for item in new for path in item.files]
    if summary is not None:
        lines.append(f"{summary}")
    if skipped:
        lines.append(f"{skipped} of {len(listing.items)} images were done before, with the same options: skipped.")
    if failures:
        lines.append(styled((f"{len(done)} of {len(listing.items)} images done.", "bold")))
    told = {
        "images": [_as_data(item) for item in done],
        "notes": list(notes),
        **({"summary": str(summary)} if summary is not None else {}),
    }
    return Result("segment", data=told, lines=lines, tables=[_table(new)] if new else [], failures=failures)


def _table(done: Sequence[Done]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("image", "objects", "encode ms", "prompts ms"):
        table.add_column(heading, justify="left" if heading == "image" else "right")
    for item in done:
        objects = f"{item.objects}" + (f" ({item.empty} empty)" if item.empty else "")
        table.add_row(item.image.name, objects, f"{item.encode_ms:.0f}", f"{item.prompts_ms:.0f}")
    return table


def _as_data(item: Done) -> dict[str, Any]:
    return {
        "image": str(item.image),
        "objects": item.objects,
        "empty": item.empty,
        "encode_ms": round(item.encode_ms, 1),
        "prompts_ms": round(item.prompts_ms, 1),
        "files": [str(path) for path in item.files],
        "taken": item.taken_data,
        **({"message": item.message} if item.message else {}),
        **({"skipped": True} if item.skipped else {}),
    }
