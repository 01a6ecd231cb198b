"""What the user says of objects in a stack: where they are on some planes, and where they begin or end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from samj_bridge.errors import PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.session.prompts import Prompt, message_of

__all__ = ["Given", "StackPrompt", "given_of"]

StackPrompt = Sequence[Any]
"""``(plane, what)`` or ``(plane, what, number)``: a `Prompt`, a `Region` (or a mask) that is taken as it is, or
None where the object is not there; and which object it is, from 1."""

_HINT = (
    "Give (plane, what) or (plane, what, number of the object) for each: what is a Prompt, a Region, or None where "
    "the object is not there."
)


@dataclass(frozen=True)
class Given:
    """An object, and what is known of it."""

    number: int
    """Its identity, from 1."""
    name: str
    """Name of its regions."""
    planes: Mapping[int, Prompt | Region]
    """What was given, by plane."""
    ends: frozenset[int] = frozenset()
    """Planes that it is not on: following stops before them."""


def given_of(
    prompts: StackPrompt | Iterable[StackPrompt],
    planes: int,
    shape: tuple[int, int],
    known: Mapping[int, str] | None = None,
) -> list[Given]:
    """Sort what was given by object, and check it.

    Parameters
    ----------
    prompts : sequence
        One `StackPrompt`, or any number of them. Without a number, what has the same name is one object, and what
        has no name is an object of its own.
    planes : int
        How many planes the stack has.
    shape : (int, int)
        (Y, X) of each.
    known : mapping, optional
        Names of objects that were given before, by number: of them it may be said that they are not there alone.

    Raises
    ------
    PromptError
        One can't be used; nothing was done. ``plane-outside-stack``: its plane does not exist.
    """
    items = [_item(index, item, planes, shape) for index, item in enumerate(_listed(prompts))]
    known = known or {}
    if not known and not any(what is not None for _, what, _ in items):
        raise PromptError("Nothing says where an object is.", hint=_HINT)
    found: dict[int, dict[int, Prompt | Region | None]] = {}
    called: dict[int, str] = {}
    for (plane, what, _), number in zip(items, _numbers(items, known), strict=True):
        if plane in found.setdefault(number, {}):
            message = f"Object {number} was given twice on plane {plane}."
            hint = "Give one prompt with all its points, or a number to each object: (plane, what, number)."
            raise PromptError(message, hint=hint)
        found[number][plane] = what
        if what is not None and what.name:
            called.setdefault(number, what.name)
    return [_given(number, found[number], called.get(number, ""), known) for number in sorted(found)]


def _numbers(
    items: Sequence[tuple[int, Prompt | Region | None, int | None]], known: Mapping[int, str]
) -> list[int]:
    """Return which object each item is of."""
    taken = {*known, *(number for *_, number in items if number is not None)}
    names = {name: number for number, name in known.items()}
    names |= {what.name: number for _, what, number in items if what is not None and what.name and number}
    found = []
    for index, (plane, what, given) in enumerate(items):
        number = given
        if number is None and what is None:
            message = f"Item {index} says that an object is not on plane {plane}, but not which object."
            raise PromptError(message, hint=_HINT)
        if number is None and what is not None and what.name:
            number = names.get(what.name)
        if number is None:
            number = next(free for free in range(1, len(items) + len(taken) + 2) if free not in taken)
            taken.add(number)
        if what is not None and what.name:
            names.setdefault(what.name, number)
        found.append(number)
    return found


def _given(number: int, planes: Mapping[int, Prompt | Region | None], name: str, known: Mapping[int, str]) -> Given:
    there = {plane: what for plane, what in sorted(planes.items()) if what is not None}
    if not there and number not in known:
        message = f"Of object {number} it is only said where it is not."
        raise PromptError(message, hint="Give a prompt or a region on a plane where it is.")
    ends = frozenset(plane for plane, what in planes.items() if what is None)
    return Given(number, name or known.get(number) or f"object-{number:04d}", there, ends)


def _listed(prompts: Any) -> list[Any]:
    if isinstance(prompts, (tuple, list)) and len(prompts) in (2, 3) and isinstance(prompts[0], (int, np.integer)):
        return [prompts]
    try:
        found = list(prompts)
    except TypeError as error:
        message = f"A {type(prompts).__name__} says of no plane where an object is."
        raise PromptError(message, hint=_HINT) from error
    if not found:
        raise PromptError("The list of prompts is empty.", hint=_HINT)
    return found


def _item(
    index: int, item: Any, planes: int, shape: tuple[int, int]
) -> tuple[int, Prompt | Region | None, int | None]:
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        message = f"Item {index} is a {type(item).__name__}: {item!r:.60}."
        raise PromptError(message, hint=_HINT)
    plane, what, number = (*item, None)[:3]
    if not _is_whole(plane) or not 0 <= plane < planes:
        message = f"Item {index} is on plane {plane!r:.20}, and the stack has the planes 0 to {planes - 1}."
        raise PromptError(message, code="plane-outside-stack", hint="Count planes from 0.", prompt=index)
    if number is not None and (not _is_whole(number) or number < 1):
        message = f"Item {index} is of object {number!r:.20}."
        raise PromptError(message, hint="Number objects from 1.", prompt=index)
    return int(plane), _what(index, what, shape), None if number is None else int(number)


def _what(index: int, what: Any, shape: tuple[int, int]) -> Prompt | Region | None:
    if what is None:
        return None
    if isinstance(what, Prompt):
        message_of(what, shape, index)
        return what
    # A region is taken as it is; whatever else says the same is one.
    try:
        region = what if isinstance(what, Region) else Region.from_mask(what)
        message_of(Prompt(mask=region), shape, index)
    except (TypeError, ValueError) as error:
        message = f"Item {index} can't be used: {error}"
        raise PromptError(message, hint=_HINT, prompt=index) from error
    return replace(region, shape=shape)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
