"""``samj-bridge propagate``: a stack and objects on some of its planes in, the objects on all planes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samj_bridge.cli.result import Result
from samj_bridge.errors import Cancelled, FileError, InputError, PromptError, SamjError
from samj_bridge.export import read_rois, write_rois
from samj_bridge.export.calibration import Calibration, read_calibration
from samj_bridge.export.label_stack import write_label_stack
from samj_bridge.export.tracks import write_tracks
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.reading import Wish
from samj_bridge.reading.image import open_stack
from samj_bridge.reading.stack import OpenedStack
from samj_bridge.segmenting.save import make_output_folder, refuse_existing
from samj_bridge.session import Prompt, Session
from samj_bridge.session.stack.rules import StopRules
from samj_bridge.session.stack.tracks import Tracks
from samj_bridge.settings import Settings

__all__ = ["FORMATS", "Request", "run"]

FORMATS = {"roi": "_tracks.zip", "labels": "_tracks_labels.tif", "table": "_tracks.csv"}
"""What a result's file name has after the image's name."""


@dataclass(frozen=True)
class Request:
    """What to follow through which stack, how, and where results go."""

    stack: Path
    """The file."""
    boxes: Sequence[Sequence[float]]
    """Each an object, on `plane`."""
    points: Sequence[Sequence[float]]
    """Each an object, on `plane`."""
    rois: Path | None
    """ROI file."""
    plane: int | None
    """From 0."""
    output: Path
    """Folder for the results."""
    formats: Sequence[str]
    """Of `FORMATS`."""
    start: int | None = None
    """First plane."""
    stop: int | None = None
    """Last plane."""
    axis: str = ""
    """``z``, ``t``, or empty for the only one."""
    model: str = "starter"
    """Model id."""
    engine: str = "auto"
    """See `Stack.propagate`."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `StopRules` that differ."""
    wish: Wish = field(default_factory=Wish)
    """Which series, place and channels."""
    ranges: Sequence[float] | None = None
    """Display range."""
    overwrite: bool = False
    """Whether results that are there already may be replaced."""


def run(request: Request, settings: Settings, *, progress: Progress, cancel: CancelToken) -> Result:
    """Follow the objects; what was found before a cancel or a plane that can't be read is written all the same."""
    _check(request)
    files = {name: request.output / f"{request.stack.stem}{FORMATS[name]}" for name in request.formats}
    make_output_folder(request.output)
    if not request.overwrite:
        refuse_existing(files)
    with open_stack(request.stack, request.wish, request.axis) as opened:
        prompts = _prompts(request, opened)
        with (
            Session(request.model, settings=settings, progress=progress, cancel=cancel) as session,
            session.encode_stack(opened, opened.axis, ranges=request.ranges, channels=opened.channels) as stack,
        ):
            steps = stack.propagate(
                prompts,
                request.start,
                request.stop,
                engine=request.engine,
                rules=StopRules(**request.rules),
                progress=progress,
                cancel=cancel,
            )
            ended: SamjError | None = None
            try:
                for _ in steps:
                    pass
            except SamjError as error:
                if not steps.tracks.steps:
                    raise
                ended = error
        scale = _calibration(request.stack, opened)
        written, failures = _write(files, steps.tracks, scale)
    if isinstance(ended, Cancelled) and not failures:
        message = f"{ended.message} The {len(steps.tracks)} outlines found so far are written."
        raise Cancelled(message, code=ended.code, hint=ended.hint) from ended
    return _result(request, steps.tracks, written, [*([] if ended is None else [ended]), *failures])


def _check(request: Request) -> None:
    unknown = [name for name in request.formats if name not in FORMATS]
    if unknown or not request.formats:
        message = f"Unknown format {', '.join(unknown)}." if unknown else "No format was given."
        raise InputError(message, code="bad-format", hint=f"Formats: {', '.join(FORMATS)}.")
    if request.axis not in ("", "z", "t"):
        message = f"--axis is {request.axis!r:.40}."
        raise InputError(message, hint="Say --axis z or --axis t.")
    if not request.boxes and not request.points and request.rois is None:
        raise PromptError(
            "No object was given.", hint="Use --box x0,y0,x1,y1 or --point x,y with --plane N, or --rois FILE."
        )
    if (request.boxes or request.points) and request.plane is None:
        raise PromptError("--box and --point say nothing of the plane.", hint="Add --plane N, counted from 0.")


def _prompts(request: Request, opened: OpenedStack) -> list[tuple[int, Prompt | Region]]:
    found: list[tuple[int, Prompt | Region]] = []
    if request.plane is not None:
        found += [(request.plane, Prompt(box=box)) for box in request.boxes]
        found += [(request.plane, Prompt(points=[point])) for point in request.points]
    for region in read_rois(request.rois) if request.rois is not None else ():
        at = region.position[1 if opened.axis == "z" else 2]
        if not at and request.plane is None:
            message = f"The ROI {region.name!r} has no position in the stack."
            raise PromptError(message, hint="Say which plane it is on with --plane N, counted from 0.")
        found.append((at - 1 if at else int(request.plane or 0), region))
    if not found:
        message = f"{request.rois} has no ROI with an area."
        raise PromptError(message, hint="Draw the object's outline on one plane, and save it from the ROI Manager.")
    return found


def _calibration(path: Path, opened: OpenedStack) -> Calibration | None:
    told = read_calibration(path) if path.is_file() and opened.series.index == 0 else None
    size = opened.series.pixel_size
    return told or (Calibration(size.x, size.y, size.unit) if size is not None else None)


def _write(
    files: Mapping[str, Path], tracks: Tracks, scale: Calibration | None
) -> tuple[list[Path], list[SamjError]]:
    """Write every format; where one can't be, for example on a full disk, the others are written all the same."""
    numbered = [(step.plane, step.object, step.region) for step in tracks]
    writers: dict[str, Callable[[Path], Path]] = {
        "roi": lambda path: write_rois(path, tracks.regions),
        "labels": lambda path: write_label_stack(
            path, numbered, (tracks.planes, *tracks.shape), tracks.axis, scale
        ),
        "table": lambda path: write_tracks(path, tracks, scale),
    }
    written: list[Path] = []
    failures: list[SamjError] = []
    for name, path in files.items():
        try:
            written.append(writers[name](path))
        except FileError as error:
            failures.append(error)
    return written, failures


def _result(request: Request, tracks: Tracks, written: Sequence[Path], failures: list[SamjError]) -> Result:
    states = Counter(step.state for step in tracks)
    objects = sorted({step.object for step in tracks})
    doubtful = tracks.next_doubtful()
    lines = [
        f"{request.stack.name}: {len(objects)} object{'s' if len(objects) != 1 else ''} along {tracks.axis}: "
        + ", ".join(f"{count} {state}" for state, count in states.items())
        + "."
    ]
    if doubtful is not None:
        why = f" ({doubtful.note})" if doubtful.note else ""
        lines.append(f"Most doubtful: object {doubtful.object} on plane {doubtful.plane}, {doubtful.state}{why}.")
    lines += [str(path) for path in written]
    data = {
        "stack": str(request.stack),
        "axis": tracks.axis,
        "planes": tracks.planes,
        "objects": len(objects),
        "states": dict(states),
        "files": [str(path) for path in written],
    }
    return Result("propagate", data=data, lines=lines, failures=failures)
