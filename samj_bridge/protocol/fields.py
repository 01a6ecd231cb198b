"""Reading the inputs of a request field by field: the right kind, or a failure that names the field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from samj_bridge.protocol.failures import FailureCode, OperationFailed

__all__ = [
    "box_edges",
    "choice",
    "flag",
    "is_finite_number",
    "number",
    "only",
    "optional_text",
    "outline",
    "pair_list",
    "refuse",
    "text",
    "whole_number",
]


def refuse(
    message: str, code: FailureCode = FailureCode.BAD_REQUEST, hint: str = "", **details: Any
) -> OperationFailed:
    """Return the failure to raise for a request that can't be used."""
    return OperationFailed(
        code, message, hint=hint or "See docs/reference/protocol.md for what the operation takes.", **details
    )


def only(inputs: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Refuse fields that `where` does not know: a misspelt option must not be silently without effect."""
    unknown = sorted(set(inputs) - set(names))
    if unknown:
        reason = f"{where} does not take {', '.join(map(repr, unknown))}; it takes {', '.join(sorted(names))}."
        raise refuse(reason)


def text(inputs: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there."""
    value = inputs.get(name)
    if not isinstance(value, str) or not value:
        reason = f"{name} is {value!r}, not a text."
        raise refuse(reason)
    return value


def optional_text(inputs: Mapping[str, Any], name: str, default: str) -> str:
    """Return a text, or the default where it is missing or null."""
    return default if inputs.get(name) is None else text(inputs, name)


def choice(inputs: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    """Return one of `known`; the first where the field is missing or null."""
    value = optional_text(inputs, name, known[0])
    if value not in known:
        reason = f"{name} is {value!r}, not one of {', '.join(known)}."
        raise refuse(reason)
    return value


def whole_number(inputs: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, both included."""
    value = inputs.get(name, default)
    if type(value) is not int or not low <= value <= high:
        reason = f"{name} is {value!r}, not a whole number from {low} to {high}."
        raise refuse(reason)
    return value


def number(inputs: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Return a finite number from `low` to `high`, both included; None where the field is missing or null."""
    value = inputs.get(name)
    if value is None:
        return None
    if not is_finite_number(value) or not low <= value <= high:
        reason = f"{name} is {value!r}, not a number from {low:g} to {high:g}."
        raise refuse(reason)
    return float(value)


def flag(inputs: Mapping[str, Any], name: str) -> bool:
    """Return a truth value; false where the field is missing."""
    value = inputs.get(name, False)
    if type(value) is not bool:
        reason = f"{name} is {value!r}, not true or false."
        raise refuse(reason)
    return value


def pair_list(value: Any, name: str, code: FailureCode) -> tuple[tuple[float, float], ...]:
    """Return a list of pairs of finite numbers."""
    if not isinstance(value, (list, tuple)):
        reason = f"{name} is {value!r:.100}, not a list of pairs of numbers."
        raise refuse(reason, code)
    pairs = []
    for item in value:
        if not isinstance(item, (list, tuple)) or len(item) != 2 or not all(map(is_finite_number, item)):
            reason = f"{name} holds {item!r:.100}, which is not a pair of finite numbers."
            raise refuse(reason, code)
        pairs.append((float(item[0]), float(item[1])))
    return tuple(pairs)


def box_edges(
    box: Any, name: str = "box", code: FailureCode = FailureCode.BAD_PROMPT
) -> tuple[float, float, float, float] | None:
    """Return the edges x0, y0, x1, y1 of a box that has an extent; None where there is none."""
    if box is None:
        return None
    if not (isinstance(box, (list, tuple)) and len(box) == 4 and all(map(is_finite_number, box))):
        reason = f"{name} is {box!r:.100}, not four finite numbers."
        raise refuse(reason, code)
    if not (box[0] < box[2] and box[1] < box[3]):
        hint = "Give x0, y0, x1, y1 with x0 < x1 and y0 < y1."
        reason = f"{name} {list(box)} is empty or has its corners swapped."
        raise refuse(reason, code, hint)
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def outline(mask: Any) -> tuple[tuple[int, ...], ...]:
    """Return the rings of a mask prompt."""
    rings = mask.get("rings") if isinstance(mask, Mapping) else None
    if not isinstance(rings, (list, tuple)) or not rings:
        raise refuse("mask is not an object with rings.", FailureCode.BAD_PROMPT)
    for ring in rings:
        whole = isinstance(ring, (list, tuple)) and all(type(value) is int for value in ring)
        if not whole or len(ring) < 6 or len(ring) % 2:
            hint = "A ring is x0, y0, x1, y1, ... on pixel corners, at least three of them."
            reason = f"mask holds the ring {ring!r:.100}."
            raise refuse(reason, FailureCode.BAD_PROMPT, hint)
    return tuple(tuple(ring) for ring in rings)


def is_finite_number(value: Any) -> bool:
    """Return whether the value is a JSON number other than NaN and the infinities."""
    return type(value) in (int, float) and math.isfinite(value)
