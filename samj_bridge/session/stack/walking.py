"""Goes through the planes of a stack: what was given first, then every plane once in each direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.session.prompts import Prompt
from samj_bridge.session.stack.given import Given
from samj_bridge.session.stack.plan import Walk, sweeps
from samj_bridge.session.stack.rules import StopRules, overlap
from samj_bridge.session.stack.step import CORRECTED, LOST, PROMPTED, Step
from samj_bridge.session.stack.track import Track

__all__ = ["Engine", "Walking"]

_MERGED = 0.5
"""Two objects that share more than this part of the smaller one are told to be doubtful."""


class Engine(Protocol):
    """What finds objects on planes."""

    together: int
    """Most objects that are followed at once; for more, planes are encoded again."""
    stops: bool
    """Whether what the rules call lost is lost; else the engine says itself where an object is not."""

    def answer(self, plane: int, prompts: Sequence[Prompt]) -> list[Region]:
        """Answer what the user drew on a plane."""

    def given(self, plane: int, walks: Sequence[tuple[Walk, Prompt | Region]]) -> None:
        """Take note of what was given on a plane, for the walks that begin there or come to it."""

    def follow(self, plane: int, tracks: Sequence[Track]) -> list[Region]:
        """Find objects on a plane."""

    def finish(self, walks: Sequence[Walk]) -> None:
        """Forget what was noted for walks that are over."""

    def close(self) -> None:
        """Forget everything."""


@dataclass(frozen=True)
class Walking:
    """A propagation: what was given and how it is followed."""

    engine: Engine
    given: Sequence[Given]
    walks: Sequence[Walk]
    shape: tuple[int, int]
    """(Y, X) of the planes."""
    rules: StopRules
    moves: bool
    """Whether objects are expected to go on moving as they did."""
    axis: str
    """``z`` or ``t``."""
    corrected: frozenset[tuple[int, int]] = frozenset()
    """Object and plane of what was given where it had been followed."""
    only: frozenset[tuple[int, int]] | None = None
    """Object and plane of what was given and is told; None: all of it."""

    def steps(self, progress: Progress, cancel: CancelToken | None) -> Iterator[Step]:
        """Yield each object on each plane as soon as it is known."""
        size = self.engine.together
        parts = [self._part(self.given[start : start + size]) for start in range(0, len(self.given), size)]
        counts = [part.planes for part in parts]
        try:
            for index, part in enumerate(parts):
                yield from part.some_steps(progress, cancel, sum(counts[:index]), sum(counts))
        finally:
            self.engine.close()

    @property
    def planes(self) -> int:
        """How often a plane is looked at."""
        return len({plane for given in self.given for plane in given.planes}) + len(list(sweeps(self.walks)))

    def _part(self, given: Sequence[Given]) -> Walking:
        numbers = {item.number for item in given}
        return replace(self, given=given, walks=[walk for walk in self.walks if walk.number in numbers])

    def some_steps(self, progress: Progress, cancel: CancelToken | None, done: int, total: int) -> Iterator[Step]:
        """Yield the steps of all objects together; `done` of `total` planes were done before."""
        known: dict[tuple[int, int], Region] = {}
        done += len({plane for given in self.given for plane in given.planes})
        yield from self._beginning(known, cancel)
        tracks = {walk: self._track(walk, known[walk.number, walk.begin]) for walk in self.walks}
        for plane, walks in sweeps(self.walks):
            _check(cancel)
            here = [tracks[walk] for walk in walks if not tracks[walk].given_up]
            if here:
                found = self.engine.follow(plane, here)
                told = [
                    track.step(plane, region, self.rules, stops=self.engine.stops)
                    for track, region in zip(here, found, strict=True)
                ]
                yield from (self._named(step) for step in _doubtful(told))
            over = [walk for walk in walks if walk.last == plane or tracks[walk].given_up]
            self.engine.finish(over)
            for walk in over:
                tracks[walk].given_up = True
            done += 1
            words = f"plane {plane}: {len(here)} object{'s' if len(here) != 1 else ''}"
            notify(progress, ProgressEvent("segment", words, done, total, "planes"))

    def _beginning(self, known: dict[tuple[int, int], Region], cancel: CancelToken | None) -> Iterator[Step]:
        """Yield what was given, plane by plane; prompts are answered."""
        planes: dict[int, list[tuple[Given, Prompt | Region]]] = {}
        for given in self.given:
            for plane, what in given.planes.items():
                planes.setdefault(plane, []).append((given, what))
        touched: dict[tuple[int, int], list[Walk]] = {}
        for walk in self.walks:
            touched.setdefault((walk.number, walk.begin), []).append(walk)
            if walk.ahead is not None:
                touched.setdefault((walk.number, walk.ahead), []).append(walk)
        for plane in sorted(planes):
            _check(cancel)
            here = planes[plane]
            asked = [what for _, what in here if isinstance(what, Prompt)]
            answers = iter(self.engine.answer(plane, asked) if asked else ())
            noted: list[tuple[Walk, Prompt | Region]] = []
            for given, what in here:
                region = next(answers) if isinstance(what, Prompt) else what
                key = given.number, plane
                known[key] = region
                noted += [(walk, what) for walk in touched.get(key, ())]
                if self.only is None or key in self.only:
                    state = CORRECTED if key in self.corrected else PROMPTED
                    note = "the prompt found nothing" if region.is_empty else ""
                    yield self._named(Step(plane, region, given.number, LOST if note else state, None, note))
            if noted:
                self.engine.given(plane, noted)

    def _track(self, walk: Walk, region: Region) -> Track:
        track = Track(walk, self.shape, region, self.moves)
        # From nothing there is nothing to follow.
        track.given_up = region.is_empty
        return track

    def _named(self, step: Step) -> Step:
        name = next(given.name for given in self.given if given.number == step.object)
        at = step.plane + 1
        position = (0, at, 0) if self.axis == "z" else (0, 0, at)
        # ImageJ has 255 groups, each with a colour.
        group = (step.object - 1) % 255 + 1
        region = replace(step.region, name=name, position=position, shape=self.shape, group=group)
        return step._replace(region=region)


def _doubtful(steps: Sequence[Step]) -> list[Step]:
    """Note where two objects have become one."""
    notes: dict[int, str] = {}
    boxes = [step.region.bbox_xyxy for step in steps]
    for i, one in enumerate(steps):
        for j in range(i + 1, len(steps)):
            a, b, other = boxes[i], boxes[j], steps[j]
            if a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3] or one.object == other.object:
                continue
            smaller = min(one.region.area, other.region.area)
            shared, _ = overlap(one.region, other.region)
            if smaller and shared > _MERGED * smaller:
                notes[i] = f"shares {shared} of its {one.region.area} pixels with object {other.object}"
                notes[j] = f"shares {shared} of its {other.region.area} pixels with object {one.object}"
    return [
        step._replace(note="; ".join(filter(None, [step.note, notes.get(index, "")])))
        for index, step in enumerate(steps)
    ]


def _check(cancel: CancelToken | None) -> None:
    if cancel is not None:
        cancel.check()
