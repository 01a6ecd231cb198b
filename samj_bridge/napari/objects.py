"""What is kept: accepted objects in a Labels layer, as polygons if wished, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import InputError
from samj_bridge.geometry.region import Region
from samj_bridge.napari.places import offset_of, outlines, transform_of
from samj_bridge.napari.planes import Plane

__all__ = ["Objects", "Proposal", "Step"]

_MOST_PX = 1 << 30
"""A label layer of more pixels would not fit into the memory of most computers: 4 bytes each."""
_GREEN = "#56B4E9"


class Proposal:
    """The object that is not accepted yet: a layer as large as the object, where the object is."""

    NAME = "SAMJ proposal"

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.layer: Any = None

    def show(self, region: Region | None, plane: Plane | None) -> None:
        """Show an object, or none."""
        if region is None or plane is None:
            if self.layer is not None and self.layer in self.viewer.layers:
                self.layer.visible = False
            return
        crop, (x, y) = region.crop()
        pixels = _across(crop.astype(np.uint8), plane)
        if self.layer is None or self.layer not in self.viewer.layers or self.layer.ndim != pixels.ndim:
            self._make(pixels, plane)
        self.layer.data = pixels
        self.layer.translate = offset_of(plane, x, y)
        self.layer.visible = True

    def remove(self) -> None:
        """Take it away."""
        if self.layer is not None and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)
        self.layer = None

    def _make(self, pixels: NDArray[Any], plane: Plane) -> None:
        from napari.utils.colormaps import DirectLabelColormap

        self.remove()
        active = self.viewer.layers.selection.active
        colours = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: _GREEN})
        self.layer = self.viewer.add_labels(
            pixels, name=self.NAME, colormap=colours, opacity=0.55, **transform_of(plane.layer)
        )
        self.layer.editable = False
        # A new layer comes on top and is selected: the user goes on pointing.
        self.viewer.layers.move(self.viewer.layers.index(self.layer), self.viewer.layers.index(plane.layer) + 1)
        self.viewer.layers.selection.active = active


@dataclass(eq=False)
class Step:
    """What is taken back at once: an object, or all that a search has found."""

    prompts: Any = None
    """Those that come back with it."""
    labels: list[tuple[tuple[Any, ...], int]] = field(default_factory=list)
    """Where in the Labels layer which number was put."""
    shapes: list[NDArray[Any]] = field(default_factory=list)
    """Polygons that were added."""


class Objects:
    """The layers with accepted objects.

    Parameters
    ----------
    viewer : napari Viewer
    image : napari Image layer
    """

    def __init__(self, viewer: Any, image: Any) -> None:
        self.viewer = viewer
        self.image = image
        self.labels: Any = None
        """The Labels layer; made when something is accepted."""
        self.shapes: Any = None
        """The Shapes layer; likewise."""
        self._last = 0
        self._polygons: list[NDArray[Any]] = []
        self._steps: list[Step] = []

    @property
    def fits(self) -> bool:
        """Whether a label layer of the image's size is something that a computer has memory for."""
        return int(np.prod(self.image.data.shape[: self.image.ndim], dtype=object)) <= _MOST_PX

    def use(self, labels: Any) -> None:
        """Put objects into this Labels layer from now on; None: into one that is made."""
        if labels is not self.labels:
            self.labels = labels
            self._last = 0 if labels is None else int(np.max(labels.data, initial=0))
            self._steps.clear()

    def step(self, prompts: Any = None) -> Step:
        """Begin what will be taken back at once, `prompts` coming back with it."""
        step = Step(prompts)
        self._steps.append(step)
        return step

    def add(
        self, regions: Sequence[Region], plane: Plane, step: Step, *, as_shapes: bool, same: bool = False
    ) -> None:
        """Add objects: each gets the next label. Pixels of earlier objects stay theirs.

        Parameters
        ----------
        regions : sequence of Region
        plane : Plane
            Where they are.
        step : Step
            What they belong to.
        as_shapes : bool
            Whether outlines are wanted too.
        same : bool
            They are the step's one object on a further plane, and get its label.

        Raises
        ------
        InputError
            The image is too large for a label layer, and no shapes are wanted.
        """
        if self.fits:
            self._add_labels(regions, plane, step, same=same)
        elif not as_shapes:
            message = f"The image {self.image.name!r} has too many pixels for a label layer."
            raise InputError(message, hint="Choose to keep outlines as shapes: they take no memory for its pixels.")
        if as_shapes:
            step.shapes += self._add_shapes(regions, plane)

    def take_back(self) -> tuple[bool, Any]:
        """Undo the last step that has changed something; say whether there was one, and give its prompts."""
        while self._steps:
            step = self._steps.pop()
            if step.labels or step.shapes:
                self._remove(step)
                return True, step.prompts
        return False, None

    def _remove(self, step: Step) -> None:
        if step.labels and self.labels is not None and self.labels in self.viewer.layers:
            for where, number in step.labels:
                part = self.labels.data[where]
                part[part == number] = 0
            numbers = [number for _, number in step.labels]
            self._last = min(numbers) - 1 if max(numbers) == self._last else self._last
            self.labels.refresh()
        if step.shapes and self.shapes is not None and self.shapes in self.viewer.layers:
            mine = {id(polygon) for polygon in step.shapes}
            kept = [polygon for polygon in self._polygons if id(polygon) not in mine]
            self.shapes.selected_data = {
                row for row, polygon in enumerate(self._polygons) if id(polygon) in mine
            } & set(range(len(self.shapes.data)))
            self.shapes.remove_selected()
            self._polygons = kept

    def _add_labels(self, regions: Sequence[Region], plane: Plane, step: Step, *, same: bool) -> None:
        if self.labels is None or self.labels not in self.viewer.layers:
            self._make_labels(plane)
            # Earlier steps were of a layer that has gone.
            self._steps = [step]
        data = self.labels.data
        for region in regions:
            number = step.labels[0][1] if same and step.labels else self._last + 1
            self._last = max(self._last, number)
            crop, where = _in_image(region, plane)
            step.labels.append((where, number))
            part = _as_yx(data[where], plane)
            part[crop & (part == 0)] = number
        self.labels.refresh()
        self.labels.selected_label = self._last + 1

    def _make_labels(self, plane: Plane) -> None:
        extents = [int(extent) for extent in self.image.data.shape[: self.image.ndim]]
        base = np.zeros(
            [1 if axis == plane.choice.axis else extent for axis, extent in enumerate(extents)], np.int32
        )
        # The same labels at every channel: an axis without extent.
        strides = tuple(0 if axis == plane.choice.axis else step for axis, step in enumerate(base.strides))
        data = np.lib.stride_tricks.as_strided(base, extents, strides)
        active = self.viewer.layers.selection.active
        self.labels = self.viewer.add_labels(data, name=f"{self.image.name} objects", **transform_of(self.image))
        self._last = 0
        self._below_prompts(self.labels)
        self.viewer.layers.selection.active = active

    def _add_shapes(self, regions: Sequence[Region], plane: Plane) -> list[NDArray[Any]]:
        if self.shapes is None or self.shapes not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            self.shapes = self.viewer.add_shapes(
                name=f"{self.image.name} outlines",
                ndim=self.image.ndim,
                edge_color=_GREEN,
                face_color="#56B4E960",
                edge_width=0,
                **transform_of(self.image),
            )
            self._below_prompts(self.shapes)
            self.viewer.layers.selection.active = active
            self._polygons = []
        polygons: list[NDArray[Any]] = []
        for region in regions:
            polygons += outlines(region, plane)
        self.shapes.add(polygons, shape_type="polygon")
        self._polygons += polygons
        return polygons

    def _below_prompts(self, layer: Any) -> None:
        layers = self.viewer.layers
        layers.move(layers.index(layer), layers.index(self.image) + 1)


def _across(pixels: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """Return (y, x) pixels as an array with all axes of the image, one pixel long but for those on the screen."""
    down, right = plane.axes
    extents = [1] * plane.layer.ndim
    turned = pixels if down < right else pixels.T
    extents[down], extents[right] = pixels.shape
    return np.ascontiguousarray(turned).reshape(extents)


def _in_image(region: Region, plane: Plane) -> tuple[NDArray[np.bool_], tuple[Any, ...]]:
    """Return a region's pixels in the image, and where they are in an array with the image's axes."""
    crop, (x, y) = region.crop()
    height, width = plane.shape
    top, left = max(y, 0), max(x, 0)
    seen = crop[top - y : max(height - y, 0), left - x : max(width - x, 0)]
    where: list[Any] = list(plane.index)
    where[plane.axes[0]] = slice(top, top + seen.shape[0])
    where[plane.axes[1]] = slice(left, left + seen.shape[1])
    return seen, tuple(where)


def _as_yx(part: NDArray[Any], plane: Plane) -> NDArray[Any]:
    return part if plane.axes[0] < plane.axes[1] else part.T
