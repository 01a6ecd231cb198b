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
