"""A folder of images from Python: the same run as ``samj-bridge segment FOLDER``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samj_bridge.errors import InputError, PromptError, SamjError
from samj_bridge.export import EXPORTERS
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.protocol.folders import is_folder
from samj_bridge.reading import Wish
from samj_bridge.reading.vendors.ngff import is_zarr
from samj_bridge.segmenting.job import Done, Job
from samj_bridge.segmenting.listing import Item, Part, list_images
from samj_bridge.segmenting.run import run_images
from samj_bridge.segmenting.save import make_output_folder
from samj_bridge.segmenting.summary import check_summary, summary_path, write_summary
from samj_bridge.session import Prompt, Wanted
from samj_bridge.session.prompts import prompts_of
from samj_bridge.settings import Settings

__all__ = ["FolderRun", "check_formats", "keeps_records", "segment_folder"]


@dataclass(frozen=True)
class FolderRun:
    """What came of a run over a folder."""

    images: list[Done]
    """Images that are done, those that were done before (``skipped``) too."""
    failures: list[SamjError]
    """One for each image that failed; the message names it."""
    notes: list[str] = field(default_factory=list)
    """What was left out, in words."""
    summary: Path | None = None
    """The table of all objects."""


def segment_folder(
    images: str | Path | Iterable[str | Path],
    output: str | Path,
    prompts: Prompt | Iterable[Prompt] | Mapping[str, Sequence[Prompt]] | None = None,
    *,
    model: str = "starter",
    everything: bool | Mapping[str, Any] = False,
    formats: Sequence[str] = ("roi", "labels", "overlay"),
    labels: str | None = None,
    summary: str | Path | None = None,
    part: Part | None = None,
    wish: Wish | None = None,
    ranges: tuple[float, float] | None = None,
    wanted: Wanted | None = None,
    overwrite: bool = False,
    settings: Settings | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> FolderRun:
    """Segment all images of a folder into a folder of results; safe to repeat (docs/how-to/folders.md).

    Beside the results of each image, a record says of what they were made. Where the record still holds, the image
    is skipped; so a run that was stopped goes on when it is started again, and gives the same files.

    Parameters
    ----------
    images : path or iterable of path
        A folder, or folders and files.
    output : path
        Folder for the results; made if it is not there.
    prompts : Prompt, iterable of Prompt, or mapping
        For every image, or by file name.
    model : str
        Model id.
    everything : bool or mapping
        Find all objects instead of asking prompts; a mapping gives options of `Scene.everything`.
    formats : sequence of str
        Of ``roi``, ``labels``, ``overlay``, ``geojson``, ``coco``.
    labels : str, optional
        Name of labels of any size, as ``--labels`` has it.
    summary : path, optional
        Table of all objects, ``.csv`` or ``.parquet``.
    part : (int, int), optional
        Do the i-th of n parts only, counted from 1.
    wish : Wish, optional
        Which series, plane, channels and level of each image.
    ranges : (low, high), optional
        Display range of all images; by default each has its own.
    wanted : Wanted, optional
        How many regions per prompt, and what is kept of each.
    overwrite : bool
        Whether results may be replaced that are there and not this run's own.
    settings : Settings, optional
        Read from ``SAMJ_*`` variables by default.
    progress : callable
        Called with each image that is done, and how long the rest will take.
    cancel : CancelToken, optional
        Stops the run; what is done stays.

    Raises
    ------
    InputError
        An option can't be used, or both or neither of prompts and everything were given.
    SamjError
        There are no images, another run is writing there, no worker could be started; `Cancelled`.
    """
    named = [Path(images)] if isinstance(images, (str, Path)) else [Path(path) for path in images]
    by_name = {str(name): list(some) for name, some in prompts.items()} if isinstance(prompts, Mapping) else {}
    always = prompts_of(prompts) if prompts is not None and not isinstance(prompts, Mapping) else []
    if bool(everything) == bool(by_name or always):
        message = "Give either prompts or everything=True."
        raise PromptError(message, hint="everything=True finds objects without prompts.")
    _check_part(part)
    check_formats(formats)
    into = Path(output)
    table = None if summary is None else summary_path(Path(summary), part)
    if table is not None:
        check_summary(table, overwrite=overwrite)
    listing = list_images(named, part)
    make_output_folder(into)
    job = Job(
        into,
        tuple(formats),
        lambda name: [*by_name.get(name, ()), *always],
        model,
        wish or Wish(),
        ranges,
        wanted or Wanted(),
        ({} if everything is True else dict(everything)) if everything else None,
        overwrite,
        labels,
        rows=table is not None,
    )
    done, failures = run_images(
        job,
        listing.items,
        settings or Settings.from_environment(),
        keeps_records=True,
        part=part,
        progress=progress,
        cancel=cancel or CancelToken(),
    )
    return FolderRun(done, failures, listing.notes, None if table is None else write_summary(table, done))


def keeps_records(named: Sequence[Path], items: Sequence[Item], output: Path) -> bool:
    """Whether a run of the command line keeps records: over folders, with the results in a folder of their own.

    Results that lie among the images stay what they were, files that nothing else lies beside.
    """
    folders = any(is_folder(path) and not is_zarr(path) for path in named)
    return folders and output.resolve() not in {item.path.parent.resolve() for item in items}


def check_formats(formats: Sequence[str]) -> None:
    """Refuse names of formats that there are not.

    Raises
    ------
    PromptError
        One is unknown.
    """
    unknown = [name for name in formats if name not in EXPORTERS]
    if unknown:
        message = f"Unknown format {', '.join(unknown)}."
        raise PromptError(message, code="bad-format", hint=f"Formats: {', '.join(EXPORTERS)}.")


def _check_part(part: Part | None) -> None:
    if part is not None and not 1 <= part[0] <= part[1]:
        message = f"part is {part!r}; it is (i, n), the i-th of n, counted from 1."
        raise InputError(message, hint="For example part=(2, 8).")
