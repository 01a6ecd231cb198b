"""The methods that are compared: models with each kind of prompt, classical ones, and what others have made."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samj_bridge.compare import classical
from samj_bridge.compare.given import read_objects
from samj_bridge.compare.picture import Picture, file_for
from samj_bridge.compare.prompting import boxes, clicks
from samj_bridge.errors import Cancelled, InputError, SamjError
from samj_bridge.evaluate.objects import Objects, as_objects
from samj_bridge.geometry.region import Region
from samj_bridge.models import find_model, weights_file
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.session import Prompt, Scene, Session
from samj_bridge.settings import Settings

__all__ = ["CLASSICAL", "KINDS", "Answer", "Effort", "Method", "check_methods", "check_models", "methods_of"]

KINDS = ("box", "point", "clicks", "everything")
"""How a model is asked: a box each, a click each, up to three clicks each, or not at all."""
CLASSICAL = ("threshold", "watershed", "wand", "walker")
CLICKS = 3


@dataclass(frozen=True)
class Effort:
    """What a person's work is taken to be, where nobody has measured it."""

    click_s: float = 1.0
    """Seconds for a click."""
    box_s: float = 3.0
    """Seconds for a box."""
    seed: int = 0
    """Of where clicks land."""


@dataclass(frozen=True)
class Answer:
    """What a method found in an image."""

    objects: Objects
    machine_s: float
    """Seconds of the machine, opening the image included; reading its file not."""
    person_s: float | None
    """Seconds of a person; None: nobody said."""


@dataclass
class Method:
    """One way to find the objects of an image."""

    name: str
    """As it was asked for."""
    answer: Callable[[Picture], Answer]
    download_mb: float | None = None
    """Of its model; None: there is nothing to fetch, or it is not known."""
    peak_mb: float | None = None
    """Most memory that its worker had so far; None: it has none, or the system does not say."""


def methods_of(
    wanted: Sequence[str],
    found: dict[str, Path],
    person: dict[str, float],
    effort: Effort,
    images: int,
    settings: Settings,
    progress: Progress,
    cancel: CancelToken,
) -> Iterator[Method]:
    """Yield methods one by one; a model's worker is there until the next model's turn.

    Parameters
    ----------
    wanted : sequence of str
        ``MODEL:KIND``, one of `CLASSICAL`, or ``wand=TOLERANCE``.
    found : dict of str to Path
        What others have made, by name: a file, or a folder with one for each image.
    person : dict of str to float
        Seconds that a person took for all images, by name of the method.
    effort : Effort
        What work is taken to be otherwise.
    images : int
        How many there are.
    settings : Settings
    progress : callable
    cancel : CancelToken

    Raises
    ------
    Cancelled
        While a model was opened. One that can't be opened gives methods that fail.
    """
    models: dict[str, list[str]] = {}
    for name in wanted:
        model, _, kind = name.rpartition(":")
        if model:
            models.setdefault(model, []).append(kind)
    for model, kinds in models.items():
        try:
            opened = Session(model, settings=settings, progress=progress, cancel=cancel)
        except Cancelled:
            raise
        except SamjError as error:
            # The methods before it have their figures, and those after it can be run.
            for kind in kinds:
                yield Method(f"{model}:{kind}", _failing(error))
            continue
        with opened as session:
            entry = find_model(model, settings)
            size = entry.size if entry.size else (entry.file.stat().st_size if entry.file else None)
            for kind in kinds:
                yield _of_model(session, model, kind, effort, cancel, None if size is None else size / 1e6)
    for name in wanted:
        if ":" not in name:
            yield Method(name, _classical(name, effort))
    for name, path in found.items():
        seconds = person[name] / images if name in person else None
        yield Method(name, _given(path, images, seconds))


def check_methods(wanted: Sequence[str]) -> None:
    """Refuse what is no method.

    Raises
    ------
    InputError
        There is no such method, or what it needs is not installed.
    """
    for name in wanted:
        model, _, kind = name.rpartition(":")
        plain, _, tolerance = name.partition("=")
        right = kind in KINDS if model else plain in CLASSICAL
        if tolerance or name.endswith("="):
            right = plain == "wand" and tolerance.replace(".", "", 1).isdigit()
        if not right:
            message = f"There is no method {name!r}."
            hint = f"Methods: MODEL:KIND, KIND one of {', '.join(KINDS)}; {', '.join(CLASSICAL)}; wand=TOLERANCE."
            raise InputError(message, code="no-method", hint=hint)
        if plain in {"threshold", "watershed", "walker"}:
            classical.check_installed()


def check_models(wanted: Sequence[str], settings: Settings) -> None:
    """Refuse models that are not there before anything is run.

    Raises
    ------
    ModelError
        There is no such model, or it is not installed.
    """
    for model in dict.fromkeys(name.rpartition(":")[0] for name in wanted):
        if model:
            weights_file(find_model(model, settings), settings)


def _failing(error: SamjError) -> Callable[[Picture], Answer]:
    def answer(_: Picture) -> Answer:
        raise copy.copy(error)

    return answer


def _of_model(
    session: Session, model: str, kind: str, effort: Effort, cancel: CancelToken, size: float | None
) -> Method:
    def answer(picture: Picture) -> Answer:
        begun = time.perf_counter()
        with session.encode(picture.pixels, name=picture.name, cancel=cancel) as scene:
            regions, person_s = _asked(scene, picture, kind, effort, cancel)
        spent = time.perf_counter() - begun
        peak = session.stats().get("peak_bytes")
        method.peak_mb = peak / 1e6 if peak else None
        return Answer(as_objects(regions, picture.shape), spent, person_s)

    method = Method(f"{model}:{kind}", answer, size)
    return method


def _asked(
    scene: Scene, picture: Picture, kind: str, effort: Effort, cancel: CancelToken
) -> tuple[list[Region], float]:
    if kind == "everything":
        return list(scene.everything(cancel=cancel)), 0.0
    if not picture.regions:
        return [], 0.0
    if kind == "box":
        return scene.segment(boxes(picture.regions), cancel=cancel), effort.box_s * len(picture.regions)

    def ask(prompts: list[Prompt]) -> list[Region]:
        return scene.segment(prompts, cancel=cancel)

    times = CLICKS if kind == "clicks" else 1
    regions, count = clicks(picture.regions, picture.name, effort.seed, times, ask)
    return regions, effort.click_s * count


def _classical(name: str, effort: Effort) -> Callable[[Picture], Answer]:
    plain, _, tolerance = name.partition("=")

    def answer(picture: Picture) -> Answer:
        person_s = 0.0
        if plain == "wand":
            person_s = effort.click_s * len(picture.regions)
        elif plain == "walker":
            person_s = effort.box_s * len(picture.regions)
        # Not counted: who works with it has it running.
        _ready(plain)
        begun = time.perf_counter()
        objects: Any
        if plain == "threshold":
            objects = classical.threshold(picture)
        elif plain == "watershed":
            objects = classical.watershed(picture)
        elif plain == "walker":
            objects = [classical.walker(picture, region.bbox_xyxy) for region in picture.regions]
        else:
            objects = _wand(picture, effort, float(tolerance) if tolerance else None)
        return Answer(as_objects(objects, picture.shape), time.perf_counter() - begun, person_s)

    return answer


def _ready(plain: str) -> None:
    if plain == "wand":
        from samj_bridge.fiji import start_imagej

        start_imagej()
    else:
        classical.load()


def _wand(picture: Picture, effort: Effort, tolerance: float | None) -> list[Region]:
    from samj_bridge.compare.wand import wand

    # The same clicks as a model gets.
    points: list[tuple[int, int]] = []

    def ask(prompts: list[Prompt]) -> list[Region]:
        points.extend((int(prompt.points[0][0]), int(prompt.points[0][1])) for prompt in prompts)
        return list(picture.regions)

    clicks(picture.regions, picture.name, effort.seed, 1, ask)
    return wand(picture, points, tolerance)


def _given(path: Path, images: int, person_s: float | None) -> Callable[[Picture], Answer]:
    def answer(picture: Picture) -> Answer:
        return Answer(read_objects(file_for(picture.path, path, images), picture.shape), 0.0, person_s)

    return answer
