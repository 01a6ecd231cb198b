"""Batches from the panel: stopped in the middle; the labels of a label image or mask as prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desktop import Desktop, component, menu_item, named, on_event_thread, rest, wait_for
from workbench import BLOB, OTHER, answer, as_before, assert_same, keep_manager_away, managed, opened, panel_says

from samj_bridge.fiji import java_class, roi_mask
from samj_bridge.session import Prompt
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module", autouse=True)
def _as_before(desk: Desktop) -> Iterator[None]:
    yield
    as_before()


def test_a_batch_can_be_stopped_and_what_was_found_stays(desk: Desktop, blobs: Any) -> None:
    desk.choose(opened(), "Starter")
    manager = keep_manager_away()
    points = java_class("ij.gui.PointRoi")(*BLOB)
    for number in range(1000):
        points.addPoint(2 + number * 7 % 250, 2 + number % 250)
    manager.addRoi(points)
    desk.push(component("JButton", "Batch"))
    wait_for(lambda: len(managed()) > 1, "the first object")
    desk.push(wait_for(cancel_button, "the button"))
    wait_for(lambda: "prompts" in panel_says(), f"the end of the batch: {panel_says()!r}")
    words = re.fullmatch(
        r"Stopped after (\d+) of 1001 prompts; (\d+) objects are in the ROI Manager\.", panel_says()
    )
    assert words is not None, panel_says()
    assert len(managed()) == int(words[2]) + 1
    assert int(words[2]) <= int(words[1]) < 1001


def cancel_button() -> Any:
    """Return the button that stops a batch: the one that shows of the two that say so."""
    button = named("samj cancel")
    return button if button.isShowing() else None


def labels_for(desk: Desktop, blobs: Any, masks: list[np.ndarray], values: list[int], kind: str, title: str) -> Any:
    """Show a label image whose objects are `masks`."""
    processor = java_class(f"ij.process.{kind}")(blobs.getWidth(), blobs.getHeight())
    for mask, value in zip(masks, values, strict=True):
        for y, x in np.argwhere(mask).tolist():
            processor.set(x, y, value)
    imp = java_class("ij.ImagePlus")(title, processor)
    imp.show()
    aside(imp)
    desk.activate(blobs)
    return imp


def aside(imp: Any) -> None:
    """Wait for a window, and put it where it covers no other."""
    wait_for(lambda: imp.getCanvas() is not None and imp.getCanvas().isShowing(), "the label image")
    imp.getWindow().setLocation(940, 560)
    rest(imp.getCanvas())


def close(imp: Any) -> None:
    imp.changes = False
    on_event_thread(imp.close)


def entry(words: str) -> Any:
    """Wait for an entry of the menu that the button opens."""
    return wait_for(partial(menu_item, words), f"the entry {words!r}")


def discs(places: list[tuple[int, int]]) -> list[np.ndarray]:
    y, x = np.mgrid[:254, :256]
    return [(x - cx) ** 2 + (y - cy) ** 2 < 81 for cx, cy in places]


def test_each_label_of_an_open_label_image_is_refined(
    desk: Desktop, blobs: Any, tool_settings: Settings, tmp_path: Path
) -> None:
    desk.choose(opened(), "Starter")
    # Whatever they were before: the answers are compared, and a picture is taken.
    as_before()
    masks = discs([(BLOB[0], BLOB[1] + 8), OTHER])
    recorder = java_class("ij.plugin.frame.Recorder")()
    recorder.setLocation(0, 640)
    labels = labels_for(desk, blobs, masks, [150, 300], "ShortProcessor", "rough labels")
    try:
        desk.push(component("JButton", "Batch"))
        desk.push(entry("Labels of rough labels"))
        wait_for(lambda: "2 objects for 2 prompts" in panel_says(), f"the batch: {panel_says()!r}")
        desk.shot("panel-labels", tmp_path)
        assert [str(roi.getProperty("label")) for roi in managed()] == ["150", "300"]
        boxes = [(x - 8, y - 8, x + 9, y + 9) for x, y in ((BLOB[0], BLOB[1] + 8), OTHER)]
        prompts = [Prompt(box=box, mask=mask) for box, mask in zip(boxes, masks, strict=True)]
        for roi, expected in zip(managed(), answer(tool_settings, blobs, prompts, largest_only=True), strict=True):
            assert_same(roi, expected)
        macro = 'run("SAMJ Segment", "model=starter labels=[rough labels] largest");'
        assert macro in str(recorder.getText())
        first = [roi_mask(roi, (254, 256)) for roi in managed()]
        manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
        on_event_thread(manager.reset)
        java_class("ij.IJ").runMacro(macro)
        for roi, expected in zip(managed(), first, strict=True):
            assert_same(roi, expected)
    finally:
        on_event_thread(recorder.close)
        close(labels)


def test_each_connected_part_of_a_mask_is_refined(desk: Desktop, blobs: Any) -> None:
    mask = labels_for(desk, blobs, discs([BLOB, OTHER, (71, 47)]), [255] * 3, "ByteProcessor", "rough mask")
    try:
        java_class("ij.IJ").runMacro('run("SAMJ Segment", "model=starter labels=[rough mask]");')
        covers = [roi_mask(roi, (254, 256)) for roi in managed()]
        assert len(covers) == 3
        assert all(any(cover[y, x] for cover in covers) for x, y in (BLOB, OTHER, (71, 47)))
    finally:
        close(mask)


def test_images_that_are_no_labels_of_this_one_are_refused_in_words(desk: Desktop, blobs: Any) -> None:
    others = []
    for title, kind, size, value in (
        ("small", "ShortProcessor", (100, 90), 1.0),
        ("coloured", "ColorProcessor", (256, 254), 1.0),
        ("measured", "FloatProcessor", (256, 254), 0.5),
        ("empty", "ShortProcessor", (256, 254), 0.0),
    ):
        processor = java_class(f"ij.process.{kind}")(*size)
        processor.setf(5, 5, value)
        others.append(java_class("ij.ImagePlus")(title, processor))
        others[-1].show()
    for imp in others:
        aside(imp)
    desk.activate(blobs)
    try:
        desk.push(component("JButton", "Batch"))
        for words in (
            "small is 100 x 90 pixels, blobs.gif is 256 x 254.",
            "coloured is a colour image: labels are numbers.",
        ):
            assert not entry(words).isEnabled()
        desk.push(entry("Labels of measured"))
        wait_for(lambda: "measured is no label image: it has the value 0.5 at (5, 5)." in panel_says(), "words")
        desk.push(component("JButton", "Batch"))
        desk.push(entry("Labels of empty"))
        wait_for(lambda: "empty has no label: all of its pixels are 0." in panel_says(), "words")
        assert managed() == []
    finally:
        for imp in others:
            close(imp)
