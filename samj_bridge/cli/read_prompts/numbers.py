"""Numbers in text."""

from __future__ import annotations

import re

from samj_bridge.errors import PromptError

__all__ = ["number_of", "parse_numbers"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def number_of(text: str) -> float | None:
    """Return the number that a text is, or None; no more than digits, a point, a sign and an exponent."""
    return float(text) if _NUMBER.fullmatch(text) else None


def parse_numbers(text: str, names: str) -> tuple[float, ...]:
    """Parse ``12,34`` or ``10 20 30 40`` into as many numbers as `names` (``x,y``) has.

    Examples
    --------
    >>> parse_numbers("12, 34", "x,y")
    (12.0, 34.0)
    """
    numbers = [number_of(part) for part in text.replace(",", " ").split()]
    count = len(names.split(","))
    found = tuple(number for number in numbers if number is not None)
    if len(numbers) != count or len(found) != count:
        message = f"{text!r} is not {names}."
        raise PromptError(message, hint=f"Give {count} numbers in pixels, separated by commas.")
    return found
