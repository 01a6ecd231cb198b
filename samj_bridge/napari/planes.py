"""Which plane of which layer is on the screen, and its pixels as a session takes them.

Layers and dims are napari's, used by their public names; nothing of napari is imported.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import ImageError
from samj_bridge.napari.lazy import Sliced
from samj_bridge.session.images import Channels

__all__ = ["SHOWN", "Choice", "Plane", "axis_to_follow", "channel_choices", "plane_of", "planes_along"]

_MOST_CHANNELS = 16


@dataclass(frozen=True)
class Choice:
    """What is taken for the channels of an image."""

    title: str
    """In words, for a list to choose from."""
    axis: int | None = None
    """Axis of the layer's data that holds channels; None: none does, or the last of an RGB image."""
    channels: Channels = None
    """Which of them, as `Session.encode` takes it."""


SHOWN = Choice("as shown")
"""The plane on the screen, as it is: grey, or the colours of an RGB image."""


@dataclass(frozen=True)
class Plane:
    """One plane of an image layer: where it is and how it is read."""

    layer: Any
    """The image layer."""
    axes: tuple[int, int]
    """The layer's axes that run down and to the right on the screen."""
    index: tuple[int, ...]
    """Index of the plane along each axis of the layer; 0 along those of `axes`."""
    choice: Choice
    """What is taken for its channels."""

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) of the plane."""
        extents = self.layer.data.shape
        return int(extents[self.axes[0]]), int(extents[self.axes[1]])

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells its pixels from those of others."""
        return id(self.layer), id(self._levels[0]), self.axes, self.index, self.choice

    @property
    def position(self) -> tuple[int, ...]:
        """Index along the axes that are not on the screen, without that of the channels: planes of one object."""
        held = (axis for axis in range(len(self.index)) if axis not in self.axes and axis != self.choice.axis)
        return tuple(self.index[axis] for axis in held)

    @property
    def channels(self) -> Channels:
        """As `Session.encode` takes it."""
        return self.choice.channels

    def whole(self) -> NDArray[Any]:
        """Read the plane in full resolution."""
        return self._slice(self._levels[0])[()]

    def pixels(self) -> Any:
        """Return the pixels, or the levels of an image that has several; nothing is read yet."""
        levels = [self._slice(level) for level in self._levels]
        return levels if len(levels) > 1 else levels[0]

    @property
    def _levels(self) -> list[Any]:
        return list(self.layer.data) if self.layer.multiscale else [self.layer.data]

    def _slice(self, level: Any) -> Sliced:
        colours = (self.layer.ndim,) if self.layer.rgb else ()
        channels = () if self.choice.axis is None else (self.choice.axis,)
        order = (*self.axes, *channels, *colours)
        # Levels of a pyramid may be reduced along the other axes as well.
        full = self._levels[0].shape
        at = {
            axis: min(self.index[axis] * level.shape[axis] // full[axis], level.shape[axis] - 1)
            for axis in range(self.layer.ndim)
            if axis not in order
        }
        return Sliced(level, at, order)


def channel_choices(layer: Any, displayed: Sequence[int]) -> list[Choice]:
    """Return what can be taken for the channels of a layer, the plane that is shown first.

    Parameters
    ----------
    layer : napari Image layer
    displayed : sequence of int
        The layer's axes on the screen: they are no channels.
    """
    choices = [SHOWN]
    if layer.rgb:
        return choices
    names = tuple(getattr(layer, "axis_labels", ()))
    for axis in range(layer.ndim):
        count = int(layer.data.shape[axis])
        if axis in displayed or not 2 <= count <= _MOST_CHANNELS:
            continue
        name = names[axis] if len(names) == layer.ndim else f"axis {axis}"
        choices.append(Choice(f"mean of the {count} channels of {name}", axis, "merge"))
        colours = ("red", "green", "blue")[: min(count, 3)]
        listed = ", ".join(f"{n} {colour}" for n, colour in enumerate(colours))
        choices.append(Choice(f"channels of {name} as colours: {listed}", axis, tuple(range(len(colours)))))
    return choices


def plane_of(layer: Any, dims: Any, choice: Choice = SHOWN) -> Plane:
    """Return the plane of `layer` that a viewer shows.

    Parameters
    ----------
    layer : napari Image layer
    dims : napari Dims
        Those of the viewer.
    choice : Choice
        What is taken for its channels.

    Raises
    ------
    ImageError
        The view is in three dimensions, or shows no plane of the layer.
    """
    offset = dims.ndim - layer.ndim
    axes = tuple(axis - offset for axis in dims.displayed)
    if len(axes) != 2:
        message = "Objects are found in planes, and the view shows a volume."
        raise ImageError(message, hint="Switch to the view in two dimensions (Ctrl-Y).")
    if min(axes) < 0 or choice.axis in axes:
        message = f"The axes on the screen are not those of a plane of {layer.name!r}."
        raise ImageError(message, hint="Roll the axes back (Ctrl-E) until the image is seen.")
    place = np.round(layer.world_to_data(dims.point)).astype(int)
    index = tuple(0 if axis in axes or axis == choice.axis else int(place[axis]) for axis in range(layer.ndim))
    extents = layer.data.shape
    if any(not 0 <= index[axis] < extents[axis] for axis in range(layer.ndim)):
        message = f"The image {layer.name!r} has no plane where the sliders are."
        raise ImageError(message, hint="Move the sliders to where the image is seen.")
    return Plane(layer, (axes[0], axes[1]), index, choice)


def planes_along(plane: Plane, only: int | None = None) -> list[Plane]:
    """Return every plane of the stack that `plane` is one of.

    Parameters
    ----------
    plane : Plane
    only : int, optional
        Go along this axis; by default along all that are not on the screen.
    """
    moving = _stack_axes(plane) if only is None else [only]
    ranges = [
        range(int(plane.layer.data.shape[axis])) if axis in moving else (plane.index[axis],)
        for axis in range(plane.layer.ndim)
    ]
    return [Plane(plane.layer, plane.axes, at, plane.choice) for at in itertools.product(*ranges)]


def _stack_axes(plane: Plane) -> list[int]:
    """Return the axes along which there are other planes."""
    extents = plane.layer.data.shape
    axes = range(plane.layer.ndim)
    return [axis for axis in axes if axis not in plane.axes and axis != plane.choice.axis and extents[axis] > 1]


def axis_to_follow(plane: Plane, dims: Any) -> tuple[int, str]:
    """Return the axis along which an object is followed, and whether it is ``z`` or ``t``.

    It is the one whose slider was moved last, or else the one next to the planes; moments in time are known by the
    name of their axis.

    Raises
    ------
    ImageError
        There is one plane only.
    """
    axes = _stack_axes(plane)
    if not axes:
        message = f"The image {plane.layer.name!r} has one plane: there is nothing to follow an object through."
        raise ImageError(message, hint="Accept it instead.")
    last = dims.last_used - (dims.ndim - plane.layer.ndim)
    axis = last if last in axes else axes[-1]
    names = tuple(getattr(plane.layer, "axis_labels", ()))
    name = names[axis].lower() if len(names) == plane.layer.ndim else ""
    return axis, "t" if name in {"t", "time", "frame", "frames"} else "z"
