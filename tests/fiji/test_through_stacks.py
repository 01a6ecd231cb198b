"""Through a stack in ImageJ's windows: objects followed, corrected, taken back; to the pixel what sessions say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desktop import Desktop, named, on_event_thread, wait_for
from families import FamilySegmenter
from workbench import java_object, keep_manager_away, managed, panel_says, shown, unfold

from samj_bridge.fiji import java_class, roi_mask
from samj_bridge.fiji.java_scene import java_scene
from samj_bridge.fiji.segmenter import SessionSegmenter, _encode, java_segmenter
from samj_bridge.geometry.region import Region
from samj_bridge.models import find_model
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker

SHAPE = (9, 120, 170)
RODS = {"left": (50, 60, 18), "right": (115, 56, 22)}


def truth(plane: int, name: str) -> np.ndarray:
    """Return where an object is: one leans, the other one is small from plane 6 on."""
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    x, y, r = RODS[name]
    squared = r * r if name == "left" else r * r - (5 * (plane - 3)) ** 2 if plane < 6 else 36
    shift = plane if name == "left" else 0
    return (columns - x - shift) ** 2 + (rows - y) ** 2 < squared


def pixels() -> np.ndarray:
    found = np.random.default_rng(4).normal(400, 30, SHAPE)
    for plane in range(SHAPE[0]):
        for name in RODS:
            found[plane][truth(plane, name)] += 1500
    return found.astype(np.uint16)


def image_of(values: np.ndarray, frames: int = 1) -> Any:
    """Return a stack as ImageJ has it, of 16 bits."""
    import jpype

    stack = java_class("ij.ImageStack")(values.shape[2], values.shape[1])
    for plane in values:
        stack.addSlice(
            "",
            java_class("ij.process.ShortProcessor")(
                values.shape[2], values.shape[1], jpype.JArray(jpype.JShort)(plane.ravel().astype(np.int16)), None
            ),
        )
    imp = java_class("ij.ImagePlus")("rods", stack)
    imp.setDimensions(1, values.shape[0] // frames, frames)
    imp.setDisplayRange(300, 2200)
    return imp


@pytest.fixture
def rods(desk: Desktop) -> Iterator[Any]:
    values = pixels()
    with shown(image_of(values)) as imp:
        unfold("Through the stack")
        wait_for(named("samj stack follow").isShowing, "the section for stacks")
        yield imp


def draw(imp: Any, manager: Any, mask: np.ndarray, plane: int, name: str) -> None:
    """Put an outline into the ROI Manager, as somebody has drawn it on a plane."""
    roi = to_roi(mask)
    roi.setName(name)
    roi.setPosition(plane + 1)
    on_event_thread(lambda: manager.addRoi(roi))


def to_roi(mask: np.ndarray) -> Any:
    from samj_bridge.fiji import to_roi as made

    return made(Region.from_mask(mask))


def outlines(name: str) -> dict[int, np.ndarray]:
    """Return the outlines of an object by plane, without the rectangle that it was asked with; one on each."""
    here = [roi for roi in managed() if str(roi.getName()) == name and str(roi.getTypeAsString()) != "Rectangle"]
    by_plane = {int(roi.getPosition()) - 1: roi_mask(roi, SHAPE[1:]) for roi in here}
    assert len(by_plane) == len(here)
    return by_plane


def press(name: str) -> None:
    on_event_thread(named(f"samj stack {name}").doClick)


def done() -> None:
    wait_for(lambda: not named("samj cancel").isShowing(), "the end")


def expected(segmenter: SessionSegmenter, prompts: Any, start: int = 0, stop: int = SHAPE[0] - 1) -> dict[Any, Any]:
    with segmenter.session("starter").encode_stack(pixels(), ranges=(300, 2200)) as stack:
        steps = list(stack.propagate(prompts, start, stop))
    return {(step.object, step.plane): step.region.mask(SHAPE[1:]) for step in steps if not step.region.is_empty}


def same(mine: dict[int, np.ndarray], theirs: dict[Any, Any], number: int) -> None:
    wanted = {plane: mask for (one, plane), mask in theirs.items() if one == number}
    assert sorted(mine) == sorted(wanted)
    for plane, mask in wanted.items():
        assert np.array_equal(mine[plane], mask), (number, plane)


def test_objects_are_followed_corrected_and_taken_back_to_the_pixel(
    desk: Desktop, rods: Any, segmenter: SessionSegmenter
) -> None:
    manager = keep_manager_away()
    draw(rods, manager, truth(3, "right"), 3, "right")
    rectangle = java_class("ij.gui.Roi")(31, 41, 40, 38)
    rectangle.setName("left")
    rectangle.setPosition(2)
    on_event_thread(lambda: manager.addRoi(rectangle))
    before = [roi.hashCode() for roi in managed()]

    press("follow")
    wait_for(lambda: "objects:" in panel_says(), f"the end: {panel_says()}")
    done()
    right = Region.from_mask(truth(3, "right"))
    all_of_it = expected(segmenter, [(3, right, 1), (1, Prompt(box=(31, 41, 71, 79)), 2)])
    same(outlines("right"), all_of_it, 1)
    # The rectangle stays, and what it has become on its plane is there beside it.
    assert rectangle.getName() in [roi.getName() for roi in managed() if str(roi.getTypeAsString()) == "Rectangle"]
    same(outlines("left"), all_of_it, 2)
    assert sorted(outlines("left")) == list(range(SHAPE[0]))
    colours = {str(roi.getStrokeColor()) for roi in managed() if str(roi.getName()) == "left"}
    assert len(colours - {"None"}) == 1
    followed = len(managed())

    # The most doubtful place: it says so, and turns to it.
    press("doubtful")
    words = panel_says()
    assert "on slice" in words
    assert int(rods.getZ()) == int(words.split("on slice ")[1].split(":")[0])

    # A correction: a smaller one on plane 6, of the object that is selected in the manager.
    smaller = truth(6, "left").copy()
    smaller[:50] = False
    index = next(
        i for i, roi in enumerate(managed()) if str(roi.getName()) == "left" and int(roi.getPosition()) == 4
    )
    on_event_thread(lambda: manager.select(rods, index))
    on_event_thread(lambda: rods.setSlice(7))
    on_event_thread(lambda: rods.setRoi(to_roi(smaller)))
    press("correct")
    wait_for(lambda: "1 object:" in panel_says(), f"the end: {panel_says()}")
    done()
    corrected = expected(segmenter, [(1, Region.from_mask(all_of_it[2, 1]), 2), (6, Region.from_mask(smaller), 2)])
    by_plane = outlines("left")
    assert np.array_equal(by_plane[6], smaller)
    for plane in range(2, SHAPE[0]):
        wanted = corrected.get((2, plane))
        assert (wanted is None) == (plane not in by_plane), plane
        if wanted is not None:
            assert np.array_equal(by_plane[plane], wanted), plane
    same(outlines("right"), all_of_it, 1)

    # Undo takes the correction back, and then the whole propagation.
    press("undo")
    assert len(managed()) == followed
    for plane, mask in outlines("left").items():
        assert np.array_equal(mask, all_of_it[2, plane])
    press("undo")
    assert [roi.hashCode() for roi in managed()] == before
    assert "outlines were taken out of the ROI Manager" in panel_says()


def test_what_is_done_in_the_panel_is_recorded_and_cancelled_in_the_middle_it_keeps_what_came(
    desk: Desktop, rods: Any
) -> None:
    manager = keep_manager_away()
    draw(rods, manager, truth(3, "right"), 3, "right")
    recorder = java_class("ij.plugin.frame.Recorder")(False)
    try:
        on_event_thread(lambda: named("samj stack way").setSelectedItem("forwards"))
        on_event_thread(lambda: named("samj stack to").setValue(java_class("java.lang.Integer")(6)))
        press("follow")
        wait_for(lambda: "1 object:" in panel_says(), f"the end: {panel_says()}")
        done()
        (line,) = [line for line in str(recorder.getText()).splitlines() if "SAMJ" in line]
    finally:
        on_event_thread(recorder.close)
    assert line == 'run("SAMJ Propagate", "model=starter axis=z way=forwards from=1 to=6 largest");'
    by_hand = outlines("right")
    assert sorted(by_hand) == [3, 4, 5]
    press("undo")
    assert sorted(outlines("right")) == [3]
    java_class("ij.IJ").runMacro(line)
    again = outlines("right")
    assert sorted(again) == sorted(by_hand)
    assert all(np.array_equal(mask, by_hand[plane]) for plane, mask in again.items())
    # Once more: what was found before goes for what is found now, and nothing is there twice.
    java_class("ij.IJ").runMacro(line)
    assert sorted(outlines("right")) == sorted(by_hand)


def told_of(step: Any) -> tuple[Any, ...]:
    """Return what a step says, comparable."""
    iou = None if math.isnan(step.iou) else round(float(step.iou), 9)
    rings = [list(ring) for ring in step.outline.rings]
    doubt = round(float(step.doubt()), 9)
    return int(step.plane), int(step.object), str(step.state), iou, str(step.note), doubt, rings


def test_without_python_the_same_comes_out(rods: Any, segmenter: SessionSegmenter) -> None:
    """What a Fiji without Python does: Java goes from plane to plane, with nothing but encodings and prompts."""
    from jpype import JArray, JBoolean

    behind = java_segmenter(segmenter.settings, segmenter)

    def walks_itself(method: str, arguments: list[Any]) -> Any:
        if method != "encode":
            return JBoolean(False)
        model, plane, progress = arguments
        scene = _encode(segmenter, str(model), plane, progress)
        return java_scene(scene, find_model(str(model), segmenter.settings).prompts, progress)

    given, follow = java_class("org.samj.bridge.Given"), java_class("org.samj.bridge.stack.Following").follow
    outline, prompt = java_class("org.samj.bridge.Outline"), java_class("org.samj.bridge.Prompt")
    region = Region.from_mask(truth(3, "right"))
    rings = [ring.ravel().tolist() for ring in region.rings]
    for frames in (False, True):
        imp = image_of(pixels(), SHAPE[0] if frames else 1)
        planes = java_class("org.samj.bridge.ij.tracks.Stacked").of(imp, "")
        told = JArray(given)(
            [
                given(3, 1, prompt(None, None, None, outline(rings, float("nan")))),
                given(1, 2, prompt.ofBox(31, 41, 71, 79)),
                given(7, 2, None),
            ]
        )
        results = []
        silent = java_object(
            "Segmenter$Progress", lambda method, _: JBoolean(False) if method == "isCancelled" else None
        )
        for asked in (behind, java_object("Segmenter", walks_itself)):
            steps: list[Any] = []
            add = java_object("Segmenter$Steps", lambda _, arguments, steps=steps: steps.append(arguments[0]))
            follow(asked, "starter", planes, told, 0, SHAPE[0] - 1, add, silent)
            results.append([told_of(one) for one in steps])
        by_session, in_java = results
        assert [one[:3] for one in in_java] == [one[:3] for one in by_session]
        for mine, theirs in zip(in_java, by_session, strict=True):
            # What was drawn comes back as it was handed over: its rings may begin elsewhere.
            assert mine[3:6] == theirs[3:6]
            assert mine[6] == theirs[6] or mine[2] == "prompted"
        assert {"followed", "lost", "prompted"} <= {one[2] for one in in_java}


def bright(planes: int) -> np.ndarray:
    """Return a square that the test family knows, on every plane."""
    found = np.full((planes, 90, 120), 20, np.uint16)
    found[:, 20:60, 30:80] = 2000
    return found


def waiting(kind: str) -> None:
    """Wait until three planes are done, and something is still on its way."""
    wait_for(lambda: len(managed()) > 3 or not named("samj cancel").isShowing(), kind)
    assert bool(named("samj cancel").isShowing()), panel_says()


@pytest.mark.parametrize("what", ["cancel", "close", "crop"])
def test_stopped_closed_or_changed_in_the_middle_what_came_stays(
    borrowed: Any, worker_python: Path, tmp_path: Path, what: str
) -> None:
    borrowed(FamilySegmenter(worker_python, tmp_path, prompt_s=0.15))
    imp = image_of(bright(60))
    with shown(imp):
        unfold("Through the stack")
        wait_for(named("samj stack follow").isShowing, "the section for stacks")
        manager = keep_manager_away()
        mask = bright(1)[0] > 500
        draw(imp, manager, mask, 0, "square")
        press("follow")
        waiting(what)
        if what == "cancel":
            on_event_thread(named("samj cancel").doClick)
            words = "Stopped on request"
        elif what == "close":
            imp.changes = False
            on_event_thread(imp.close)
            words = "was closed"
        else:
            on_event_thread(lambda: imp.setStack(image_of(bright(60)[:, :80]).getStack()))
            words = "has another size than before"
        wait_for(lambda: words in panel_says(), f"the words: {panel_says()}")
        done()
        kept = managed()
        assert 3 < len(kept) < 60
        assert [str(roi.getName()) for roi in kept] == ["square"] * len(kept)
        assert all(np.array_equal(roi_mask(roi, mask.shape), mask) for roi in kept)
        # Nothing hangs: the next one is asked and answered.
        if what == "cancel":
            on_event_thread(lambda: named("samj stack to").setValue(java_class("java.lang.Integer")(5)))
            press("follow")
            wait_for(lambda: "found on 5 planes" in panel_says(), f"the end: {panel_says()}")


def test_what_cant_be_meant_is_told_in_words(rods: Any) -> None:
    keep_manager_away()
    press("follow")
    wait_for(lambda: "no area or point of this stack" in panel_says(), f"the words: {panel_says()}")
    done()
    press("doubtful")
    assert "Nothing was followed" in panel_says()
    press("correct")
    assert "Which object is it?" in panel_says()
    press("undo")
    stacked = java_class("org.samj.bridge.ij.tracks.Stacked")
    failure = java_class("org.samj.bridge.SegmenterException")
    both = image_of(pixels()[:8], 2)
    for imp, axis, words in (
        (both, "", "4 slices and 2 frames"),
        (both, "c", "neither z nor t"),
        (image_of(pixels()), "t", "no frames"),
        (image_of(pixels()[:1]), "", "no slices or frames"),
    ):
        with pytest.raises(failure, match=words):
            stacked.of(imp, axis)
