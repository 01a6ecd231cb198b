"""The tool as a user has it: real windows, a real mouse, the real worker with the starter model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from desktop import LEFT, RIGHT, Desktop, component, on_event_thread, wait_for
from workbench import BLOB, answer, assert_same, keep_manager_away, managed, panel_says, prompt_of, proposal, shown

from samj_bridge.fiji import from_roi, java_class, open_image, pixels_of, roi_mask
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.session import Prompt


def test_a_click_gives_the_sessions_outline_to_the_pixel_and_enter_keeps_it(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter, tmp_path: Path
) -> None:
    desk.click(blobs, *BLOB)
    roi = proposal(blobs)
    expected = answer(segmenter, blobs, Prompt(points=[BLOB]), candidates=3, largest_only=True)[0]
    assert_same(roi, expected)
    desk.shot("proposal", tmp_path)
    desk.press("ENTER")
    (kept,) = wait_for(managed, "an entry in the ROI Manager")
    assert_same(kept, expected)
    assert str(kept.getProperty("model")) == "starter"
    assert 0 < float(str(kept.getProperty("score"))) <= 1
    assert from_roi(kept).prompt == {"points": [list(BLOB)]}
    assert blobs.getRoi() is None
    desk.shot("accepted", tmp_path)


def test_a_drag_is_a_box(desk: Desktop, blobs: Any, segmenter: SessionSegmenter) -> None:
    desk.drag(blobs, (20, 103, 55, 142))
    roi = proposal(blobs)
    expected = answer(segmenter, blobs, Prompt(box=(20, 103, 55, 142)), candidates=3, largest_only=True)[0]
    assert_same(roi, expected)


def test_candidates_are_chosen_by_key_and_by_wheel(desk: Desktop, blobs: Any, segmenter: SessionSegmenter) -> None:
    masks = answer(segmenter, blobs, Prompt(points=[BLOB]), candidates=3, largest_only=True)
    desk.click(blobs, *BLOB)
    proposal(blobs)

    def shows(mask: np.ndarray) -> bool:
        return np.array_equal(roi_mask(blobs.getRoi(), mask.shape), mask)

    for key, mask in (("2", masks[1]), ("3", masks[2]), ("1", masks[0])):
        desk.press(key)
        wait_for(partial(shows, mask), f"candidate {key}")
    desk.wheel(blobs, *BLOB, 1)
    wait_for(partial(shows, masks[1]), "the wheel's candidate")


def test_right_click_and_shift_click_refine_the_object(desk: Desktop, blobs: Any) -> None:
    desk.click(blobs, *BLOB)

    def changed(before: dict[str, Any]) -> bool:
        return prompt_of(blobs) != before

    proposal(blobs)
    for button, held, kind, place in (
        (RIGHT, "", "negative", (54, 126)),
        (LEFT, "ALT", "negative", (20, 100)),
        (LEFT, "SHIFT", "points", (38, 130)),
    ):
        before = prompt_of(blobs)
        desk.click(blobs, *place, button, held)
        wait_for(partial(changed, before), f"the object refined by {held or button}", 20)
        assert len(prompt_of(blobs)[kind]) > len(before.get(kind, []))


def test_escape_drops_and_undo_brings_back(desk: Desktop, blobs: Any) -> None:
    desk.click(blobs, *BLOB)
    roi = proposal(blobs)
    desk.press("ESCAPE")
    wait_for(lambda: blobs.getRoi() is None, "no outline")
    desk.press("Z", "CONTROL")
    assert proposal(blobs).getBounds() == roi.getBounds()


def test_undo_and_redo_leave_other_peoples_rois_alone(desk: Desktop, blobs: Any) -> None:
    manager = keep_manager_away()
    manager.addRoi(java_class("ij.gui.OvalRoi")(5, 5, 20, 20))
    desk.click(blobs, *BLOB)
    proposal(blobs)
    desk.press("T")
    wait_for(lambda: len(managed()) == 2, "two entries")
    desk.press("Z", "CONTROL")
    wait_for(lambda: len(managed()) == 1, "one entry")
    assert str(managed()[0].getTypeAsString()) == "Oval"
    desk.press("Y", "CONTROL")
    wait_for(lambda: len(managed()) == 2, "two entries again")


def test_live_takes_imagejs_own_rectangle_and_points(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter
) -> None:
    live = component("JToggleButton", "Live")
    on_event_thread(live.doClick)
    try:
        java_class("ij.gui.Toolbar").getInstance().setTool("rectangle")
        desk.drag(blobs, (20, 103, 55, 142))
        expected = answer(segmenter, blobs, Prompt(box=(20, 103, 55, 142)), candidates=3, largest_only=True)[0]
        assert_same(proposal(blobs), expected)
        java_class("ij.gui.Toolbar").getInstance().setTool("point")
        desk.click(blobs, 158, 57)
        wait_for(
            lambda: '"points": [[158, 57]]' in str(proposal(blobs).getProperty("prompt")), "the point's object"
        )
    finally:
        on_event_thread(live.doClick)


def test_stacks_have_one_scene_a_plane_and_rois_know_theirs(
    desk: Desktop, data_dir: Path, segmenter: SessionSegmenter
) -> None:
    imp = open_image(data_dir / "images" / "blobs.gif")
    stack = imp.createEmptyStack()
    for turned in (False, True):
        plane = imp.getProcessor().duplicate()
        if turned:
            plane.flipHorizontal()
        stack.addSlice(plane)
    both = java_class("ij.ImagePlus")("two planes", stack)
    with shown(both) as image:
        desk.click(image, *BLOB)
        proposal(image)
        desk.press("T")
        wait_for(lambda: len(managed()) == 1, "the first plane's object")
        on_event_thread(partial(image.setSlice, 2))
        desk.click(image, 255 - BLOB[0], BLOB[1])
        second = proposal(image)
        desk.press("T")
        wait_for(lambda: len(managed()) == 2, "the second plane's object")
        assert [int(roi.getPosition()) for roi in managed()] == [1, 2]
        first = managed()[0].getBounds()
        assert abs(first.x + first.width + second.getBounds().x - 256) <= 3
        assert int(image.getStackSize()) == 2


def test_every_point_of_the_manager_is_a_prompt_in_a_batch(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter
) -> None:
    manager = keep_manager_away()
    seeds = [(34, 110), (158, 57), (71, 47)]
    for x, y in seeds:
        manager.addRoi(java_class("ij.gui.PointRoi")(x, y))
    on_event_thread(component("JButton", "Batch").doClick)
    wait_for(lambda: len(managed()) == 6, "three points and three objects")
    masks = [roi_mask(roi, (254, 256)) for roi in managed()[3:]]
    for (x, y), mask in zip(seeds, masks, strict=True):
        assert mask[y, x]


def test_a_macro_does_the_same_as_the_hand(desk: Desktop, blobs: Any, segmenter: SessionSegmenter) -> None:
    ij = java_class("ij.IJ")
    ij.runMacro('run("SAMJ Segment", "model=starter box=20,103,55,142");')
    (kept,) = wait_for(managed, "the macro's object")
    expected = answer(segmenter, blobs, Prompt(box=(20, 103, 55, 142)))[0]
    assert_same(kept, expected)
    ij.runMacro('run("SAMJ Export", "format=labels");')
    labels = wait_for(lambda: java_class("ij.WindowManager").getImage("blobs-labels"), "the label image")
    assert np.array_equal(pixels_of(labels) == 1, expected)
    labels.changes = False
    on_event_thread(labels.close)


def test_everything_fills_the_manager_within_the_selection(desk: Desktop, blobs: Any, tmp_path: Path) -> None:
    blobs.setRoi(0, 0, 128, 254)
    on_event_thread(component("JButton", "Everything").doClick)
    wait_for(lambda: "objects are in the ROI Manager" in panel_says(), "the end of the search")
    boxes = [roi.getBounds() for roi in managed()]
    assert len(boxes) >= 15
    assert all(box.x + box.width / 2 <= 135 for box in boxes)
    desk.shot("everything", tmp_path)


def test_a_right_click_opens_imagejs_menu_when_no_object_is_shown(
    desk: Desktop, blobs: Any, tmp_path: Path
) -> None:
    desk.click(blobs, *BLOB)
    proposal(blobs)
    desk.press("ESCAPE")
    wait_for(lambda: blobs.getRoi() is None, "no outline")
    before = desk.shot("before the menu", tmp_path)
    desk.click(blobs, 100, 60, RIGHT)

    def menu_is_there() -> bool:
        return bool((desk.shot("menu", tmp_path) != before).any(-1).sum() > 5000)

    wait_for(menu_is_there, "ImageJ's menu")
    desk.press("ESCAPE")
