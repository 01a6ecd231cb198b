"""Every kind of image: what is shown is what is segmented, and the image itself stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jpype
import numpy as np
import pytest
from desktop import Desktop, on_event_thread, wait_for
from workbench import (
    BLOB,
    answer_for,
    assert_same,
    keep_manager_away,
    managed,
    prompt_of,
    proposal,
    shown,
    to_front,
)

from samj_bridge.fiji import java_class, open_image
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.session import Prompt

KEPT = {"candidates": 3, "largest_only": True}
"""What the panel asks for unless told otherwise."""


@pytest.fixture(scope="module")
def grey(data_dir: Path, imagej: Any) -> np.ndarray:
    """ImageJ's blobs as an array, bright on black."""
    pixels = open_image(data_dir / "images" / "blobs.gif").getProcessor().getPixels()
    return np.asarray(pixels).view(np.uint8).reshape(254, 256)


def processor(pixels: np.ndarray) -> Any:
    """Return an array as an ImageProcessor."""
    height, width = pixels.shape[:2]
    if pixels.ndim == 3:
        colours = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
        return java_class("ij.process.ColorProcessor")(width, height, jpype.JArray(jpype.JInt)(colours.ravel()))
    if pixels.dtype == np.float32:
        return java_class("ij.process.FloatProcessor")(width, height, jpype.JArray(jpype.JFloat)(pixels.ravel()))
    if pixels.dtype == np.uint16:
        values = jpype.JArray(jpype.JShort)(pixels.ravel().view(np.int16))
        return java_class("ij.process.ShortProcessor")(width, height, values, None)
    return java_class("ij.process.ByteProcessor")(
        width, height, jpype.JArray(jpype.JByte)(pixels.ravel().view(np.int8))
    )


def image(title: str, *planes: np.ndarray) -> Any:
    """Return an ImagePlus of one or several planes."""
    stack = java_class("ij.ImageStack")(planes[0].shape[1], planes[0].shape[0])
    for plane in planes:
        stack.addSlice(processor(plane))
    return java_class("ij.ImagePlus")(title, stack)


def after_click(desk: Desktop, imp: Any, place: tuple[int, int] = BLOB) -> Any:
    """Click, and return the proposal for this very click."""
    desk.click(imp, *place)
    wait_for(lambda: prompt_of(imp).get("points") == [list(place)], f"the object at {place}")
    return proposal(imp)


def test_sixteen_bits_are_segmented_in_the_range_that_is_displayed(
    desk: Desktop, segmenter: SessionSegmenter, grey: np.ndarray
) -> None:
    pixels = grey.astype(np.uint16) * 200 + 3000
    with shown(image("sixteen", pixels)) as imp:
        for low, high in ((3000, 54_000), (20_000, 30_000)):
            on_event_thread(partial(imp.setDisplayRange, low, high))
            on_event_thread(imp.updateAndDraw)
            roi = after_click(desk, imp)
            assert_same(roi, answer_for(segmenter, pixels, Prompt(points=[BLOB]), ranges=(low, high), **KEPT)[0])
            desk.press("ESCAPE")
            wait_for(lambda imp=imp: imp.getRoi() is None, "no outline")


def test_floats_may_have_holes_of_no_number(desk: Desktop, segmenter: SessionSegmenter, grey: np.ndarray) -> None:
    pixels = grey.astype(np.float32) / 255 - 0.5
    pixels[:20] = np.nan
    pixels[100:104, 100:104] = np.inf
    with shown(image("floats", pixels)) as imp:
        on_event_thread(partial(imp.setDisplayRange, -0.4, 0.4))
        roi = after_click(desk, imp)
        ranges = (float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax()))
        assert_same(roi, answer_for(segmenter, pixels, Prompt(points=[BLOB]), ranges=ranges, **KEPT)[0])


def test_colours_are_segmented_as_colours(desk: Desktop, segmenter: SessionSegmenter, grey: np.ndarray) -> None:
    pixels = np.stack([grey, 255 - grey, np.roll(grey, 40, 1)], -1)
    with shown(image("colours", pixels)) as imp:
        assert_same(after_click(desk, imp), answer_for(segmenter, pixels, Prompt(points=[BLOB]), **KEPT)[0])


def test_of_a_composite_the_channels_that_are_shown_count(
    desk: Desktop, segmenter: SessionSegmenter, grey: np.ndarray, tmp_path: Path
) -> None:
    both = image("composite", grey, np.roll(grey, 60, 0))
    both.setDimensions(2, 1, 1)
    composite = java_class("ij.CompositeImage")(both, java_class("ij.IJ").COMPOSITE)
    with shown(composite) as imp:
        for count, active in enumerate(("11", "10"), 1):
            on_event_thread(partial(imp.setActiveChannels, active))
            seen = on_screen(desk, imp, tmp_path)
            assert_same(after_click(desk, imp), answer_for(segmenter, seen, Prompt(points=[BLOB]), **KEPT)[0])
            desk.press("T")
            wait_for(lambda count=count: len(managed()) == count, "the object")
        assert [int(roi.getCPosition()) for roi in managed()] == [0, 0]
        # One channel by itself is grey, and its ROIs are its own.
        on_event_thread(partial(imp.setDisplayMode, java_class("ij.IJ").GRAYSCALE))
        on_event_thread(partial(imp.setC, 2))
        roi = after_click(desk, imp, (BLOB[0], (BLOB[1] + 60) % 254))
        ranges = (float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax()))
        prompt = Prompt(points=[(BLOB[0], (BLOB[1] + 60) % 254)])
        assert_same(roi, answer_for(segmenter, np.roll(grey, 60, 0), prompt, ranges=ranges, **KEPT)[0])
        desk.press("T")
        wait_for(lambda: len(managed()) == 3, "the channel's object")
        assert int(managed()[2].getCPosition()) == 2


def on_screen(desk: Desktop, imp: Any, folder: Path) -> np.ndarray:
    """Return what the screen shows of an image without selection at its full size."""
    assert float(imp.getCanvas().getMagnification()) == 1.0
    on_event_thread(imp.deleteRoi)
    on_event_thread(imp.updateAndDraw)
    desk.robot.mouseMove(5, 5)
    desk.robot.waitForIdle()
    corner = imp.getCanvas().getLocationOnScreen()
    hidden = java_class("ij.plugin.frame.RoiManager").getInstance2()
    if hidden is not None:
        on_event_thread(partial(hidden.runCommand, imp, "Show None"))
        desk.robot.waitForIdle()
    height, width = int(imp.getHeight()), int(imp.getWidth())

    def still() -> np.ndarray | None:
        first, second = (
            desk.shot("seen", folder)[corner.y : corner.y + height, corner.x : corner.x + width] for _ in range(2)
        )
        return second if np.array_equal(first, second) and second.any() else None

    return np.ascontiguousarray(wait_until_some(still))


def wait_until_some(look: Any) -> np.ndarray:
    """Return the first array that a look gives."""
    found: list[np.ndarray] = []

    def there() -> bool:
        value = look()
        if value is not None:
            found.append(value)
        return bool(found)

    wait_for(there, "the screen to stand still")
    return found[0]


def test_each_plane_of_a_hyperstack_is_an_image_of_its_own(
    desk: Desktop, segmenter: SessionSegmenter, grey: np.ndarray
) -> None:
    counts = (4, 3, 2)
    planes = [np.roll(grey, (7 * n, 3 * n), (0, 1)) for n in range(24)]
    imp = image("time lapse", *planes)
    imp.setDimensions(*counts)
    imp.setOpenAsHyperStack(True)
    calibration = imp.getCalibration()
    calibration.pixelWidth = calibration.pixelHeight = 0.5
    calibration.setUnit("um")
    before = looks_of(imp)
    with shown(imp) as stack:
        for place in ((2, 1, 2), (4, 3, 1)):
            on_event_thread(partial(stack.setPosition, *place))
            number = int(stack.getStackIndex(*place)) - 1
            dot = ((BLOB[0] + 3 * number) % 256, (BLOB[1] + 7 * number) % 254)
            roi = after_click(desk, stack, dot)
            mask = answer_for(segmenter, planes[number], Prompt(points=[dot]), ranges=(0, 255), **KEPT)[0]
            assert_same(roi, mask)
            desk.press("T")
            wait_for(lambda place=place: managed() and position(managed()[-1]) == place, "the object's position")
            assert area_in_results(stack) == pytest.approx(mask.sum() * 0.25)
        assert [position(roi) for roi in managed()] == [(2, 1, 2), (4, 3, 1)]
        assert looks_of(stack) == before
        assert int(stack.getStackSize()) == 24


def looks_of(imp: Any) -> tuple[str, bytes, float, float]:
    """Return what must not change about an image: calibration, look-up table, display range."""
    table = bytes(np.asarray(imp.getProcessor().getLut().getBytes()).view(np.uint8))
    return str(imp.getCalibration()), table, float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())


def position(roi: Any) -> tuple[int, int, int]:
    return int(roi.getCPosition()), int(roi.getZPosition()), int(roi.getTPosition())


def area_in_results(imp: Any) -> float:
    """Return what the ROI Manager measures for its last entry."""
    table = java_class("ij.measure.ResultsTable").getResultsTable()
    java_class("ij.plugin.filter.Analyzer").setMeasurements(java_class("ij.measure.Measurements").AREA)
    manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
    manager.select(manager.getCount() - 1)
    manager.runCommand(imp, "Measure")
    area = float(table.getValue("Area", table.size() - 1))
    table.reset()
    on_event_thread(lambda: java_class("ij.measure.ResultsTable").getResultsWindow().close(False))
    to_front(imp)
    return area


def test_a_virtual_stack_is_read_plane_by_plane(
    desk: Desktop, segmenter: SessionSegmenter, grey: np.ndarray, tmp_path: Path
) -> None:
    planes = [grey, np.roll(grey, 50, 1), np.roll(grey, 100, 1)]
    ij = java_class("ij.IJ")
    ij.saveAsTiff(image("on disk", *planes), str(tmp_path / "on disk.tif"))
    virtual = java_class("ij.plugin.FileInfoVirtualStack").openVirtual(str(tmp_path / "on disk.tif"))
    assert bool(virtual.getStack().isVirtual())
    with shown(virtual) as imp:
        on_event_thread(partial(imp.setSlice, 3))
        place = ((BLOB[0] + 100) % 256, BLOB[1])
        roi = after_click(desk, imp, place)
        assert_same(roi, answer_for(segmenter, planes[2], Prompt(points=[place]), ranges=(0, 255), **KEPT)[0])
        desk.press("T")
        wait_for(lambda: len(managed()) == 1, "the object")
        assert int(managed()[0].getPosition()) == 3


@pytest.fixture
def pair(desk: Desktop, grey: np.ndarray) -> Iterator[tuple[Any, Any]]:
    """Two images, one below the other."""
    turned = np.ascontiguousarray(grey[:, ::-1])
    with shown(image("first", grey)) as first, shown(image("second", turned), y=560) as second:
        keep_manager_away()
        yield first, second


def test_two_images_in_turn_have_nothing_to_do_with_each_other(
    desk: Desktop, pair: tuple[Any, Any], segmenter: SessionSegmenter, grey: np.ndarray
) -> None:
    first, second = pair
    turned = np.ascontiguousarray(grey[:, ::-1])
    there = (255 - BLOB[0], BLOB[1])
    ours = answer_for(segmenter, grey, Prompt(points=[BLOB]), ranges=(0, 255), **KEPT)
    theirs = answer_for(segmenter, turned, Prompt(points=[there]), ranges=(0, 255), **KEPT)
    to_front(first)
    after_click(desk, first)
    to_front(second)
    after_click(desk, second, there)
    desk.press("2")
    wait_for(lambda: str(second.getRoi().getProperty("candidate")) == "1", "the second image's other candidate")
    assert_same(proposal(second), theirs[1])
    # What is shown on the first is still there, and is what a key on the first means.
    assert_same(proposal(first), ours[0])
    to_front(first)
    desk.press("T")
    wait_for(lambda: len(managed()) == 1, "the first image's object")
    assert_same(managed()[0], ours[0])
    assert_same(proposal(second), theirs[1])
    to_front(second)
    desk.press("ESCAPE")
    wait_for(lambda: second.getRoi() is None, "no outline on the second")
    desk.press("Z", "CONTROL")
    assert_same(proposal(second), theirs[1])
    assert len(managed()) == 1


def test_closing_an_image_frees_its_encodings(desk: Desktop, segmenter: SessionSegmenter, grey: np.ndarray) -> None:
    def held() -> int:
        return int(segmenter.session("starter").stats()["encodings"])

    imp = image("two planes", grey // 2, grey // 3)
    with shown(imp) as stack:
        before = held()
        after_click(desk, stack)
        on_event_thread(partial(stack.setSlice, 2))
        after_click(desk, stack)
        assert held() == before + 2
        # Back on the first plane, its encoding is there.
        on_event_thread(partial(stack.setSlice, 1))
        after_click(desk, stack, (73, 41))
        assert held() == before + 2
    wait_for(lambda: held() == before, "the encodings to be freed")
