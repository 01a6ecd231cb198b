"""What was found of objects in a stack: kept by object and plane, with what had been given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from samj_bridge.errors import PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.session.prompts import Prompt
from samj_bridge.session.stack.given import Given
from samj_bridge.session.stack.plan import Walk, walks_of
from samj_bridge.session.stack.step import Step

__all__ = ["Affected", "Propagation", "Tracks", "check_range"]


class Affected(NamedTuple):
    """What has to be done anew because of corrections."""

    given: list[Given]
    """The objects, with what is given there and around it."""
    walks: list[Walk]
    """Where they are followed anew."""
    new: frozenset[tuple[int, int]]
    """Object and plane of the corrections themselves."""
    span: frozenset[tuple[int, int]]
    """Object and plane of everything that depends on them."""


@dataclass
class Tracks:
    """Objects through the planes of a stack.

    Iterating gives every `Step`, by object and plane.
    """

    axis: str
    """``z`` or ``t``."""
    planes: int
    """How many planes the stack has."""
    shape: tuple[int, int]
    """(Y, X) of each."""
    start: int
    """First plane that objects are followed to."""
    stop: int
    """The last one."""
    given: dict[int, Given] = field(default_factory=dict)
    """What was given, by object."""
    steps: dict[tuple[int, int], Step] = field(default_factory=dict)
    """What was found, by object and plane."""

    def __iter__(self) -> Iterator[Step]:
        return (self.steps[key] for key in sorted(self.steps))

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def regions(self) -> list[Region]:
        """Every region that is not empty, by object and plane: for `write_rois`.

        They have their position in the stack, and the object's number as their group, up to 255, so that an object
        has one colour in ImageJ.
        """
        return [step.region for step in self if not step.region.is_empty]

    def of(self, number: int) -> list[Step]:
        """Return an object's steps by plane."""
        return [step for step in self if step.object == number]

    def next_doubtful(self, after: Step | None = None) -> Step | None:
        """Return the most doubtful step; after one, the next less doubtful one. None where nothing is doubtful."""
        ordered = sorted((step for step in self if step.doubt > 0), key=lambda step: (-step.doubt, step[:3:2]))
        if after is None:
            return ordered[0] if ordered else None
        places = [(step.object, step.plane) for step in ordered]
        here = (after.object, after.plane)
        index = places.index(here) + 1 if here in places else 0
        return ordered[index] if index < len(ordered) else None

    def put(self, step: Step) -> None:
        """Keep a step, in the place of an earlier one."""
        self.steps[step.object, step.plane] = step

    def affected(self, corrections: Sequence[Given]) -> Affected:
        """Return what corrections change: up to the next plane on each side where the object was given.

        Raises
        ------
        PromptError
            A correction is outside the range of planes.
        """
        found = Affected([], [], frozenset(), frozenset())
        for new in corrections:
            old = self.given.get(new.number)
            merged = new if old is None else _merged(old, new)
            places = sorted({*new.planes, *new.ends})
            check_range(places, self.start, self.stop)
            kept = [plane for plane in merged.planes if plane not in places]
            low = max((plane for plane in kept if plane < places[0]), default=self.start - 1)
            high = min((plane for plane in kept if plane > places[-1]), default=self.stop + 1)
            span = {plane for plane in range(low + 1, high) if plane not in kept}
            walks = [walk for walk in walks_of(merged, self.start, self.stop) if walk.planes[0] in span]
            needed = {walk.begin for walk in walks} | {walk.ahead for walk in walks} | set(new.planes)
            around = {plane: what for plane, what in merged.planes.items() if plane in needed}
            found.walks.extend(walks)
            if around:
                found.given.append(Given(new.number, merged.name, around, merged.ends))
            self.given[new.number] = merged
            found = found._replace(
                new=found.new | {(new.number, plane) for plane in new.planes},
                span=found.span | {(new.number, plane) for plane in span},
            )
        return found


class Propagation(Iterator[Step]):
    """Steps as they come; `tracks` has those that came so far."""

    def __init__(self, steps: Iterator[Step], tracks: Tracks, stale: frozenset[tuple[int, int]]) -> None:
        self.tracks = tracks
        """What was found so far."""
        self._steps, self._stale = steps, set(stale)

    def __next__(self) -> Step:
        try:
            step = next(self._steps)
        except StopIteration:
            # Only now: as long as it is not done, what was found before is better than nothing.
            for key in self._stale:
                self.tracks.steps.pop(key, None)
            raise
        self.tracks.put(step)
        self._stale.discard((step.object, step.plane))
        return step


def check_range(planes: Sequence[int], start: int, stop: int) -> None:
    """Refuse what was given on planes that are not in the range."""
    outside = [plane for plane in planes if not start <= plane <= stop]
    if outside:
        message = f"Something was given on plane {outside[0]}, and the planes {start} to {stop} are asked for."
        hint = "Choose a range that has it, or leave it out."
        raise PromptError(message, code="plane-outside-range", hint=hint, plane=outside[0])


def _merged(old: Given, new: Given) -> Given:
    planes: dict[int, Prompt | Region] = {
        plane: what for plane, what in old.planes.items() if plane not in new.ends
    }
    planes |= new.planes
    ends = (old.ends - set(new.planes)) | new.ends
    return Given(old.number, old.name, dict(sorted(planes.items())), ends)
