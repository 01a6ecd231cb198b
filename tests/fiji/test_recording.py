"""What is done by hand, as the recorder writes it; and that run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from desktop import Desktop, choose_item, component, named, on_event_thread, wait_for
from workbench import keep_manager_away, managed, opened, panel_says, proposal, to_front

from samj_bridge.fiji import java_class, pixels_of, roi_mask


def macro(text: str) -> None:
    java_class("ij.IJ").runMacro(text)


RECORDED = [
    'run("SAMJ Install", "model=starter");',
    'run("SAMJ Batch", "model=starter largest");',
    'run("SAMJ Segment", "model=starter box=20,103,55,142 candidate=2 largest");',
    'run("SAMJ Segment", "model=starter labels=[rough labels] largest");',
    'run("SAMJ Everything", "model=starter largest");',
    'run("SAMJ Export", "format=labels");',
    'run("SAMJ Device", "device=auto");',
    'run("SAMJ Repair");',
]


def test_all_that_the_panel_does_is_recorded_and_run_again_gives_the_same(desk: Desktop, blobs: Any) -> None:
    opened()
    manager = keep_manager_away()
    recorder = java_class("ij.plugin.frame.Recorder")
    roi, windows = java_class("ij.gui.Roi"), java_class("ij.WindowManager")
    labels = java_class("ij.ImagePlus")("rough labels", java_class("ij.process.ShortProcessor")(256, 254))
    for number, (x, y) in enumerate([(34, 118), (71, 47)], 1):
        for dx, dy in np.ndindex(17, 17):
            labels.getProcessor().set(x + dx - 8, y + dy - 8, number)

    @contextmanager
    def beside() -> Iterator[None]:
        """Show the label image where it covers nothing, and take it away, not what was found."""
        labels.show()
        wait_for(lambda: labels.getCanvas() is not None and labels.getCanvas().isShowing(), "the label image")
        labels.getWindow().setLocation(940, 560)
        desk.activate(blobs)
        yield
        labels.changes = False
        on_event_thread(labels.hide)
        to_front(blobs)

    def begin() -> None:
        on_event_thread(manager.reset)
        manager.addRoi(roi(20, 103, 35, 39))
        manager.addRoi(java_class("ij.gui.PointRoi")(139, 55))

    def end() -> tuple[list[bytes], np.ndarray]:
        """Return what is there then: the pixels of every object, and the label image."""
        image = wait_for(lambda: windows.getImage("blobs-labels"), "the label image")
        values = pixels_of(image, raw=True).copy()
        on_event_thread(image.close)
        # The first two are the prompts of the batch.
        return [roi_mask(one, (254, 256)).tobytes() for one in managed()[2:]], values

    def mended(code: str, words: str) -> None:
        """Press the button that an error brings."""
        talk = java_class("org.samj.bridge.ij.Bridge").running().talk
        talk.fail(java_class("org.samj.bridge.SegmenterException")(code, "It does not work.", ""))
        wait_for(named("samj mend").isShowing, "the button")
        on_event_thread(named("samj mend").doClick)
        wait_for(lambda: words in panel_says(), words)

    begin()
    # Without its window: on this screen it would lie over the image.
    window = recorder(False)
    try:
        mended("not-set-up", "SAMJ is ready")
        on_event_thread(component("JButton", "Batch").doClick)
        wait_for(lambda: len(managed()) == 4, "the batch")
        wait_for(lambda: not named("samj cancel").isShowing(), "the end of the batch")
        to_front(blobs)
        desk.drag(blobs, (20, 103, 55, 142))
        proposal(blobs)
        desk.press("2")
        wait_for(lambda: str(blobs.getRoi().getProperty("candidate")) == "1", "the other candidate")
        desk.press("T")
        wait_for(lambda: len(managed()) == 5, "the object")
        with beside():
            choose_item(desk, component("JButton", "Batch"), "Labels of rough labels")
            wait_for(lambda: "2 objects for 2 prompts" in panel_says(), "the labels")
        on_event_thread(partial(blobs.setRoi, 0, 0, 100, 100))
        on_event_thread(component("JButton", "Everything").doClick)
        wait_for(lambda: "objects are in the ROI Manager" in panel_says(), "the end of the search")
        choose_item(desk, component("JButton", "Export..."), "Label image")
        by_hand, exported = end()
        mended("device-unavailable", "runs on auto")
        on_event_thread(named("samj repair").doClick)
        wait_for(lambda: "Repaired" in panel_says(), "the repair")
        lines = [line for line in str(window.getText()).splitlines() if "SAMJ" in line]
    finally:
        on_event_thread(window.close)
    assert lines == RECORDED
    # Each command has a line, but for the one that shows the panel, and the one that only the jar alone can do; the
    # one for stacks has a test of its own (test_through_stacks.py).
    named_there = {line.split('"')[1] for line in lines}
    assert named_there == set(map(str, java_class("org.samj.bridge.ij.Bridge").commands())) - {
        "SAMJ Panel",
        "SAMJ Propagate",
        "SAMJ Remove",
    }
    begin()
    with beside():
        for line in lines:
            selection = "makeRectangle(0, 0, 100, 100); " if "Everything" in line else ""
            macro(f'selectImage("blobs.gif"); {selection}{line}')
        replayed, labelled = end()
    assert replayed == by_hand
    assert len(by_hand) > 8
    assert np.array_equal(labelled, exported)
    assert int(exported.max()) == len(by_hand) + 2


def test_the_recorder_writes_scripts_as_well(desk: Desktop, blobs: Any) -> None:
    prefs = java_class("ij.Prefs")
    prefs.set("recorder.mode", "JavaScript")
    window = java_class("ij.plugin.frame.Recorder")(False)
    try:
        desk.click(blobs, 34, 110)
        proposal(blobs)
        desk.press("T")
        wait_for(lambda: len(managed()) == 1, "the object")
        lines = [line for line in str(window.getText()).splitlines() if "SAMJ" in line]
    finally:
        on_event_thread(window.close)
        prefs.set("recorder.mode", "Macro")
    assert lines == ['IJ.run("SAMJ Segment", "model=starter points=[34,110] largest");']
