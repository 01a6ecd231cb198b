"""Prompts made from true objects, as a person would give them, by a rule that a seed makes repeatable.

A box is the tight box of the object. A click lands on a pixel drawn at random from those that lie at least half as
deep in the area as its deepest pixel, depth being the number of times that the area can be shrunk by a pixel. The
second click and those after it go to the largest part (4-connected) in which answer and truth differ: a positive
click where the object was missed, a negative one where too much was found. Where nothing differs, no click follows.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.components import keep_largest
from samj_bridge.geometry.region import Region
from samj_bridge.session import Prompt

__all__ = ["boxes", "clicks", "first_click", "further_click"]


def boxes(truth: Sequence[Region]) -> list[Prompt]:
    """Return a tight box around each object."""
    return [Prompt(box=region.bbox_xyxy) for region in truth]


def clicks(
    truth: Sequence[Region], image: str, seed: int, times: int, ask: Callable[[list[Prompt]], list[Region]]
) -> tuple[list[Region], int]:
    """Click up to so many times on each object; return the answers and the number of clicks.

    Parameters
    ----------
    truth : sequence of Region
        The objects.
    image : str
        Name of the image: another image has other clicks.
    seed : int
        Of the clicks.
    times : int
        Most clicks for an object.
    ask : callable
        Returns the answers to prompts, in order.
    """
    chances = [np.random.default_rng([seed, zlib.crc32(image.encode()), number]) for number in range(len(truth))]
    prompts = [Prompt(points=[first_click(region, chance)]) for region, chance in zip(truth, chances, strict=True)]
    answers = ask(list(prompts))
    count = len(prompts)
    going = list(range(len(truth)))
    for _ in range(1, times):
        further = {}
        for number in going:
            click = further_click(truth[number], answers[number], chances[number])
            if click is not None:
                further[number] = click
        going = list(further)
        for number, (point, positive) in further.items():
            before = prompts[number]
            points = [*before.points, point] if positive else before.points
            negative = before.negative if positive else [*before.negative, point]
            prompts[number] = Prompt(points=points, negative=negative)
        count += len(further)
        for number, region in zip(going, ask([prompts[number] for number in going]) if going else [], strict=True):
            answers[number] = region
    return answers, count


def first_click(region: Region, chance: np.random.Generator) -> tuple[int, int]:
    """Return where an object is clicked on."""
    mask, (x, y) = region.crop()
    at_x, at_y = _deep_pixel(mask, chance)
    return x + at_x, y + at_y


def further_click(
    truth: Region, answer: Region, chance: np.random.Generator
) -> tuple[tuple[int, int], bool] | None:
    """Return where an answer is corrected, and whether by a positive click; None: it is right."""
    edges = np.array([box for box in (truth.bbox_xyxy, answer.bbox_xyxy) if box != (0, 0, 0, 0)])
    x0, y0 = edges[:, :2].min(axis=0).tolist()
    x1, y1 = edges[:, 2:].max(axis=0).tolist()
    wanted, got = (region.within((x0, y0, x1, y1)) for region in (truth, answer))
    missed, too_much = keep_largest(wanted & ~got), keep_largest(got & ~wanted)
    if not missed.any() and not too_much.any():
        return None
    positive = int(missed.sum()) >= int(too_much.sum())
    x, y = _deep_pixel(missed if positive else too_much, chance)
    return (x0 + x, y0 + y), positive


def _deep_pixel(mask: NDArray[np.bool_], chance: np.random.Generator) -> tuple[int, int]:
    depth = np.zeros(mask.shape, np.int32)
    inner = np.pad(mask, 1)
    while inner.any():
        depth += inner[1:-1, 1:-1]
        shrunk = inner.copy()
        shrunk[1:-1, 1:-1] &= inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
        inner = shrunk
    places = np.argwhere(depth * 2 >= depth.max())
    y, x = places[chance.integers(len(places))].tolist()
    return x, y
