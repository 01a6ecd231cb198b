"""Classes and colours in the panel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desktop import Desktop, named, on_event_thread, wait_for
from workbench import BLOB, OTHER, as_before, managed, opened, prompt_of, unfold

from samj_bridge.fiji import java_class

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module", autouse=True)
def _as_before(desk: Desktop) -> Iterator[None]:
    unfold("Options")
    yield
    as_before()
    unfold("Options", shut=True)


def classify(desk: Desktop, name: str) -> None:
    """Type a class into the panel."""
    editor = named("samj class").getEditor().getEditorComponent()
    desk.push(editor)
    # Letters that come too early are ImageJ's shortcuts.
    wait_for(editor.hasFocus, "the field to take the keyboard")
    desk.press("A", "CONTROL")
    desk.type(name)


def accept(desk: Desktop, imp: Any, x: int, y: int) -> Any:
    """Click on an object, keep it, and return its entry in the ROI Manager."""
    before = len(managed())
    desk.click(imp, x, y)
    wait_for(lambda: prompt_of(imp).get("points") == [[x, y]], "the object")
    desk.press("ENTER")
    wait_for(lambda: len(managed()) == before + 1, "one entry more")
    return managed()[-1]


@pytest.mark.usefixtures("group_colours")
def test_objects_have_the_class_and_the_colour_that_the_panel_says(
    desk: Desktop, blobs: Any, tmp_path: Path
) -> None:
    desk.choose(opened(), "Starter")
    desk.choose(named("samj colour"), "by class")
    classify(desk, "axon")
    axon, other_axon = accept(desk, blobs, *BLOB), accept(desk, blobs, *OTHER)
    classify(desk, "myelin")
    myelin = accept(desk, blobs, 71, 47)
    desk.shot("panel-classes", tmp_path)
    roi = java_class("ij.gui.Roi")
    for found, name in ((axon, "axon"), (other_axon, "axon"), (myelin, "myelin")):
        assert str(found.getProperty("class")) == name
        assert str(roi.getGroupName(found.getGroup())) == name
    assert axon.getStrokeColor().equals(other_axon.getStrokeColor())
    assert not axon.getStrokeColor().equals(myelin.getStrokeColor())
    desk.choose(named("samj colour"), "by label")
    each = [accept(desk, blobs, x, y).getStrokeColor() for x, y in ((224, 127), (181, 180))]
    assert not each[0].equals(each[1])
    desk.choose(named("samj colour"), "magenta")
    magenta = accept(desk, blobs, 104, 112)
    assert magenta.getStrokeColor().equals(java_class("java.awt.Color").magenta)
    assert int(magenta.getGroup()) == int(myelin.getGroup())


def test_without_imagejs_colours_of_groups_a_class_is_a_property_and_a_colour(desk: Desktop, blobs: Any) -> None:
    if Path(str(java_class("ij.IJ").getDirectory("luts"))).exists():
        pytest.skip("this ImageJ has its colours of groups")
    segment = 'run("SAMJ Segment", "model=starter box=%s class=[%s]");'
    on_event_thread(lambda: named("samj colour").setSelectedItem("by class"))
    for box, name in (("20,103,55,142", "dark blob"), ("145,45,170,70", "other")):
        java_class("ij.IJ").runMacro(segment % (box, name))
    dark, other = managed()
    assert [str(roi.getProperty("class")) for roi in (dark, other)] == ["dark blob", "other"]
    assert not dark.getStrokeColor().equals(other.getStrokeColor())
    assert java_class("ij.WindowManager").getWindow("Log") is None
