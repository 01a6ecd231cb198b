"""Fields of requests, checked: what is missing or wrong is said by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from samj_bridge.errors import InputError, PromptError

__all__ = ["box_of", "flag", "listed", "number", "pairs", "text", "whole"]


def text(value: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a text; without a default it must be there.

    Raises
    ------
    InputError
        It is missing, or something else.
    """
    found = value.get(name)
    if found is None:
        if default is None:
            message = f"The field {name!r} is missing."
            raise InputError(message, code="missing-field", hint="It is a text.")
        return default
    if not isinstance(found, str):
        raise _wrong(name, found, "a text")
    return found


def number(value: Mapping[str, Any], name: str, default: float) -> float:
    """Return a finite number.

    Raises
    ------
    InputError
        It is something else.
    """
    found = value.get(name)
    if found is None:
        return default
    if not isinstance(found, int | float) or isinstance(found, bool) or not math.isfinite(found):
        raise _wrong(name, found, "a number")
    return float(found)


def whole(value: Mapping[str, Any], name: str, default: int) -> int:
    """Return a number without its fraction, as samapi takes it."""
    return int(number(value, name, default))


def flag(value: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return true or false.

    Raises
    ------
    InputError
        It is something else.
    """
    found = value.get(name)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise _wrong(name, found, "true or false")
    return found


def listed(value: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list; empty where there is none.

    Raises
    ------
    InputError
        It is something else.
    """
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _wrong(name, found, "a list")
    return found


def box_of(found: Any, name: str, shape: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Return a box x0, y0, x1, y1 with its corners in order; None: there is none. It is not cut to the image.

    Raises
    ------
    PromptError
        It is no box, or nothing of it is in the image.
    """
    if found is None:
        return None
    if not isinstance(found, list) or len(found) != 4 or not all(map(_is_number, found)):
        message = f"The field {name!r} is {found!r:.60}, which is no list of four numbers."
        raise PromptError(message, hint="Send [x0, y0, x1, y1].")
    x0, x1 = sorted((float(found[0]), float(found[2])))
    y0, y1 = sorted((float(found[1]), float(found[3])))
    height, width = shape
    if min(x1, width) <= max(x0, 0) or min(y1, height) <= max(y0, 0):
        message = f"The box {found} has nothing of the image in it, which is {width} x {height} pixels."
        raise PromptError(message, code="prompt-outside-image", hint="Draw it over the image.")
    return (x0, y0, x1, y1)


def pairs(found: Any, name: str) -> list[tuple[float, float]]:
    """Return a list of points (x, y); empty for null.

    Raises
    ------
    PromptError
        It is no such list.
    """
    if found is None:
        return []
    if isinstance(found, list) and all(
        isinstance(item, list) and len(item) == 2 and all(map(_is_number, item)) for item in found
    ):
        return [(float(x), float(y)) for x, y in found]
    message = f"The field {name!r} is {found!r:.60}, which is no list of points."
    raise PromptError(message, hint="Send [[x, y], ...].")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(name: str, found: Any, words: str) -> InputError:
    message = f"The field {name!r} is {found!r:.60}, which is not {words}."
    return InputError(message, code="bad-field", hint="Correct it.")
