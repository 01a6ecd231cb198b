"""One image: opened, encoded, searched, its results written."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from samj_bridge.errors import PromptError
from samj_bridge.geometry.components import clean
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.trace import trace
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.segmenting.at_level import AtLevel
from samj_bridge.segmenting.input_image import InputImage, open_input
from samj_bridge.segmenting.job import Done, Job
from samj_bridge.segmenting.label_output import LabelOutput, label_output
from samj_bridge.segmenting.placing import place_of, placed, prompts_here
from samj_bridge.segmenting.rows import row_of
from samj_bridge.segmenting.save import needs_pixels, record_of, refuse_existing, result_files, save_regions
from samj_bridge.session import Prompt, Scene, Session, Wanted
from samj_bridge.session.places import Place

__all__ = ["segment_one"]

_READING = threading.Lock()
"""One file is opened at a time: readers silence warnings meanwhile, which holds for all threads."""


def segment_one(
    job: Job,
    session: Session,
    image: Path,
    stem: str,
    progress: Progress,
    cancel: CancelToken,
    *,
    folder: Path | None = None,
    overwrite: bool = False,
) -> Done:
    """Segment an image and write its results.

    Parameters
    ----------
    job : Job
        How.
    session : Session
        Of the job's model; other threads may be using it.
    image : Path
        The file.
    stem : str
        How its results are called.
    progress : callable
    cancel : CancelToken
    folder : Path, optional
        Where results are written, if not to the job's own folder. Labels in the image's own OME-Zarr go there
        all the same.
    overwrite : bool
        Whether results that are there are this job's own.

    Raises
    ------
    SamjError
        It can't be read, segmented or written.
    """
    prompts = _prompts_for(job, image)
    replaces = job.overwrite or overwrite
    files = result_files(folder or job.output, stem, job.formats)
    if not replaces:
        refuse_existing(files)
    with ExitStack() as opened:
        with _READING:
            taken = opened.enter_context(open_input(image, job.wish))
        place = place_of(taken.chosen)
        prompts, left_out = prompts_here(prompts, place)
        labels = None
        if job.labels is not None:
            labels = label_output(image, job.labels, taken.chosen, folder or job.output, stem, overwrite=replaces)
            labels.check()
        start = time.perf_counter()
        with session.encode(
            taken.image,
            ranges=job.ranges,
            channels=taken.chosen.channels,
            name=image.name,
            progress=progress,
            cancel=cancel,
        ) as scene:
            encoded = time.perf_counter()
            search = _Search(job, scene, taken, stem, prompts, place, progress, cancel)
            found, regions, saved = _collect(search, files, labels, progress, cancel)
            decoded = time.perf_counter()
        overview = taken.overview(found, progress, cancel) if needs_pixels(files) else None
        saved += save_regions(
            files,
            regions,
            shape=taken.at.full_hw,
            overview=overview,
            calibration=taken.calibration,
            image_name=image.name,
            progress=progress,
            cancel=cancel,
        )
        message = search.message
        if search.empty and not search.objects and taken.same_everywhere:
            message = "Nothing was found: the image is the same everywhere."
    return Done(
        image,
        search.objects,
        search.empty,
        1e3 * (encoded - start),
        1e3 * (decoded - encoded),
        saved,
        taken.words,
        taken.data,
        " ".join(filter(None, [left_out, message, overview.words if overview else ""])),
        search.rows if job.rows else None,
        stem,
    )


def _prompts_for(job: Job, image: Path) -> list[Prompt]:
    prompts = list(job.prompts(image.name))
    if not prompts and job.everything is None:
        message = f"The prompt file has no prompts for {image.name}."
        raise PromptError(message, hint="Add them under its file name.")
    return prompts


def _collect(
    search: _Search,
    files: Mapping[str, Path],
    labels: LabelOutput | None,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[list[Region], list[Region], list[Path]]:
    """Return what was found in the level's pixels and in full resolution, and the labels that were written."""
    if labels is None:
        pairs = list(search.found())
        return [low for low, _ in pairs], [full for _, full in pairs], []
    shape, scale = search.taken.at.full_hw, search.taken.calibration
    if not files:
        # Without other results an object is forgotten as soon as it is noted for the labels.
        return [], [], [labels.write((full for _, full in search.found()), shape, scale, progress, cancel)]
    pairs = list(search.found())
    regions = [full for _, full in pairs]
    return [low for low, _ in pairs], regions, [labels.write(regions, shape, scale, progress, cancel)]


@dataclass
class _Search:
    """What is found in one image."""

    job: Job
    scene: Scene
    taken: InputImage
    stem: str
    prompts: list[Prompt]
    place: Place
    progress: Progress
    cancel: CancelToken
    message: str = ""
    """What everything mode says of its search, at its end."""
    objects: int = 0
    empty: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def at(self) -> AtLevel:
        return self.taken.at

    def found(self) -> Iterator[tuple[Region, Region]]:
        """Yield each region in the level's pixels and in full resolution; it is forgotten here."""
        for number, region in enumerate(
            self._everything() if self.job.everything is not None else self._answers(), 1
        ):
            self.empty += region.is_empty
            self.objects += not region.is_empty
            (full,) = placed([self.at.region(region, self.prompts)], self.place)
            if self.job.rows and not region.is_empty:
                self.rows.append(row_of(number, full, region, self.taken.image))
            yield region, full

    def _everything(self) -> Iterator[Region]:
        wanted = self.at.wanted(self.job.wanted)
        objects = self.scene.stream_everything(
            min_area=wanted.min_area,
            record=record_of(self.job.output, self.stem),
            progress=self.progress,
            cancel=self.cancel,
            **self.at.everything(self.job.everything or {}),
        )
        for region in objects:
            yield _cleaned(region, wanted)
        steps = "1 step was" if objects.resumed == 1 else f"{objects.resumed} steps were"
        begun = f"{steps} done in an earlier run. " if objects.resumed else ""
        self.message = begun + objects.message

    def _answers(self) -> Iterator[Region]:
        asked: Sequence[Prompt] = [self.at.prompt(prompt, index) for index, prompt in enumerate(self.prompts)]
        for region in self.scene.segment(
            asked, self.at.wanted(self.job.wanted), progress=self.progress, cancel=self.cancel
        ):
            if self.job.wanted.candidates == 1:
                yield region
            else:
                # All of them are written: their names say which prompt they answer, and their rank.
                name = f"{region.name or region.prompt_index + 1}-{region.candidate + 1}"
                yield replace(region, name=name)


def _cleaned(region: Region, wanted: Wanted) -> Region:
    """Do to an object of everything mode what the worker does to answers; small ones it has dropped itself."""
    if not (wanted.fill_holes or wanted.largest_only):
        return region
    mask, (x, y) = region.crop()
    return replace(region, rings=trace(clean(mask, fill=wanted.fill_holes, largest=wanted.largest_only), (x, y)))
