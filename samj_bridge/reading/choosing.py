"""Which series, plane and channels are meant; a refusal that lists what there is where that isn't clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from samj_bridge.errors import ImageError
from samj_bridge.reading.description import Description, Series, axis_name

__all__ = ["Wish", "choose_channels", "choose_level", "choose_place", "choose_series"]

Channels = int | Sequence[int] | str | None

_MOST_LISTED = 12


@dataclass(frozen=True)
class Wish:
    """What was asked for; None: whatever is the only one."""

    series: int | None = None
    """Number of the series, from 0."""
    plane: int | None = None
    """Number of the plane, all axes but the channels counted in file order, from 0."""
    z: int | None = None
    """Slice, from 0."""
    t: int | None = None
    """Frame, from 0."""
    channels: Channels = None
    """An index, up to three, ``"merge"``; from 0."""
    level: int | None = None
    """Level of the file that is the finest to be read, from 0, the full resolution."""


def choose_series(description: Description, wanted: int | None, name: str) -> Series:
    """Return the series that is meant.

    Raises
    ------
    ImageError
        There are several and none was chosen, or not that many.
    """
    series = description.series
    if wanted is not None:
        if not 0 <= wanted < len(series):
            message = f"{name} has {_count(len(series), 'series', 'series')}; series {wanted} was asked for."
            raise ImageError(message, hint=f"Series are counted from 0. It holds: {listed(series)}.")
        return series[wanted]
    whole = [item for item in series if not item.thumbnail]
    # ImageJ shows the first: where that is a thumbnail, nobody knows which of them a person has looked at.
    if len(whole) == 1 and series[0] is whole[0]:
        return whole[0]
    if len(series) == 1:
        return series[0]
    message = f"{name} holds {len(series)} images: {listed(series)}."
    raise ImageError(message, code="which-series", hint="Choose one with --series (series= in Python).")


def choose_place(series: Series, wish: Wish, name: str) -> dict[str, int]:
    """Return the place along each axis, from 0.

    Raises
    ------
    ImageError
        It isn't clear, or not there.
    """
    if wish.plane is not None:
        return _by_number(series, wish, name)
    place: dict[str, int] = {}
    open_axes: list[str] = []
    for axis, count in zip(series.axes, series.counts, strict=True):
        given = {"Z": wish.z, "T": wish.t}.get(axis)
        if given is None and count > 1:
            open_axes.append(axis)
        place[axis] = _checked(given or 0, count, axis, name)
    for axis, given in (("Z", wish.z), ("T", wish.t)):
        if given and axis not in place:
            message = f"{name} has no {axis_name(axis)}; --{axis.lower()} {given} was asked for."
            raise ImageError(message, hint=f"It holds {series.describe()}.")
    if open_axes:
        raise _unclear(series, open_axes, name)
    return place


def choose_channels(series: Series, wanted: Channels, name: str) -> tuple[int, ...]:
    """Return the channels to read, in the order asked for; empty: all that a plane has.

    Raises
    ------
    ImageError
        A channel that is not there, or more than three.
    """
    hint = "Give a channel's index from 0, up to three of them, or merge."
    if wanted is None or isinstance(wanted, str):
        if isinstance(wanted, str) and wanted != "merge":
            message = f"channels is {wanted!r}."
            raise ImageError(message, hint=hint)
        return tuple(range(series.channels)) if series.channels > 1 else ()
    items = (wanted,) if isinstance(wanted, int) else tuple(wanted)
    there = 3 if series.colour else series.channels
    if not 1 <= len(items) <= 3 or not all(-there <= item < there for item in items):
        shown = items[0] if len(items) == 1 else ", ".join(map(str, items))
        message = f"{name}: channel {shown} was asked for, but there are {there}: 0 to {there - 1}."
        names = f" They are {', '.join(series.channel_names)}." if series.channel_names else ""
        raise ImageError(message, hint=f"{hint}{names}")
    return tuple(item % there for item in items)


def choose_level(levels: Sequence[tuple[int, int]], wanted: int | None, name: str) -> int:
    """Return the level that is meant.

    Raises
    ------
    ImageError
        The file has no such level.
    """
    if wanted is None:
        return 0
    if not 0 <= wanted < len(levels):
        message = f"{name} has {_count(len(levels), 'level', 'levels')}; level {wanted} was asked for."
        sizes = ", ".join(f"{width} x {height}" for height, width in levels)
        raise ImageError(message, hint=f"Levels are counted from 0, the full resolution: {sizes}.")
    return wanted


def listed(series: Sequence[Series]) -> str:
    """Return series in words, the first dozen of them."""
    words = "; ".join(item.describe() for item in series[:_MOST_LISTED])
    return words + (f"; and {len(series) - _MOST_LISTED} more" if len(series) > _MOST_LISTED else "")


def _by_number(series: Series, wish: Wish, name: str) -> dict[str, int]:
    assert wish.plane is not None
    if wish.z is not None or wish.t is not None:
        message = f"Both --plane {wish.plane} and --z or --t were given."
        raise ImageError(message, hint="Give either the plane's number, or its slice and frame.")
    if not 0 <= wish.plane < series.planes:
        message = f"{name} has planes 0 to {series.planes - 1}; plane {wish.plane} was asked for."
        raise ImageError(message, hint=f"Planes are counted from 0. It holds {series.describe()}.")
    place: dict[str, int] = {}
    rest = wish.plane
    for axis, count in zip(reversed(series.axes), reversed(series.counts), strict=True):
        rest, place[axis] = divmod(rest, count)
    return {axis: place[axis] for axis in series.axes}


def _checked(given: int, count: int, axis: str, name: str) -> int:
    if not 0 <= given < count:
        message = f"{name} has {count} {axis_name(axis)}: 0 to {count - 1}; {given} was asked for."
        raise ImageError(message, hint="They are counted from 0, unlike ImageJ's sliders.")
    return given


def _unclear(series: Series, open_axes: Sequence[str], name: str) -> ImageError:
    axes = [
        f"{count} {axis_name(axis)}" for axis, count in zip(series.axes, series.counts, strict=True) if count > 1
    ]
    meant = f": {', '.join(axes)}" if set(series.axes) - set("IQ") else ""
    message = f"{name} is a stack of {series.planes} planes{meant}."
    ways = [f"--{axis.lower()}" for axis in open_axes if axis in "ZT"]
    hint = f"Choose one with --plane 0 to --plane {series.planes - 1}"
    if ways and len(ways) == len(open_axes):
        hint += f", or with {' and '.join(ways)}, counted from 0"
    return ImageError(message, code="which-plane", hint=f"{hint}.")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
