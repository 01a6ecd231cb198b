"""Clicks, boxes, keys: what a person does, and that the same comes of it as from `Session`, to the pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from person import Person
from qtpy.QtCore import Qt

from samj_bridge import Prompt, Session


def check_a_click_becomes_a_label(person: Person, session: Session, pixels: Any) -> None:
    image = person.viewer.add_image(pixels, name="blobs")
    widget = person.open()
    widget.start()
    person.click((42, 106), image)
    person.wait()
    assert len(widget.prompting.points.data) == 1
    y, x = widget.prompting.points.data[0]
    truth = session.encode(pixels).segment(Prompt(points=[(x + 0.5, y + 0.5)]), candidates=3)
    assert [list(map(len, one.rings)) for one in widget.candidates] == [list(map(len, one.rings)) for one in truth]
    assert widget.proposal.layer.visible

    person.press(Qt.Key.Key_Return)
    labels = person.viewer.layers["blobs objects"]
    np.testing.assert_array_equal(labels.data, truth[0].mask().astype(np.int32))
    assert truth[0].area > 20
    assert len(widget.prompting.points.data) == 0
    assert not widget.proposal.layer.visible


def check_a_box_clicks_and_keys(person: Person, session: Session, pixels: Any) -> None:
    """One long sitting, since a window takes seconds: each step is what somebody does next."""
    image = person.viewer.add_image(pixels, name="blobs", scale=(0.5, 0.5), translate=(100, -40))
    widget = person.open()
    scene = session.encode(pixels)

    # A box, drawn with the mouse: asked once, at the release.
    widget.start(None)
    asked: list[Any] = []
    widget.work.submit, submit = (lambda job: (asked.append(job), submit(job))), widget.work.submit
    person.drag((38.2, 88.3), (81.7, 131.4), image)
    person.wait()
    assert len(asked) == 1
    (corners,) = widget.prompting.box.data
    (y0, x0), (y1, x1) = corners.min(axis=0), corners.max(axis=0)
    assert np.abs(np.array([y0, x0, y1, x1]) - (38.2, 88.3, 81.7, 131.4)).max() < 1
    box = tuple(round(float(edge) + 0.5, 6) for edge in (x0, y0, x1, y1))
    truth = scene.segment(Prompt(box=box), candidates=3)
    assert [one.area for one in widget.candidates] == [one.area for one in truth]

    # A second one takes its place.
    person.drag((10, 10), (40, 50), image)
    person.wait()
    assert len(widget.prompting.box.data) == 1
    assert widget.prompting.box.data[0].min() < 12

    # Ctrl-Z takes it away; a point inside and one outside.
    person.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    person.wait()
    assert len(widget.prompting.box.data) == 0
    assert widget.candidates == []
    widget.start()
    person.click((42, 106), image)
    person.press(Qt.Key.Key_T)
    person.click((60, 130), image)
    person.wait()
    points = widget.prompting.points
    assert list(points.features["meaning"]) == ["inside", "outside"]
    inside, outside = (tuple(np.round(yx[::-1] + 0.5, 6)) for yx in points.data)
    truth = scene.segment(Prompt(points=[inside], negative=[outside]), candidates=3)
    assert [one.area for one in widget.candidates] == [one.area for one in truth]

    # The other proposals, by their keys, as many as there are.
    for number, key in enumerate((Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3)):
        person.press(key)
        assert widget.chosen == min(number, len(truth) - 1)
        assert widget.proposal.layer.data.sum() == truth[widget.chosen].area
    person.press(Qt.Key.Key_1)

    # Taken back one by one, and put back by accepting and undoing.
    widget.form._shapes.setChecked(True)
    person.press(Qt.Key.Key_Return)
    labels = person.viewer.layers["blobs objects"]
    np.testing.assert_array_equal(labels.data, truth[0].mask())
    np.testing.assert_array_equal(labels.scale, image.scale)
    shapes = person.viewer.layers["blobs outlines"]
    np.testing.assert_array_equal(shapes.to_labels(pixels.shape) > 0, truth[0].mask())
    assert len(points.data) == 0
    person.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    person.wait()
    assert not labels.data.any()
    assert len(shapes.data) == 0
    assert list(points.features["meaning"]) == ["inside", "outside"]
    assert widget.candidates[0].area == truth[0].area
    person.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    person.wait()
    assert list(points.features["meaning"]) == ["inside"]

    # Esc forgets everything that was pointed at; there is nothing more to take back.
    person.press(Qt.Key.Key_Escape)
    assert len(points.data) == 0
    assert not widget.proposal.layer.visible
    person.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "nothing to take back" in widget.form.line.text()

    # Layers that were thrown away come again.
    person.viewer.layers.remove(points)
    widget.start()
    person.click((42, 106), image)
    person.wait()
    assert widget.candidates


def check_images_come_and_go(person: Person, pixels: Any) -> None:
    widget = person.open()
    widget.start()
    assert "no image" in widget.form.line.text()
    first = person.viewer.add_image(pixels, name="first")
    second = person.viewer.add_image(pixels[::-1], name="second", translate=(0, 300))
    assert widget.form.image() is first
    person.viewer.reset_view()
    widget.start()
    person.click((42, 106), first)
    person.wait()
    kept = widget.candidates[0]
    widget.form._images.setCurrentIndex(1)
    assert widget.candidates == []
    assert "SAMJ points" not in person.viewer.layers
    widget.start()
    person.click((pixels.shape[0] - 1 - 42, 106), second)
    person.wait()
    assert widget.candidates
    # Objects go into a layer of the user's, if it fits.
    mine = person.viewer.add_labels(np.full(pixels.shape, 0, np.int32), name="mine")
    person.viewer.add_labels(np.zeros((3, 3), int), name="too small")
    targets = widget.form._targets
    assert [targets.itemText(row) for row in range(targets.count())] == ["a new layer", "mine"]
    targets.setCurrentIndex(1)
    widget.accept()
    assert mine.data.max() == 1
    # Pixels that change are encoded anew.
    person.viewer.layers.remove(second)
    assert widget.form.image() is first
    widget.start()
    first.data = np.zeros_like(pixels)
    first.data = np.ascontiguousarray(pixels)
    person.click((42, 106), first)
    person.wait()
    assert widget.candidates[0].area == kept.area
