"""Among ImageJ's own tools: what the user drew is hers, undo goes in order, nothing stays behind."""

from __future__ import annotations

import re
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from desktop import Desktop, component, on_event_thread, wait_for
from workbench import BLOB, managed, prompt_of, proposal, put_in, to_front

import samj_bridge
from samj_bridge.fiji import detach, java_class, java_thread
from samj_bridge.fiji.segmenter import SessionSegmenter

ROOT = Path(samj_bridge.__file__).parent.parent
ELSEWHERE = (158, 57)
REFLECTION = r"setAccessible\b|getDeclared(Field|Method|Constructor)"


def test_hovering_shows_what_a_click_would_give(desk: Desktop, blobs: Any) -> None:
    # An image is encoded for a click, not for a mouse that passes by.
    desk.click(blobs, *BLOB)
    proposal(blobs)
    desk.press("T")
    wait_for(lambda: len(managed()) == 1, "the object")
    preview = component("JCheckBox", "Preview")
    on_event_thread(preview.doClick)
    to_front(blobs)
    try:
        first = hover(desk, blobs, ELSEWHERE)
        assert bool(first.containsPoint(*map(float, ELSEWHERE)))
        second = hover(desk, blobs, (71, 47))
        assert bool(second.containsPoint(71.0, 47.0))
        assert second.getBounds() != first.getBounds()
        # It is no selection of the user's: it goes when the mouse does.
        desk.robot.mouseMove(5, 5)
        wait_for(lambda: blobs.getRoi() is None, "the preview to end")
        # A key keeps what is previewed.
        hover(desk, blobs, ELSEWHERE)
        desk.press("T")
        wait_for(lambda: len(managed()) == 2, "the previewed object")
        assert bool(managed()[1].containsPoint(*map(float, ELSEWHERE)))
        assert str(managed()[1].getProperty("samj")) == "None"
        desk.move(blobs, 3, 3)
        desk.click(blobs, *BLOB)
        wait_for(lambda: prompt_of(blobs)["points"] == [list(BLOB)], "the click's own object")
    finally:
        on_event_thread(preview.doClick)


def hover(desk: Desktop, imp: Any, place: tuple[int, int]) -> Any:
    """Rest the mouse near a place; returns the preview for it."""

    def there() -> Any:
        # A hand is never quite still, and previews are asked for by movements only.
        desk.move(imp, place[0] + hover.turn % 2, place[1])
        hover.turn += 1
        desk.robot.waitForIdle()
        roi = imp.getRoi()
        mine = roi is not None and str(roi.getProperty("samj")) == "preview"
        return roi if mine and bool(roi.containsPoint(*map(float, place))) else None

    return wait_for(there, f"a preview at {place}")


hover.turn = 0  # type: ignore[attr-defined]


def test_what_is_done_is_undone_in_order(desk: Desktop, blobs: Any) -> None:
    def shows(places: list[list[int]]) -> None:
        wait_for(lambda: prompt_of(blobs)["points"] == places, f"the object at {places}")

    def undo() -> None:
        desk.press("Z", "CONTROL")

    def redo() -> None:
        desk.press("Y", "CONTROL")

    desk.click(blobs, *BLOB)
    shows([list(BLOB)])
    desk.click(blobs, 38, 130, held="SHIFT")
    shows([list(BLOB), [38, 130]])
    undo()
    shows([list(BLOB)])
    redo()
    shows([list(BLOB), [38, 130]])
    desk.click(blobs, *ELSEWHERE)
    shows([list(ELSEWHERE)])
    desk.press("T")
    wait_for(lambda: len(managed()) == 1, "the object")
    undo()
    wait_for(lambda: not managed(), "the object to be out again")
    undo()
    shows([list(BLOB), [38, 130]])
    undo()
    undo()
    wait_for(lambda: blobs.getRoi() is None, "nothing, as in the beginning")
    redo()
    shows([list(BLOB)])


def test_a_selection_that_the_user_makes_or_moves_is_hers(desk: Desktop, blobs: Any) -> None:
    desk.click(blobs, *BLOB)
    before = proposal(blobs).getBounds()
    # Nudged by ImageJ's arrow keys: what is added then is what she sees.
    desk.press("RIGHT")
    wait_for(lambda: blobs.getRoi().getBounds().x == before.x + 1, "the outline to move")
    desk.press("T")
    wait_for(lambda: len(managed()) == 1, "the entry")
    assert managed()[0].getBounds().x == before.x + 1
    assert str(managed()[0].getProperty("samj")) == "None"
    # Drawn with another tool while a proposal was shown.
    on_event_thread(blobs.deleteRoi)
    desk.click(blobs, *ELSEWHERE)
    wait_for(lambda: prompt_of(blobs)["points"] == [list(ELSEWHERE)], "the object")
    java_class("ij.gui.Toolbar").getInstance().setTool("rectangle")
    desk.drag(blobs, (10, 10, 30, 40))
    desk.press("T")
    wait_for(lambda: len(managed()) == 2, "the rectangle")
    assert str(managed()[1].getTypeAsString()) == "Rectangle"
    # The object that was shown before is not lost.
    desk.press("Z", "CONTROL")
    wait_for(lambda: prompt_of(blobs)["points"] == [list(ELSEWHERE)], "the object")


def test_nothing_stays_behind_when_the_tool_is_taken_out(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter
) -> None:
    desk.click(blobs, *BLOB)
    proposal(blobs)

    def listeners() -> list[int]:
        canvas = blobs.getCanvas()
        images = java_class("ij.ImagePlus").getListeners()
        return [
            len(images),
            len(canvas.getMouseListeners()),
            len(canvas.getMouseWheelListeners()),
            len(canvas.getKeyListeners()),
        ]

    inside = listeners()
    detach()
    without = listeners()
    assert [had - has for had, has in zip(inside, without, strict=True)] == [1, 1, 1, 0]
    names = {str(one.getName()) for one in java_class("java.lang.Thread").getAllStackTraces().keySet()}
    assert not [name for name in names if name.startswith("SAMJ")]
    windows = [window for window in java_class("java.awt.Window").getWindows() if window.isDisplayable()]
    assert "SAMJ panel" not in [str(window.getName()) for window in windows]
    # Keys are ImageJ's own again: t adds the selection as any other.
    to_front(blobs)
    on_event_thread(partial(blobs.setRoi, 10, 20, 30, 40))
    desk.press("T")
    wait_for(lambda: len(managed()) == 1, "ImageJ's own t")
    put_in(segmenter)
    assert listeners() == inside
    put_in(segmenter)
    assert listeners() == inside


def test_every_thread_of_ours_finds_swings_classes(desk: Desktop, blobs: Any) -> None:
    """Without a context class loader, Fiji's look and feel is not found: each thread has one."""
    desk.click(blobs, *BLOB)
    proposal(blobs)
    stacks = java_class("java.lang.Thread").getAllStackTraces().keySet()
    ours = [thread for thread in stacks if str(thread.getName()).startswith("SAMJ")]
    assert ours
    assert all(thread.getContextClassLoader() is not None for thread in ours)
    found: list[bool] = []

    def python_thread() -> None:
        with java_thread():
            current = java_class("java.lang.Thread").currentThread()
            found.append(current.getContextClassLoader() is not None)

    thread = threading.Thread(target=python_thread)
    thread.start()
    thread.join()
    assert found == [True]


def test_java_was_started_as_fiji_needs_it(imagej: Any) -> None:
    """Without this option ImageJ2's legacy layer can't patch ImageJ; ImageJ 1.x itself does without."""
    started = java_class("java.lang.management.ManagementFactory").getRuntimeMXBean().getInputArguments()
    assert "--add-opens=java.base/java.lang=ALL-UNNAMED" in [str(argument) for argument in started]


@pytest.mark.parametrize(
    ("folder", "pattern", "words"),
    [
        ("java_glue/src/main", REFLECTION, "ImageJ's private members"),
        ("samj_bridge/fiji", REFLECTION, "ImageJ's private members"),
        # PyImageJ's mode "gui" blocks and gives no gateway: "interactive" is what the tool is started with.
        ("samj_bridge/fiji", r"""mode=["']gui""", "a mode that blocks"),
        # A Python thread has no class loader, so that Java classes are reached through java_class alone.
        ("samj_bridge/fiji", r"from (ij|java|javax)\b|jpype\.imports", "imports of Java classes past java_class"),
    ],
)
def test_what_must_not_be_in_the_sources(folder: str, pattern: str, words: str) -> None:
    sources = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".java", ".py"}]
    assert sources
    found = [path.name for path in sources if re.search(pattern, path.read_text(encoding="utf-8"))]
    # The one place that tells a running ImageJ of our commands: it has no other way in (decision 27).
    known = {"Reach.java"} if words == "ImageJ's private members" else set()
    assert set(found) <= known, f"{words}: {found}"
