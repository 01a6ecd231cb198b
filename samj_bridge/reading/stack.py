"""The planes of an image file along one axis, read one by one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from samj_bridge.errors import ImageError
from samj_bridge.reading.choosing import Wish
from samj_bridge.reading.description import Series, axis_name
from samj_bridge.reading.opened import Stamp

__all__ = ["OpenedStack", "choose_axis"]


class OpenedStack:
    """Planes of an open file: what `Session.encode_stack` takes. Close it, or use it in a ``with`` block.

    Parameters
    ----------
    path : Path
        The file.
    series : Series
        Which of its images.
    letter, axis : str
        The axis that it goes along, in the file's words, and what the user calls it: ``z``, ``t`` or nothing.
    read : callable
        Returns a plane.
    stamp : Stamp
        The files that must not change meanwhile.
    """

    def __init__(
        self,
        path: Path,
        series: Series,
        letter: str,
        axis: str,
        read: Callable[[int], NDArray[Any]],
        stamp: Stamp,
    ) -> None:
        self.path, self.series = path, series
        self.axis = axis or ("t" if letter == "T" else "z")
        """``z`` or ``t``; mere pages are slices, as in ImageJ, unless the user says something else."""
        self.channels: int | tuple[int, ...] | str | None = None
        """What ``Session.encode_stack`` is told of its channels."""
        self._count = series.counts[series.axes.index(letter)]
        self._read, self._stamp = read, stamp
        self._closing = weakref.finalize(self, _nothing)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, plane: int) -> NDArray[Any]:
        if not 0 <= plane < self._count:
            raise IndexError(plane)
        self._stamp.check()
        return self._read(plane)

    def closes(self, close: Callable[[], object]) -> None:
        """Say what closes its file: called by `close`, or when nobody holds the stack any more."""
        self._closing.detach()
        self._closing = weakref.finalize(self, close)

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        self._closing()

    def __enter__(self) -> OpenedStack:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def choose_axis(series: Series, wish: Wish, axis: str, name: str) -> tuple[str, dict[str, int]]:
    """Return the letter of the axis that a stack goes along, and the place along the others.

    Raises
    ------
    ImageError
        ``which-axis``: it isn't clear, or not there.
    """
    fixed = {"Z": wish.z, "T": wish.t}
    counts = dict(zip(series.axes, series.counts, strict=True))
    able = [letter for letter, count in counts.items() if count > 1 and fixed.get(letter) is None]
    # Mere pages are whatever the user says.
    letters = [letter for letter in able if not axis or letter not in "ZT" or letter == axis.upper()]
    if not letters:
        message = f"{name} is no stack" + (f" along {axis}" if axis else "") + f": {series.describe()}."
        raise ImageError(message, code="which-axis", hint="A stack has several slices (Z) or frames (T).")
    others = [letter for letter in able if letter != letters[0]]
    if len(letters) > 1 or others:
        listed = " and ".join(f"{counts[letter]} {axis_name(letter)}" for letter in able)
        message = f"{name} has {listed}: it isn't clear which of them to go along."
        hint = "Say --axis z and which --t, or --axis t and which --z."
        raise ImageError(message, code="which-axis", hint=hint)
    place = {letter: fixed.get(letter) or 0 for letter in counts}
    for letter, at in place.items():
        if not 0 <= at < counts[letter]:
            message = (
                f"{name} has {counts[letter]} {axis_name(letter)}: 0 to {counts[letter] - 1}; {at} was asked for."
            )
            raise ImageError(message, hint="They are counted from 0, unlike ImageJ's sliders.")
    return letters[0], place


def _nothing() -> None:
    """Close nothing: the file is not handed over yet."""
