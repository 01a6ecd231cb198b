"""The layers that the user points on: points inside and outside, and a box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.napari.places import box_of, in_plane, transform_of
from samj_bridge.napari.planes import Plane
from samj_bridge.session import Prompt

__all__ = ["BOX", "INSIDE", "OUTSIDE", "POINTS", "Prompting"]

POINTS, BOX = "SAMJ points", "SAMJ box"
"""Names of the layers."""
INSIDE, OUTSIDE = "inside", "outside"
"""What a point means: its feature ``meaning``."""

# Okabe and Ito's blue-green and vermilion, told apart by shape as well.
_LOOKS = {INSIDE: ("#009E73", "disc"), OUTSIDE: ("#D55E00", "x")}
_SETTLED = ("added", "removed", "changed")


class Prompting:
    """One Points and one Shapes layer on an image.

    Parameters
    ----------
    viewer : napari Viewer
    image : napari Image layer
        The layers lie on it, with its transform.
    changed : callable
        Called whenever prompts have come, gone or moved.
    """

    def __init__(self, viewer: Any, image: Any, changed: Callable[[], None]) -> None:
        self.viewer = viewer
        self.image = image
        self._changed = changed
        self._quiet = False
        self.meaning = INSIDE
        """What the next points mean."""
        self._order: list[str] = []
        placed = {"ndim": image.ndim, **transform_of(image)}
        self.box = viewer.add_shapes(
            name=BOX, edge_color="#E69F00", face_color="transparent", edge_width=_width_of(image, 2), **placed
        )
        self.points = viewer.add_points(
            name=POINTS,
            features={"meaning": np.array([], dtype=object)},
            feature_defaults={"meaning": INSIDE},
            size=_width_of(image, 16),
            **placed,
        )
        self.box.mouse_drag_callbacks.append(self._dragged)
        self.box.events.data.connect(self._box_changed)
        self.points.events.data.connect(self._points_changed)
        self.mean(INSIDE)

    @property
    def layers(self) -> tuple[Any, Any]:
        """Both layers."""
        return self.points, self.box

    @property
    def alive(self) -> bool:
        """Whether the user has left them in the viewer."""
        return all(layer in self.viewer.layers for layer in self.layers)

    def mean(self, meaning: str) -> None:
        """Let the next points mean inside or outside; those there are stay what they are."""
        self.meaning = meaning
        colour, symbol = _LOOKS[meaning]
        # Otherwise the points that are selected would change with it.
        self.points.selected_data = set()
        self.points.feature_defaults = {"meaning": meaning}
        self.points.current_face_color = colour
        self.points.current_symbol = symbol

    def prompt(self, plane: Plane) -> Prompt | None:
        """Return what the layers say of a plane; None: nothing that could be asked."""
        box = None
        for corners in self.box.data:
            xy, here = in_plane(self.box, corners, plane)
            if here.all():
                box = box_of(xy, plane.shape) or box
        inside, outside = self._points_in(plane)
        if box is None and not len(inside):
            return None
        return Prompt(box=box, points=inside.tolist(), negative=outside.tolist())

    def take_back(self) -> bool:
        """Remove the last point or box; say whether there was one."""
        while self._order:
            kind = self._order.pop()
            layer = self.box if kind == BOX else self.points
            count = len(layer.data)
            if count:
                layer.selected_data = {count - 1}
                layer.remove_selected()
                return True
        return False

    def clear(self) -> None:
        """Remove every prompt."""
        self._put([], np.zeros((0, self.image.ndim)), [])

    def put(self, state: Any) -> None:
        """Put prompts back as `state` gave them."""
        self._put(*state)

    def state(self) -> tuple[list[NDArray[Any]], NDArray[Any], list[str]]:
        """Return all prompts as they are, for `put`."""
        meanings = [str(word) for word in self.points.features["meaning"]]
        return [np.array(one) for one in self.box.data], np.array(self.points.data), meanings

    def remove(self) -> None:
        """Take the layers away."""
        self._quiet = True
        for layer in self.layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _put(self, boxes: list[NDArray[Any]], points: NDArray[Any], meanings: list[str]) -> None:
        self._quiet = True
        try:
            self.box.data = []
            if boxes:
                self.box.add_rectangles(boxes)
            self.points.data = np.zeros((0, self.image.ndim))
            kept = self.meaning
            for row, meaning in zip(points, meanings, strict=True):
                self.mean(meaning)
                self.points.add(row)
            self.mean(kept)
            self.points.selected_data, self.box.selected_data = set(), set()
        finally:
            self._quiet = False
        self._order = [BOX] * len(boxes) + [POINTS] * len(meanings)
        self._changed()

    def _points_in(self, plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        xy, here = in_plane(self.points, self.points.data, plane)
        height, width = plane.shape
        here &= ((xy >= 0) & (xy < (width, height))).all(axis=1)
        meant_inside = np.array([word == INSIDE for word in self.points.features["meaning"]], bool)
        return xy[here & meant_inside], xy[here & ~meant_inside]

    def _points_changed(self, event: Any) -> None:
        # A click is told twice, before and after it has come.
        if self._quiet or str(getattr(event.action, "value", event.action)) not in _SETTLED:
            return
        if event.action == "added":
            self._order.append(POINTS)
        self._changed()

    def _box_changed(self, event: Any) -> None:
        # While a rectangle is drawn, it is "added" at the first move of the mouse, hardly larger than nothing: what
        # is drawn is told by `_dragged`, at the release.
        if not self._quiet and event.action in {"removed", "changed"}:
            self._changed()
        elif not self._quiet and event.action == "added" and not self._drawing:
            self._one_box()

    _drawing = False

    def _dragged(self, layer: Any, event: Any) -> Iterator[None]:
        before = len(layer.data)
        self._drawing = True
        yield
        while event.type == "mouse_move":
            yield
        self._drawing = False
        if len(layer.data) > before:
            # napari has not finished with this rectangle.
            _soon(self._one_box)
        else:
            _soon(self._changed)

    def _one_box(self) -> None:
        """Keep the last box: an object has one."""
        self._order.append(BOX)
        if len(self.box.data) > 1:
            self._quiet = True
            try:
                self.box.selected_data = set(range(len(self.box.data) - 1))
                self.box.remove_selected()
            finally:
                self._quiet = False
        self._changed()


def _soon(function: Callable[[], None]) -> None:
    from qtpy.QtCore import QTimer

    QTimer.singleShot(0, function)


def _width_of(image: Any, on_screen: float) -> float:
    """Return a length in pixels of the image that looks the same in small images and large ones."""
    longest = max(int(extent) for extent in image.data.shape[-3 if image.rgb else -2 :][:2])
    return max(1.0, on_screen * longest / 800)
