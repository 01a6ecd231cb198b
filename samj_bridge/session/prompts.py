"""What the user points at: checked when it is made, checked against the image when it is used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samj_bridge.errors import PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.protocol.segment import PromptMessage

__all__ = ["Prompt", "check_taken", "continuous_point", "message_of", "prompts_of"]

Pair = tuple[float, float]


@dataclass(frozen=True)
class Prompt:
    """A box, points or an earlier region, in pixel coordinates: at least a box, a positive point or a mask.

    Raises
    ------
    PromptError
        Nothing to go by, a number that is not finite, a box without extent or with its corners swapped,
        an empty mask.

    Examples
    --------
    >>> Prompt(box=(40, 30, 92, 85)).box
    (40.0, 30.0, 92.0, 85.0)
    >>> Prompt(points=[(12, 7)], negative=[(30, 7)]).points
    ((12.0, 7.0),)
    """

    box: Sequence[float] | None = None
    """Edges (x0, y0, x1, y1), half open: an ImageJ rectangle is (x, y, x + width, y + height)."""
    points: Sequence[Sequence[float]] = ()
    """(x, y) inside the object. Whole numbers mean the pixel of that index, others a place in continuous
    coordinates, where pixel (x, y) covers [x, x+1) x [y, y+1)."""
    negative: Sequence[Sequence[float]] = ()
    """(x, y) outside the object."""
    mask: Region | NDArray[np.bool_] | None = None
    """An earlier region to refine, or a (Y, X) bool array of the image's size; kept as a region."""
    name: str = ""
    """Name for the region that answers it."""
    position: tuple[int, int, int] = (0, 0, 0)
    """(c, z, t) of the plane that it belongs to, from 1; 0: every one. The region that answers it has it too."""
    stack_index: int = 0
    """Number of the plane in the stack, from 1, where no more than that is known; 0: not set."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", None if self.box is None else _edges(self.box))
        object.__setattr__(self, "points", _pairs(self.points, "points"))
        object.__setattr__(self, "negative", _pairs(self.negative, "negative"))
        object.__setattr__(self, "mask", None if self.mask is None else _region(self.mask))
        object.__setattr__(self, "position", _position(self.position))
        if self.box is None and not self.points and self.mask is None:
            what = "has negative points only" if self.negative else "is empty"
            message = f"The prompt {what}: nothing says where the object is."
            raise PromptError(message, hint="Add a box, a point inside the object (points=), or a mask.")

    def to_dict(self) -> dict[str, Any]:
        """Return the prompt as plain data."""
        mask = self.mask
        rings = [ring.tolist() for ring in mask.rings] if isinstance(mask, Region) else None
        return {
            "box": None if self.box is None else list(self.box),
            "points": [list(point) for point in self.points],
            "negative": [list(point) for point in self.negative],
            "mask": None if rings is None else {"rings": rings},
            "name": self.name,
        }


def continuous_point(x: float, y: float) -> tuple[float, float]:
    """Return a place in continuous coordinates, pixel (0, 0) from 0 to 1, as `Prompt` takes it.

    Two whole numbers would mean a pixel's centre there; the place meant is its corner.
    """
    if x.is_integer() and y.is_integer():
        x = math.nextafter(x, math.inf)
    return x, y


def prompts_of(prompts: Prompt | Iterable[Prompt]) -> list[Prompt]:
    """Return a list of prompts.

    Raises
    ------
    PromptError
        There is none, or something else is among them.
    """
    if isinstance(prompts, Prompt):
        return [prompts]
    try:
        found: list[Any] = list(prompts)
    except TypeError as error:
        message = f"A {type(prompts).__name__} is no prompt."
        raise PromptError(message, hint="Hand in a Prompt, or a list of them.") from error
    for index, prompt in enumerate(found):
        if not isinstance(prompt, Prompt):
            message = f"Item {index} of the prompts is a {type(prompt).__name__}: {prompt!r:.60}."
            raise PromptError(message, hint="Make a Prompt of it, for example Prompt(box=(x0, y0, x1, y1)).")
    if not found:
        raise PromptError("The list of prompts is empty.", hint="Hand in at least one Prompt.")
    return found


def check_taken(prompts: Sequence[Prompt], model: str, taken: Sequence[str]) -> None:
    """Check that a model takes the kinds of prompts given.

    Negative points and earlier regions are taken by every model: where the network has no notion of them, the
    engine chooses among its masks and cuts them, or asks with the region's box (docs/reference/prompts.md).

    Raises
    ------
    PromptError
        ``prompt-not-taken``: it doesn't; nothing was sent.
    """
    words = {"points": "points", "box": "a box"}
    for index, prompt in enumerate(prompts):
        wrong = [kind for kind in words if getattr(prompt, kind) and kind not in taken]
        if wrong:
            has = " and ".join(words[kind] for kind in wrong)
            message = f"The model {model!r} can't take prompt {index}, which has {has}."
            hint = f"It takes: {', '.join(taken)}. Leave the rest out, or use another model, for example starter."
            raise PromptError(message, code="prompt-not-taken", hint=hint, prompt=index, taken=list(taken))


def message_of(prompt: Prompt, shape: tuple[int, int], index: int = 0) -> PromptMessage:
    """Return the prompt as it is sent, in continuous coordinates; a box that sticks out is cut to the image.

    Parameters
    ----------
    prompt : Prompt
        The prompt.
    shape : (int, int)
        (Y, X) of the image.
    index : int
        Its number among the prompts of the call, for the error's text.

    Raises
    ------
    PromptError
        ``prompt-outside-image``: a point, the mask, or the whole box lies outside; or the mask has another size.
    """
    height, width = shape
    box = prompt.box
    if box is not None:
        box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height)))
        if box[0] >= box[2] or box[1] >= box[3]:
            reason = f"its box {_text(prompt.box or box)}"
            raise _outside(reason, shape, index)
    points, negative = (
        tuple(_continuous(point, shape, kind, index) for point in group)
        for kind, group in (("point", prompt.points), ("negative point", prompt.negative))
    )
    rings: tuple[tuple[int, ...], ...] = ()
    if isinstance(prompt.mask, Region):
        x0, y0, x1, y1 = prompt.mask.bbox_xyxy
        if prompt.mask.shape not in (None, shape) or x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            reason = f"its mask, of an image of shape {prompt.mask.shape}, with the box {(x0, y0, x1, y1)},"
            raise _outside(reason, shape, index)
        rings = tuple(tuple(ring.ravel().tolist()) for ring in prompt.mask.rings)
    return PromptMessage(box, points, negative, rings)


def _continuous(point: Sequence[float], shape: tuple[int, int], kind: str, index: int) -> Pair:
    x, y = point
    if x.is_integer() and y.is_integer():
        # The pixel of that index: its centre. The one place where this is done.
        x, y = x + 0.5, y + 0.5
    if not (0 <= x <= shape[1] and 0 <= y <= shape[0]):
        reason = f"its {kind} {_text(point)}"
        raise _outside(reason, shape, index)
    return x, y


def _outside(what: str, shape: tuple[int, int], index: int) -> PromptError:
    message = f"Prompt {index} lies outside the image: {what} is not within {shape[1]} x {shape[0]} pixels (x, y)."
    hint = "Give pixel coordinates of the image that was encoded, x before y, from 0."
    return PromptError(message, code="prompt-outside-image", hint=hint, prompt=index)


def _edges(box: Any) -> tuple[float, float, float, float]:
    numbers = _numbers(box, "box")
    if numbers.shape != (4,):
        message = f"box is {box!r:.100}, not four numbers."
        raise PromptError(message, hint="Give the edges x0, y0, x1, y1.")
    x0, y0, x1, y1 = (float(number) for number in numbers)
    if x0 > x1 or y0 > y1:
        right = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        message = f"The box {_text((x0, y0, x1, y1))} has its corners swapped."
        raise PromptError(message, hint=f"Give the edges as x0, y0, x1, y1, smaller first: {_text(right)}.")
    if x0 == x1 or y0 == y1:
        message = f"The box {_text((x0, y0, x1, y1))} has no extent: {x1 - x0:g} x {y1 - y0:g} pixels."
        hint = (
            "Drag a box around the object, or use a point. Edges are half open: one pixel is (x, y, x + 1, y + 1)."
        )
        raise PromptError(message, hint=hint)
    return x0, y0, x1, y1


def _position(position: Any) -> tuple[int, int, int]:
    numbers = _numbers(position, "position")
    if numbers.shape != (3,) or (numbers < 0).any() or (numbers != np.floor(numbers)).any():
        message = f"position is {position!r:.100}, not three whole numbers from 0."
        raise PromptError(message, hint="Give channel, slice and frame, (c, z, t), from 1; 0 stands for every one.")
    c, z, t = (int(number) for number in numbers)
    return c, z, t


def _pairs(points: Any, name: str) -> tuple[Pair, ...]:
    numbers = _numbers(points, name)
    if numbers.size == 0:
        return ()
    if numbers.ndim == 1:
        numbers = numbers[np.newaxis]
    if numbers.ndim != 2 or numbers.shape[1] != 2:
        message = f"{name} is {points!r:.100}, not pairs of numbers."
        raise PromptError(message, hint=f"Give a list of (x, y): {name}=[(x, y)].")
    return tuple((float(x), float(y)) for x, y in numbers)


def _numbers(value: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        message = f"{name} is {value!r:.100}, not numbers."
        raise PromptError(message, hint="Give numbers: a box is (x0, y0, x1, y1), a point (x, y).") from error
    if not np.isfinite(numbers).all():
        message = f"{name} is {value!r:.100}, which holds a number that is not finite."
        raise PromptError(message, hint="Give pixel coordinates.")
    return numbers


def _region(mask: Any) -> Region:
    if isinstance(mask, Region):
        region = mask
    else:
        try:
            region = Region.from_mask(mask)
        except (TypeError, ValueError) as error:
            message = f"mask is a {type(mask).__name__} that is neither a region nor a mask: {error}"
            raise PromptError(message, hint="Give a Region, or a (Y, X) array of bools.") from error
    if region.is_empty:
        raise PromptError("The mask of the prompt is empty.", hint="Give a region with at least one pixel.")
    return region


def _text(numbers: Sequence[float]) -> str:
    return "(" + ", ".join(f"{number:g}" for number in numbers) + ")"
