"""Prompts by hand while a batch is running: they come in between, and the batch loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desktop import Desktop, component, named, on_event_thread, wait_for
from workbench import (
    BLOB,
    answer,
    assert_same,
    bring_forward,
    keep_manager_away,
    managed,
    panel_says,
    prompt_of,
    proposal,
    to_front,
)

from samj_bridge.fiji import java_class
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker

BOX = (145, 45, 170, 70)


def points_everywhere(count: int) -> list[tuple[int, int]]:
    """Return places all over ImageJ's sample, none of them the one that is clicked on."""
    places = [(2 + n * 7 % 251, 2 + n * 11 % 250) for n in range(count)]
    assert BLOB not in places
    return places


@pytest.fixture(autouse=True)
def _batch_ends(desk: Desktop) -> Iterator[None]:
    """A test that fails in the middle of a batch must not leave it to the next one."""
    yield
    if is_running():
        on_event_thread(named("samj cancel").doClick)
        wait_for(lambda: not is_running(), "the end of the batch")
        on_event_thread(keep_manager_away().reset)


def is_running() -> bool:
    return not bool(component("JButton", "Batch").isEnabled())


def test_a_click_and_a_drag_while_a_batch_runs_come_in_between_and_the_batch_loses_nothing(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter, tmp_path: Path
) -> None:
    places = points_everywhere(800)
    points = java_class("ij.gui.PointRoi")(*places[0])
    for place in places[1:]:
        points.addPoint(*place)
    keep_manager_away().addRoi(points)
    desk.push(component("JButton", "Batch"))
    wait_for(lambda: len(managed()) > 1, "the first object")

    # The panel may lie over the image.
    bring_forward(blobs.getWindow(), "the image in front")
    desk.click(blobs, *BLOB)
    by_click = proposal(blobs)
    before = len(managed())
    assert prompt_of(blobs) == {"points": [list(BLOB)]}
    assert is_running(), "the answer came in between"
    wait_for(lambda: len(managed()) > before, "the batch to go on")
    assert blobs.getRoi() is by_click or blobs.getRoi().equals(by_click), "what is shown stays"
    desk.shot("panel-click-in-batch", tmp_path)
    desk.press("ENTER")
    wait_for(lambda: "is in the ROI Manager." in panel_log(), "the object that was clicked on")
    desk.drag(blobs, BOX)
    wait_for(lambda: prompt_of(blobs) == {"box": list(BOX)}, "the answer to the box")
    assert is_running(), "the box came in between as well"
    desk.press("ESCAPE")
    wait_for(lambda: blobs.getRoi() is None, "the box's object to go")

    wait_for(lambda: not is_running(), "the end of the batch", timeout_s=240)
    assert panel_says() == "800 objects for 800 prompts are in the ROI Manager."
    found = managed()[1:]
    prompts = [json.loads(str(roi.getProperty("prompt"))) for roi in found]
    number = prompts.index({"points": [list(BLOB)]})
    by_hand = found.pop(number)
    del prompts[number]
    assert prompts == [{"points": [list(place)]} for place in places]
    asked = [Prompt(points=[place]) for place in places[::20]]
    for roi, mask in zip(found[::20], answer(segmenter, blobs, asked, largest_only=True), strict=True):
        assert_same(roi, mask)
    (clicked,) = answer(segmenter, blobs, Prompt(points=[BLOB]), largest_only=True)
    assert_same(by_hand, clicked)
    assert named("samj cancel").isShowing() is False


def panel_log() -> str:
    return str(named("samj log").getText())


def test_what_is_shown_or_selected_stays_when_a_batch_begins(desk: Desktop, blobs: Any) -> None:
    manager = keep_manager_away()
    for x, y in ((158, 57), (71, 47)):
        manager.addRoi(java_class("ij.gui.PointRoi")(x, y))
    desk.click(blobs, *BLOB)
    shown = proposal(blobs)
    desk.push(component("JButton", "Batch"))
    wait_for(lambda: "2 objects for 2 prompts" in panel_says(), "the end of the batch")
    assert blobs.getRoi() is not None
    assert blobs.getRoi().equals(shown)
    assert blobs.getCanvas().getShowAllList().size() == 4
    to_front(blobs)
    desk.press("ENTER")
    wait_for(lambda: len(managed()) == 5, "the object that was shown before")
    assert managed()[-1].getBounds().equals(shown.getBounds())
    assert blobs.getCanvas().getShowAllList().size() == 5


def test_a_batch_takes_what_belongs_to_the_plane_and_says_what_it_left_out(desk: Desktop, blobs: Any) -> None:
    gui = {name: java_class(f"ij.gui.{name}") for name in ("Roi", "PointRoi", "Line", "TextRoi")}
    stack = blobs.getStack()
    for _ in range(2):
        stack.addSlice(blobs.getProcessor().duplicate())
    blobs.setStack(stack)
    blobs.setSlice(2)
    manager = keep_manager_away()

    def add(roi: Any, position: int = 0, name: str = "") -> None:
        roi.setPosition(position)
        if name:
            roi.setName(name)
        manager.addRoi(roi)

    add(gui["Roi"](145, 45, 25, 25), 1)
    add(gui["Roi"](145, 45, 25, 25), 2)
    add(gui["Roi"](900, 900, 25, 25), 2)
    add(gui["Line"](0, 0, 20, 20))
    add(gui["TextRoi"](5, 5, "a text"))
    points = gui["PointRoi"](158, 57)
    points.addPoint(71, 47)
    points.setCounters([2 << 8, 3 << 8])
    manager.addRoi(points)
    before = len(managed())
    desk.push(component("JButton", "Batch"))
    wait_for(lambda: "Left out" in panel_says(), "the end of the batch", timeout_s=120)
    assert panel_says().startswith("2 objects for 2 prompts are in the ROI Manager. Left out: ")
    for part in ("2 of another plane", "1 outside the image", "1 straight line selection without an area"):
        assert part in panel_says(), panel_says()
    assert "1 text without an area" in panel_says()
    prompts = [json.loads(str(roi.getProperty("prompt"))) for roi in managed()[before:]]
    assert prompts == [{"box": [145, 45, 170, 70]}, {"points": [[158, 57]]}]
    assert {int(roi.getPosition()) for roi in managed()[before:]} == {2}
