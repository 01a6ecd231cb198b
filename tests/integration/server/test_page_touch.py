"""The page under fingers, in headless Chromium: real touch events, as a tablet sends them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import Visit
from PIL import Image

from samj_bridge import Prompt
from samj_bridge.session import Session

pytestmark = pytest.mark.worker

Opens = Callable[..., Visit]


class Fingers:
    """Fingers on the glass of a tab."""

    def __init__(self, tab: Visit) -> None:
        self.tab = tab
        self.glass = tab.page.context.new_cdp_session(tab.page)

    def at(self, *places: tuple[float, float], begins: bool = False) -> None:
        """Put fingers there, or move them there."""
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self.glass.send(
            "Input.dispatchTouchEvent", {"type": "touchStart" if begins else "touchMove", "touchPoints": points}
        )

    def away(self) -> None:
        self.glass.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def go(self, ways: Sequence[tuple[tuple[float, float], tuple[float, float]]], steps: int = 8) -> None:
        """Move each finger along its way, and lift all."""
        self.at(*(start for start, _ in ways), begins=True)
        for step in range(1, steps + 1):
            part = step / steps
            self.at(*((x0 + (x1 - x0) * part, y0 + (y1 - y0) * part) for (x0, y0), (x1, y1) in ways))
        # Chromium takes a finger that is lifted in full motion for a throw, and the next tap for what stops it.
        self.tab.page.wait_for_timeout(200)
        self.at(*(end for _, end in ways))
        self.away()


def seen_at(tab: Visit, x: float, y: float) -> np.ndarray[Any, Any]:
    """Return which pixel of the image is at a place of the screen, as the page says it."""
    tab.page.mouse.move(x, y)
    said = re.search(r"x (-?\d+), y (-?\d+)", tab.find("#place").inner_text())
    assert said is not None
    return np.array([int(said[1]), int(said[2])])


def test_a_tap_is_a_click_and_a_finger_that_moves_draws_a_box(visit: Opens, session: Session, nuclei: Path) -> None:
    tab = visit(has_touch=True)
    tab.open(nuclei)
    fingers = Fingers(tab)
    tab.page.touchscreen.tap(*tab.place(66.5, 57.5))
    tab.proposed()
    tab.find("#keep").tap()
    tab.kept(1)
    fingers.go([(tab.place(40, 30), tab.place(92, 85))])
    tab.proposed()
    tab.find("#keep").tap()
    tab.kept(2)
    with session.encode(np.asarray(Image.open(nuclei))) as scene:
        expected = [scene.segment(Prompt(points=[(66, 57)]))[0], scene.segment(Prompt(box=(40, 30, 92, 85)))[0]]
    for mask, region in zip(tab.masks(), expected, strict=True):
        assert np.array_equal(mask, region.mask())


def test_two_fingers_zoom_and_move_the_image_and_ask_nothing(visit: Opens, nuclei: Path) -> None:
    tab = visit(has_touch=True)
    tab.open(nuclei)
    fingers = Fingers(tab)
    x, y = tab.place(180, 180)
    before = seen_at(tab, x + 200, y) - seen_at(tab, x - 200, y)
    fingers.go([((x - 50, y), (x - 100, y)), ((x + 50, y), (x + 100, y))])
    # The image moves for a moment after the fingers have gone.
    _still(tab, x, y)
    after = seen_at(tab, x + 200, y) - seen_at(tab, x - 200, y)
    assert before[0] / after[0] == pytest.approx(2, rel=0.05)
    assert np.abs(seen_at(tab, x, y) - (180, 180)).max() <= 4
    # Both together move it: what was under them still is.
    there = seen_at(tab, x, y)
    fingers.go([((x - 50, y), (x + 10, y + 40)), ((x + 50, y), (x + 110, y + 40))])
    _still(tab, x, y)
    assert np.abs(seen_at(tab, x + 60, y + 40) - there).max() <= 4
    assert tab.find("#count").inner_text() == "0"
    assert "Enter keeps it" not in tab.find("#next").inner_text()
    # And a tap is a click again, at the new scale.
    tab.page.touchscreen.tap(x, y)
    tab.proposed()


def _still(tab: Visit, x: float, y: float) -> None:
    last: list[int] = []
    while last != (now := seen_at(tab, x + 200, y + 100).tolist()):
        last = now
        tab.page.wait_for_timeout(400)
