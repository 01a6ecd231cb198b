"""``samj-bridge segment``: images and prompts in, ROIs, label images and overlays out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.cli.result import Line, Result, about, styled
from samj_bridge.cli.segmenting.at_level import AtLevel
from samj_bridge.cli.segmenting.input_image import open_input
from samj_bridge.cli.segmenting.label_output import label_output
from samj_bridge.cli.segmenting.own_files import without_own
from samj_bridge.cli.segmenting.placing import place_of, placed, prompts_here
from samj_bridge.cli.segmenting.save import (
    going_on_in,
    needs_pixels,
    record_of,
    refuse_existing,
    result_files,
    save_regions,
)
from samj_bridge.errors import Cancelled, FileError, PromptError, SamjError
from samj_bridge.export import EXPORTERS
from samj_bridge.geometry.components import clean
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.trace import trace
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.reading import Wish, find_images, once_per_image
from samj_bridge.session import Prompt, Scene, Session, Wanted
from samj_bridge.settings import Settings

__all__ = ["Request", "everything_options", "make_output_folder", "run"]


@dataclass(frozen=True)
class Request:
    """What to segment, how, and where results go."""

    images: Sequence[Path]
    """Files and folders."""
    prompts: FoundPrompts
    """Prompts by image name; None: for every image."""
    output: Path
    """Folder for the results."""
    formats: Sequence[str]
    """Names of exporters."""
    model: str = "starter"
    """Model id."""
    wish: Wish = field(default_factory=Wish)
    """Which series, plane, channels and level of each image."""
    ranges: tuple[float, float] | None = None
    """Display range; None: robust percentiles of each image."""
    wanted: Wanted = field(default_factory=Wanted)
    """Regions per prompt (more than one are all written, named by prompt and rank), and what is kept of each."""
    everything: Mapping[str, Any] | None = None
    """Options of `Scene.everything`, which takes the place of prompts; None: prompts."""
    overwrite: bool = False
    """Whether results that are there already may be replaced."""
    labels: str | None = None
    """Name of labels of any size, see `samj_bridge.cli.segmenting.label_output`; None: none."""


@dataclass
class _Done:
    """One finished image."""

    image: Path
    objects: int
    empty: int
    encode_ms: float
    prompts_ms: float
    files: list[Path]
    taken: str
    """What was read of the file, in one line."""
    taken_data: dict[str, Any]
    """The same as data."""
    message: str = ""
    """Which prompts were left out, and what everything mode says of its search."""


def run(request: Request, settings: Settings, *, progress: Progress, cancel: CancelToken) -> Result:
    """Segment every image; one that fails is reported, and the others are done all the same."""
    images, own = without_own(find_images(list(request.images)), request.images)
    images, parts = once_per_image(images)
    _check(request, images)
    stems = _stems(images)
    done: list[_Done] = []
    failures: list[SamjError] = []
    with Session(request.model, settings=settings, progress=progress, cancel=cancel) as session:
        for number, image in enumerate(images):
            cancel.check()
            notify(progress, ProgressEvent("segment", f"{image.name}", number, len(images), "images"))
            try:
                with going_on_in(record_of(request.output, stems[image])):
                    done.append(_segment_one(request, session, image, stems[image], progress, cancel))
            except Cancelled:
                raise
            except SamjError as error:
                failures.append(about(error, image.name))
    notes = list(request.prompts.notes)
    strangers = request.prompts.strangers(image.name for image in images)
    if strangers:
        notes.append(f"The prompt file also speaks of {', '.join(strangers)}: of none of the images.")
    if own:
        notes.append(f"Left out, because samj-bridge wrote them: {', '.join(path.name for path in own)}.")
    notes += [f"{path.name} is a part of the same image as {whole.name}." for path, whole in parts.items()]
    return _result(done, failures, notes)


def _segment_one(
    request: Request, session: Session, image: Path, stem: str, progress: Progress, cancel: CancelToken
) -> _Done:
    prompts = _prompts_for(request, image)
    files = result_files(request.output, stem, request.formats)
    if not request.overwrite:
        refuse_existing(files)
    with open_input(image, request.wish) as taken:
        place = place_of(taken.chosen)
        prompts, left_out = prompts_here(prompts, place)
        at = taken.at
        labels = None
        if request.labels is not None:
            labels = label_output(
                image, request.labels, taken.chosen, request.output, stem, overwrite=request.overwrite
            )
            labels.check()
        start = time.perf_counter()
        with session.encode(
            taken.image, ranges=request.ranges, channels=taken.chosen.channels, name=image.name, cancel=cancel
        ) as scene:
            encoded = time.perf_counter()
            search = _Search(request, scene, at, stem, prompts, progress, cancel)
            # Without other results an object is forgotten as soon as it is noted for the labels.
            found = [] if labels and not files else list(search.found())
            regions = placed([at.region(region, prompts) for region in found], place)
            saved = []
            if labels:
                coming = regions if files else (at.region(region, prompts) for region in search.found())
                saved.append(labels.write(coming, at.full_hw, taken.calibration, progress, cancel))
            decoded = time.perf_counter()
        overview = taken.overview(found) if needs_pixels(files) else None
        saved += save_regions(files, regions, shape=at.full_hw, overview=overview, calibration=taken.calibration)
        message = search.message
        if search.empty and not search.objects and taken.same_everywhere:
            message = "Nothing was found: the image is the same everywhere."
    return _Done(
        image,
        search.objects,
        search.empty,
        1e3 * (encoded - start),
        1e3 * (decoded - encoded),
        saved,
        taken.words,
        taken.data,
        " ".join(filter(None, [left_out, message, overview.words if overview else ""])),
    )


def _prompts_for(request: Request, image: Path) -> list[Prompt]:
    prompts = request.prompts.of(image.name)
    if not prompts and request.everything is None:
        message = f"The prompt file has no prompts for {image.name}."
        raise PromptError(message, hint="Add them under its file name.")
    return prompts


@dataclass
class _Search:
    """What is found in one image, in the level's pixels."""

    request: Request
    scene: Scene
    at: AtLevel
    stem: str
    prompts: list[Prompt]
    progress: Progress
    cancel: CancelToken
    message: str = ""
    """What everything mode says of its search, at its end."""
    objects: int = 0
    empty: int = 0

    def found(self) -> Iterator[Region]:
        """Yield the regions; each is forgotten here."""
        for region in self._everything() if self.request.everything is not None else self._answers():
            self.empty += region.is_empty
            self.objects += not region.is_empty
            yield region

    def _everything(self) -> Iterator[Region]:
        wanted = self.at.wanted(self.request.wanted)
        objects = self.scene.stream_everything(
            min_area=wanted.min_area,
            record=record_of(self.request.output, self.stem),
            progress=self.progress,
            cancel=self.cancel,
            **self.at.everything(self.request.everything or {}),
        )
        for region in objects:
            yield _cleaned(region, wanted)
        steps = "1 step was" if objects.resumed == 1 else f"{objects.resumed} steps were"
        begun = f"{steps} done in an earlier run. " if objects.resumed else ""
        self.message = begun + objects.message

    def _answers(self) -> Iterator[Region]:
        asked = [self.at.prompt(prompt, index) for index, prompt in enumerate(self.prompts)]
        for region in self.scene.segment(asked, self.at.wanted(self.request.wanted), cancel=self.cancel):
            if self.request.wanted.candidates == 1:
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


def _check(request: Request, images: Sequence[Path]) -> None:
    if request.everything is not None and any(request.prompts.values()):
        message = "Both --everything and prompts were given."
        raise PromptError(message, hint="Use one of them: --everything finds objects without prompts.")
    if request.everything is None and not any(request.prompts.values()):
        message = " ".join(["No prompt was given.", *request.prompts.notes])
        raise PromptError(message, hint="Use --box x0,y0,x1,y1, --point x,y, --prompts FILE, or --everything.")
    unknown = [name for name in request.formats if name not in EXPORTERS]
    if unknown:
        message = f"Unknown format {', '.join(unknown)}."
        raise PromptError(message, code="bad-format", hint=f"Formats: {', '.join(EXPORTERS)}.")
    strangers = request.prompts.strangers(image.name for image in images)
    if strangers and len(strangers) == len(request.prompts):
        message = f"The prompt file speaks of {', '.join(strangers)}, but of none of the images."
        raise PromptError(message, hint="Its keys are file names without folders.")
    make_output_folder(request.output)


def everything_options(*, wanted: bool, exact: bool, **options: Any) -> dict[str, Any] | None:
    """Return what ``Scene.everything`` is given; None where it is not wanted.

    Raises
    ------
    PromptError
        One of its options was given without it.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not wanted and (exact or given):
        message = "An option of --everything was given without it."
        raise PromptError(
            message, hint="Add --everything, or leave out --exact, --points-per-side, --within, --min-score, ..."
        )
    return {"mode": "exact" if exact else "fast", **given} if wanted else None


def make_output_folder(folder: Path) -> None:
    """Make the folder for results, or say why it can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"Can't make the folder {str(folder)!r}: {error.strerror or error}."
        raise FileError(message, hint="Choose another one with --output.", path=str(folder)) from error


def _stems(images: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each image's results: its own, or with its ending or number where two would clash."""
    taken: set[str] = set()
    stems: dict[Path, str] = {}
    for image in images:
        choices = [
            image.stem,
            image.name.replace(".", "_"),
            *(f"{image.stem}_{n}" for n in range(2, len(images) + 2)),
        ]
        stems[image] = next(name for name in choices if name.lower() not in taken)
        taken.add(stems[image].lower())
    return stems


def _result(done: Sequence[_Done], failures: list[SamjError], notes: Sequence[str]) -> Result:
    table = Table(box=None, header_style="bold")
    for heading in ("image", "objects", "encode ms", "prompts ms"):
        table.add_column(heading, justify="left" if heading == "image" else "right")
    data: list[dict[str, Any]] = []
    for item in done:
        objects = f"{item.objects}" + (f" ({item.empty} empty)" if item.empty else "")
        table.add_row(item.image.name, objects, f"{item.encode_ms:.0f}", f"{item.prompts_ms:.0f}")
        data.append(
            {
                "image": str(item.image),
                "objects": item.objects,
                "empty": item.empty,
                "encode_ms": round(item.encode_ms, 1),
                "prompts_ms": round(item.prompts_ms, 1),
                "files": [str(path) for path in item.files],
                "taken": item.taken_data,
                **({"message": item.message} if item.message else {}),
            }
        )
    lines: list[Line] = [*notes, *(f"{item.image.name}: {item.taken}" for item in done)]
    lines += [f"{item.image.name}: {item.message}" for item in done if item.message]
    lines += [f"{path}" for item in done for path in item.files]
    if failures:
        lines.append(styled((f"{len(done)} of {len(done) + len(failures)} images done.", "bold")))
    told = {"images": data, "notes": list(notes)}
    return Result("segment", data=told, lines=lines, tables=[table] if done else [], failures=failures)
