"""Which prompts belong to the plane that was read, and where in the stack its objects are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from samj_bridge.errors import PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.reading import Chosen
from samj_bridge.session import Prompt
from samj_bridge.session.places import Place

__all__ = ["place_of", "placed", "prompts_here"]


def place_of(taken: Chosen) -> Place:
    """Return where a plane is in its stack, as ImageJ counts: mere pages are slices."""
    series = taken.series
    z = t = 0
    slices = frames = 1
    for axis, count in zip(series.axes, series.counts, strict=True):
        at = taken.place[axis]
        if axis == "T":
            t, frames = t * count + at, frames * count
        else:
            z, slices = z * count + at, slices * count
    several = series.channels > 1 and len(taken.taken_channels) != 1
    channel = 0 if several else (taken.taken_channels[0] + 1 if taken.taken_channels and series.channels > 1 else 1)
    return Place((channel, z + 1, t + 1), (series.channels, slices, frames))


def prompts_here(prompts: Sequence[Prompt], place: Place) -> tuple[list[Prompt], str]:
    """Return the prompts that belong to a plane, and a sentence on those that don't.

    Raises
    ------
    PromptError
        None of them does.
    """
    here = [prompt for prompt in prompts if place.has(prompt)]
    others = [prompt for prompt in prompts if not place.has(prompt)]
    if not others:
        return here, ""
    where = ", ".join(dict.fromkeys(_words(prompt) for prompt in others[:50]))
    if not here:
        message = (
            f"None of the {len(prompts)} prompts belongs to {place.words()}; they are for {where}, counted from 1."
        )
        raise PromptError(message, hint="Choose their plane with --plane, --z or --t, which count from 0.")
    return here, f"{len(others)} of {len(prompts)} prompts belong to other planes ({where}) and were left out."


def placed(regions: Sequence[Region], place: Place) -> list[Region]:
    """Return regions with the position of the plane that they were found on."""
    return [replace(region, position=place.position) for region in regions]


def _words(prompt: Prompt) -> str:
    if prompt.stack_index:
        return f"plane {prompt.stack_index}"
    named = zip(("channel", "z", "t"), prompt.position, strict=True)
    return " ".join(f"{name} {at}" for name, at in named if at)
