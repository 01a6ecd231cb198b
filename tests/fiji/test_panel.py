"""The panel itself: what it says is next, what it shows where it matters, errors that a button mends, its keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desktop import Desktop, component, named, on_event_thread, rest, wait_for
from workbench import (
    BLOB,
    OTHER,
    bring_forward,
    choose_tool,
    keep_manager_away,
    managed,
    opened,
    panel_says,
    prompt_of,
    proposal,
    put_in,
    shown,
    to_front,
    unfold,
)

from samj_bridge.fiji import java_class, open_image
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


def button() -> str:
    """Return what the large button says."""
    return str(named("samj ready").getText())


def panel() -> Any:
    return java_class("javax.swing.SwingUtilities").getWindowAncestor(named("samj ready"))


def parts(within: Any) -> list[Any]:
    """Return every component that shows in a window."""
    found = []
    for one in within.getComponents() if hasattr(within, "getComponents") else []:
        if bool(one.isShowing()):
            found += [one, *parts(one)]
    return found


def test_the_large_button_is_what_comes_next(desk: Desktop, blobs: Any) -> None:
    java_class("ij.gui.Toolbar").getInstance().setTool("rectangle")
    wait_for(lambda: "Press here for the SAMJ tool" in str(named("samj next").getText()), "the tool to be offered")
    assert button() == "Click on an object"
    rest(named("samj ready"))
    desk.push(named("samj ready"))
    tool = java_class("org.samj.bridge.ij.tool.SamjTool")
    assert str(java_class("ij.gui.Toolbar").getToolName()) == str(tool.NAME)
    wait_for(blobs.getWindow().isActive, "the image in front")
    desk.click(blobs, *BLOB)
    proposal(blobs)
    wait_for(lambda: button() == "Keep it", "the next step")
    desk.push(named("samj ready"))
    (kept,) = wait_for(managed, "the object")
    assert bool(kept.contains(*BLOB))
    wait_for(lambda: button() == "Click on an object", "the next object")


def test_without_an_image_it_opens_one(desk: Desktop, data_dir: Path) -> None:
    with shown(open_image(data_dir / "images" / "blobs.gif")):
        wait_for(lambda: button() == "Click on an object", "the image to be seen")
    wait_for(lambda: button() == "Open an image...", "an image to be asked for")


def test_the_steps_for_beginners_are_ticked_off_and_go_by_themselves(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter
) -> None:
    prefs = java_class("ij.Prefs")
    prefs.set("samj.hint", "")
    try:
        put_in(segmenter)
        opened()
        hint = named("samj hint")
        wait_for(hint.isShowing, "the steps")

        def open_steps() -> list[str]:
            labels = [one for one in parts(hint) if isinstance(one, java_class("javax.swing.JLabel"))]
            return [str(one.getText())[:1] for one in labels if bool(one.isEnabled())]

        wait_for(lambda: open_steps() == ["2", "3"], "the image to be ticked off")
        to_front(blobs)
        desk.click(blobs, *BLOB)
        proposal(blobs)
        wait_for(lambda: open_steps() == ["3"], "the click to be ticked off")
        desk.press("ENTER")
        wait_for(lambda: not hint.isShowing(), "the steps to go")
        assert str(prefs.get("samj.hint", "")) == "done"
    finally:
        prefs.set("samj.hint", "done")


def test_prompts_are_drawn_while_they_act(desk: Desktop, blobs: Any, tmp_path: Path) -> None:
    def dots(colour: tuple[int, int, int]) -> int:
        picture = desk.shot("marks", tmp_path, blobs.getCanvas()).astype(int)
        return int((np.abs(picture - colour).max(-1) < 12).sum())

    plus, minus, box = (0x2E, 0x9E, 0x4F), (0xD3, 0x3C, 0x3C), (0x4F, 0xC3, 0xF7)
    desk.click(blobs, *BLOB)
    proposal(blobs)
    assert dots(plus) > 20
    assert dots(minus) == dots(box) == 0
    desk.click(blobs, 54, 126, held="ALT")
    wait_for(lambda: len(prompt_of(blobs).get("negative", [])) == 1, "the refined object")
    assert dots(minus) > 20
    # Kept, it is an outline and nothing else; the image's overlay is the user's.
    desk.press("ENTER")
    wait_for(managed, "the object")
    wait_for(lambda: dots(plus) == dots(minus) == 0, "no marks")
    assert blobs.getOverlay() is None
    assert "Marked" not in str(managed()[0].getClass().getName())
    to_front(blobs)
    desk.drag(blobs, (130, 46, 150, 64))
    proposal(blobs)
    assert dots(box) > 20
    desk.press("ESCAPE")
    wait_for(lambda: dots(box) == 0, "no marks")


def test_doubtful_outlines_are_dashed_on_demand(desk: Desktop, blobs: Any) -> None:
    manager = keep_manager_away()
    for score in ("0.95", "0.7", "0.3", "none"):
        roi = java_class("ij.gui.Roi")(10, 10, 20, 20)
        roi.setProperty("score", score)
        manager.addRoi(roi)
    plain = java_class("ij.gui.Roi")(50, 50, 20, 20)
    manager.addRoi(plain)

    def dashes() -> list[tuple[float, ...]]:
        strokes = [roi.getStroke() for roi in managed()]
        arrays = [None if stroke is None else stroke.getDashArray() for stroke in strokes]
        return [() if array is None else tuple(array) for array in arrays]

    assert dashes() == [()] * 5
    box = component("JCheckBox", "Dash doubtful ones")
    on_event_thread(box.doClick)
    try:
        full, dashed, dotted, *others = dashes()
        assert full == ()
        assert dashed[0] > dotted[0] > 0
        assert others == [(), ()]
    finally:
        on_event_thread(box.doClick)
    assert dashes() == [()] * 5


def test_the_list_has_classes_scores_and_areas_and_shows_what_is_chosen(
    desk: Desktop, blobs: Any, tmp_path: Path
) -> None:
    keep_manager_away()
    for place in (BLOB, OTHER):
        desk.click(blobs, *place)
        wait_for(lambda place=place: prompt_of(blobs)["points"] == [list(place)], "the object")
        desk.press("ENTER")
    wait_for(lambda: len(managed()) == 2, "two objects")
    unfold("Objects")
    table = named("samj objects")
    wait_for(lambda: int(table.getRowCount()) == 2, "two rows")
    desk.shot("panel-list", tmp_path)
    for row, roi in enumerate(managed()):
        assert str(table.getValueAt(row, 1)) == str(roi.getName())
        assert float(table.getValueAt(row, 3)) == float(str(roi.getProperty("score")))
        assert int(table.getValueAt(row, 4)) == len(roi.getContainedPoints())
    on_event_thread(partial(table.setRowSelectionInterval, 1, 1))
    wait_for(
        lambda: blobs.getRoi() is not None and bool(blobs.getRoi().contains(*OTHER)), "the object on the image"
    )
    bring_forward(panel(), "the panel in front")
    on_event_thread(table.requestFocus)
    wait_for(table.hasFocus, "the list to take the keyboard")
    desk.press("DELETE")
    wait_for(lambda: len(managed()) == 1, "one object fewer")
    assert bool(managed()[0].contains(*BLOB))
    wait_for(lambda: int(table.getRowCount()) == 1, "one row fewer")


def test_the_display_range_and_the_channel_are_there_where_they_matter(desk: Desktop, blobs: Any) -> None:
    assert not bool(named("samj range").isShowing())
    assert not bool(named("samj channel").isShowing())
    ij = java_class("ij.IJ")
    values = np.linspace(0, 4000, 64 * 64).reshape(64, 64)
    deep = java_class("ij.process.ShortProcessor")(64, 64)
    for y in range(64):
        for x in range(64):
            deep.set(x, y, int(values[y, x]))
    wide = java_class("ij.ImagePlus")("deep", deep)
    wide.setDisplayRange(100.0, 60000.0)
    with shown(wide):
        wait_for(lambda: str(named("samj range").getText()) == "Shown: 100 to 60000", "the range")
        rest(named("samj auto range"))
        desk.push(named("samj auto range"))
        wait_for(lambda: float(wide.getDisplayRangeMax()) < 5000, "a better range")
        wait_for(lambda: not str(named("samj range").getText()).endswith("60000"), "the new range")
    merged = ij.createHyperStack("two channels", 64, 64, 2, 1, 1, 8)
    with shown(java_class("ij.CompositeImage")(merged, int(ij.COMPOSITE))) as both:
        channel = named("samj channel")
        wait_for(channel.isShowing, "the channels")
        assert [str(channel.getItemAt(i)) for i in range(channel.getItemCount())] == ["all, as shown", "1", "2"]
        on_event_thread(partial(channel.setSelectedIndex, 2))
        assert int(both.getC()) == 2
        assert int(both.getMode()) != int(ij.COMPOSITE)
        on_event_thread(partial(channel.setSelectedIndex, 0))
        assert int(both.getMode()) == int(ij.COMPOSITE)
    wait_for(lambda: not channel.isShowing(), "the channels to go")


def test_an_error_offers_what_mends_it(
    desk: Desktop, blobs: Any, borrowed: Callable[[SessionSegmenter], None], ready_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home é"
    home.mkdir()
    borrowed(SessionSegmenter(Settings(home=home)))
    opened()
    wait_for(lambda: button() == "Set up", "what is first")
    to_front(blobs)
    choose_tool()
    desk.click(blobs, *BLOB)
    wait_for(lambda: "SAMJ is not set up" in panel_says(), "words")
    mend = named("samj mend")
    wait_for(mend.isShowing, "the button")
    assert str(mend.getText()) == "Set up"
    wait_for(lambda: blobs.getRoi() is None, "no prompt to be left on the image")
    # Made with what is here: the suite's environment, as another home's.
    (home / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
    rest(mend)
    desk.push(mend)
    wait_for(lambda: "SAMJ is ready" in panel_says(), "the set-up")
    wait_for(lambda: button() != "Set up", "the next step")
    assert not bool(mend.isShowing())
    to_front(blobs)
    desk.click(blobs, *BLOB)
    proposal(blobs)


def test_an_error_that_nobody_knows_can_be_copied_as_a_report(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter
) -> None:
    talk = java_class("org.samj.bridge.ij.Bridge").running().talk
    talk.fail(java_class("java.lang.IllegalStateException")("the moon is blue"))
    mend = named("samj mend")
    wait_for(mend.isShowing, "the button")
    assert str(mend.getText()) == "Copy the report"
    rest(mend)
    desk.push(mend)
    clipboard = java_class("java.awt.Toolkit").getDefaultToolkit().getSystemClipboard()
    flavour = java_class("java.awt.datatransfer.DataFlavor").stringFlavor
    wait_for(lambda: "the moon is blue" in str(clipboard.getData(flavour)), "the report")
    # What stopped on request is no error to mend.
    talk.fail(java_class("org.samj.bridge.SegmenterException")("cancelled", "Stopped on request.", ""))
    wait_for(lambda: panel_says() == "Stopped on request.", "words")
    assert not bool(mend.isShowing())


def test_the_keyboard_alone_reaches_everything(desk: Desktop, blobs: Any) -> None:
    unfold("Options")
    unfold("Log")
    try:
        window = panel()
        kinds = ("AbstractButton", "JComboBox", "JTextField", "JSpinner", "JTable")
        swing = tuple(java_class(f"javax.swing.{kind}") for kind in kinds)
        wanted = {
            str(one.getName() or one.getToolTipText())
            for one in parts(window)
            if isinstance(one, swing)
            and bool(one.isEnabled())
            and bool(one.isFocusable())
            and not isinstance(one.getParent(), java_class("javax.swing.JComboBox"))
            and not isinstance(one.getParent(), java_class("javax.swing.JSpinner"))
            and not isinstance(one.getParent(), java_class("javax.swing.JScrollBar"))
        }
        bring_forward(window, "the panel in front")
        on_event_thread(named("samj ready").requestFocus)
        wait_for(named("samj ready").hasFocus, "the first control to take the keyboard")
        managers = java_class("java.awt.KeyboardFocusManager")
        reached = set()
        for _ in range(3 * len(wanted)):
            owner = managers.getCurrentKeyboardFocusManager().getFocusOwner()
            while owner is not None and owner is not window:
                if isinstance(owner, java_class("javax.swing.JComponent")):
                    reached.add(str(owner.getName() or owner.getToolTipText()))
                owner = owner.getParent()
            if wanted <= reached:
                break
            desk.press("TAB")
        assert wanted <= reached, wanted - reached
        assert len(wanted) > 15
    finally:
        unfold("Options", shut=True)
        unfold("Log", shut=True)


def test_every_control_says_what_it_does(desk: Desktop, blobs: Any) -> None:
    unfold("Options")
    try:
        kinds = ("AbstractButton", "JComboBox", "JTextField", "JSpinner", "JTable")
        swing = tuple(java_class(f"javax.swing.{kind}") for kind in kinds)
        inner = tuple(java_class(f"javax.swing.{kind}") for kind in ("JComboBox", "JSpinner", "JScrollBar"))
        silent = [
            str(one)
            for one in parts(panel())
            if isinstance(one, swing)
            and not isinstance(one.getParent(), inner)
            and not isinstance(one.getParent().getParent(), inner)
            and one.getToolTipText() is None
        ]
        assert silent == []
    finally:
        unfold("Options", shut=True)


def test_sections_stay_as_they_were_left_and_the_window_where_it_was_put(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter
) -> None:
    unfold("Options")
    before = panel()
    on_event_thread(partial(before.setLocation, 12, 300))
    rest(named("samj ready"))
    place = before.getLocation()
    try:
        put_in(segmenter)
        opened()
        assert bool(named("samj fold Options").isSelected())
        rest(named("samj ready"))
        assert abs(panel().getX() - place.x) < 40
        assert abs(panel().getY() - place.y) < 40
    finally:
        unfold("Options", shut=True)
        # There it lies under the images of the tests that follow.
        java_class("ij.Prefs").set("samj.panel", "")
        put_in(segmenter)
        opened()
