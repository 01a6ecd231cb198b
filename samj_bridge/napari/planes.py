"""Which plane of which layer is on the screen, and its pixels as a session takes them.

Layers and dims are napari's, used by their public names; nothing of napari is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from samj_bridge.errors import ImageError
from samj_bridge.napari.lazy import Sliced
from samj_bridge.session.images import Channels

__all__ = ["SHOWN", "Choice", "Plane", "channel_choices", "plane_of", "planes_along"]

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


def planes_along(plane: Plane) -> list[Plane]:
    """Return every plane of the stack that `plane` is one of, along all axes that are not on the screen."""
    extents = [
        1 if axis in plane.axes or axis == plane.choice.axis else int(plane.layer.data.shape[axis])
        for axis in range(plane.layer.ndim)
    ]
    return [Plane(plane.layer, plane.axes, tuple(map(int, at)), plane.choice) for at in np.ndindex(*extents)]
