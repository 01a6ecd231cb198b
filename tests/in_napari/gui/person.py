"""Somebody who uses napari with mouse and keyboard: real Qt events at the canvas, real time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt

from samj_bridge.napari.asking import Asker
from samj_bridge.napari.widget import SegmentWidget


class Person:
    def __init__(self, viewer: Any, qtbot: Any, asker: Asker) -> None:
        self.viewer = viewer
        self.qtbot = qtbot
        self.asker = asker
        viewer.window._qt_window.resize(1100, 800)
        self.canvas = viewer.window._qt_viewer.canvas
        self.widget: SegmentWidget

    def open(self, *layers: Any) -> SegmentWidget:
        """Open the widget on images that are there."""
        self.widget = SegmentWidget(self.viewer, self.asker)
        self.viewer.window.add_dock_widget(self.widget, name="SAMJ", area="right")
        self.viewer.reset_view()
        self.settle()
        return self.widget

    def settle(self) -> None:
        self.qtbot.wait(60)

    def on_canvas(self, yx: Sequence[float], image: Any) -> QPoint:
        """Where a place of an image (in its pixels, centres at whole numbers) is on the canvas."""
        displayed = list(self.viewer.dims.displayed)
        world = np.array(self.viewer.dims.point, float)
        offset = self.viewer.dims.ndim - image.ndim
        data = np.array(image.world_to_data(world))
        data[[axis - offset for axis in displayed]] = yx
        there = np.array(image.data_to_world(data))[[axis - offset for axis in displayed]]
        camera = self.viewer.camera
        height, width = self.canvas.size
        y, x = (there - np.array(camera.center[-2:])) * camera.zoom + np.array([height / 2, width / 2])
        return QPoint(round(x), round(y))

    def click(self, yx: Sequence[float], image: Any) -> None:
        self.qtbot.mouseMove(self.canvas.native, self.on_canvas(yx, image))
        self.qtbot.mouseClick(
            self.canvas.native, Qt.MouseButton.LeftButton, pos=self.on_canvas(yx, image), delay=10
        )

    def drag(self, start: Sequence[float], end: Sequence[float], image: Any, steps: int = 6) -> None:
        native, button = self.canvas.native, Qt.MouseButton.LeftButton
        a, b = np.array(start, float), np.array(end, float)
        self.qtbot.mouseMove(native, self.on_canvas(a, image))
        self.qtbot.mousePress(native, button, pos=self.on_canvas(a, image), delay=10)
        for step in range(1, steps + 1):
            self.move_pressed(self.on_canvas(a + (b - a) * step / steps, image))
        self.qtbot.mouseRelease(native, button, pos=self.on_canvas(b, image), delay=10)

    def move_pressed(self, place: QPoint) -> None:
        """Move the mouse with its button down: QTest's own moves have no button."""
        from qtpy.QtCore import QEvent, QPointF
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtWidgets import QApplication

        left = Qt.MouseButton.LeftButton
        native = self.canvas.native
        moved = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(place),
            QPointF(native.mapToGlobal(place)),
            left,
            left,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(native, moved)
        self.qtbot.wait(10)

    def press(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self.qtbot.keyClick(self.canvas.native, key, modifier)
        self.settle()

    def wait(self) -> None:
        """Wait until everything that was asked has been answered."""
        self.settle()
        self.qtbot.waitUntil(lambda: not self.widget._soon.isActive() and not self.widget.work.busy, timeout=90_000)
        self.settle()

    def leave(self) -> None:
        if hasattr(self, "widget"):
            self.widget.end()
            thread = self.widget.work._thread
            if thread is not None:
                thread.join(30)
