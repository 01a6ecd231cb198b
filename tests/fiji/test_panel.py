"""The panel as a user has it: models installed with the mouse from a real server, classes, colours, labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desktop import Desktop, component, named, on_event_thread, rest, wait_for
from fakes.file_server import Fault, FileServer, serve
from fakes.model_files import FileContent, offer, table, write_catalog
from workbench import (
    BLOB,
    answer,
    assert_same,
    choose_tool,
    keep_manager_away,
    managed,
    panel_says,
    prompt_of,
    proposal,
)

from samj_bridge.errors import WorkerError
from samj_bridge.fiji import attach, detach, java_class, roi_mask
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.install import adopt_environment
from samj_bridge.models import find_model, weights_file
from samj_bridge.models.store import Store
from samj_bridge.session import Prompt
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

Dying = tuple[FileServer, Callable[[], None]]
SIZE = f"{weights_file(find_model('starter')).stat().st_size / 1e6:.1f} MB"
OTHER = (139, 55)
"""In another blob."""
SHARED = "Modified MIT, academic and non-commercial use only"


@pytest.fixture(scope="module")
def server() -> Iterator[FileServer]:
    """Serve the models of a laboratory."""
    with serve(FileServer()) as running:
        yield running


@pytest.fixture(scope="module")
def dying() -> Iterator[Dying]:
    """Serve a file, and hand over what ends the server."""
    with ExitStack() as stack:
        yield stack.enter_context(serve(FileServer())), stack.close


@pytest.fixture(scope="module")
def tool_settings(
    worker_python: Path, server: FileServer, dying: Dying, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Return the settings of a user whose laboratory has a catalog of its own."""
    folder = tmp_path_factory.mktemp("laboratory")
    settings = Settings(home=folder / "home é", catalog=str(folder / "lab.toml"))
    adopt_environment(settings, worker_python.parent.parent)
    models = {}
    for number, (name, fields) in enumerate(
        {
            "lab_shared": {"title": "Shared cells", "licence": SHARED, "homepage": "https://example.org/licence"},
            "lab_lost": {"title": "Lost cells"},
            "lab_wrong": {"title": "Wrong cells", "hashes": ["sha256:" + "0" * 64]},
            "lab_asked": {"title": "Asked cells"},
        }.items()
    ):
        file = other_weights(folder / f"{name}.safetensors", number)
        url = offer(dying[0] if name == "lab_lost" else server, f"/{file.name}", FileContent(file))
        if name == "lab_asked":
            url, fields["file_name"] = "", file.name
        models[name] = table(url, file.read_bytes(), **fields)
    write_catalog(folder / "lab.toml", **models)
    return settings


@pytest.fixture(scope="module", autouse=True)
def _as_before(desk: Desktop) -> Iterator[None]:
    """Leave the panel's choices, which last as long as ImageJ, as they were found."""
    yield
    on_event_thread(lambda: named("samj model").setSelectedIndex(0))
    on_event_thread(lambda: named("samj class").setSelectedItem(""))
    on_event_thread(lambda: named("samj colour").setSelectedItem("by label"))


def other_weights(path: Path, number: int) -> Path:
    """Write the starter's weights as another file: more space after the header of a safetensors file is nothing."""
    data = weights_file(find_model("starter")).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length] + b" " * 8 * (number + 1)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    return path


def button() -> str:
    return str(named("samj ready").getText())


def asked() -> str:
    """Return what the window of a licence says, its lines joined."""
    return unescape(" ".join(str(wait_for(lambda: named("samj licence"), "the licence").getText()).split()))


def state() -> str:
    return str(named("samj state").getText())


def test_a_model_is_installed_with_the_mouse_while_another_one_draws(
    desk: Desktop, blobs: Any, server: FileServer, tool_settings: Settings, tmp_path: Path
) -> None:
    desk.choose(named("samj model"), "Shared cells")
    wait_for(lambda: button() == f"Install ({SIZE}, non-commercial)", f"size and licence: {button()!r}")
    desk.push(named("samj ready"))
    words = asked()
    assert SHARED in words
    assert 'href="https://example.org/licence"' in words
    desk.shot("panel-licence", tmp_path)
    desk.push(component("JButton", "Not now"))
    assert not server.requests
    # So slow that its end can't come while the rest is done, however long that takes here.
    with server.slow(1_000):
        desk.push(named("samj ready"))
        desk.push(component("JButton", "Accept and install"))
        wait_for(lambda: "kB/s" in state() and "left" in state(), "bytes, speed and time left")
        desk.shot("panel-installing", tmp_path)
        assert f" of {SIZE}" in state()

        desk.choose(named("samj model"), "Starter")
        desk.click(blobs, *BLOB)
        proposal(blobs)
        desk.press("ENTER")
        (drawn,) = wait_for(managed, "an object drawn meanwhile")

        desk.push(named("samj cancel installation"))
        wait_for(lambda: "was stopped" in panel_says(), "the end of the installation")
        assert re.search(r"[1-9]\d*\.\d kB that came are kept: the next try goes on from there", panel_says())
    desk.choose(named("samj model"), "Shared cells")
    wait_for(lambda: button().startswith("Go on installing"), "the way to go on")
    assert "are here already" in state()

    # Agreed to once: not asked again.
    desk.push(named("samj ready"))
    wait_for(lambda: "Shared cells is installed" in panel_says(), f"the installation: {panel_says()!r}")
    assert server.requests[-1].range.startswith("bytes=")
    wait_for(lambda: button() == "Start", "a model that is ready")
    choose_tool()
    desk.click(blobs, *OTHER)
    wait_for(lambda: prompt_of(blobs) == {"points": [list(OTHER)]}, "the answer of the new model")
    desk.press("ENTER")
    wait_for(lambda: len(managed()) == 2, "two objects")
    assert [str(roi.getProperty("model")) for roi in managed()] == ["starter", "lab-shared"]
    assert managed()[0].equals(drawn)
    record = Store(tool_settings).record("lab-shared")
    assert record is not None
    assert (record.licence.licence, record.licence.how) == (SHARED, "panel")


def test_a_connection_that_is_lost_in_the_middle_is_told_in_words(
    desk: Desktop, blobs: Any, dying: Dying, tmp_path: Path
) -> None:
    manager = keep_manager_away()
    manager.addRoi(java_class("ij.gui.Roi")(5, 5, 20, 20))
    server, end_server = dying
    server.faults = [Fault("cut", after=700_000)]
    desk.choose(named("samj model"), "Lost cells")
    wait_for(lambda: button() == f"Install ({SIZE}, MIT)", "another model")
    desk.push(named("samj ready"))
    wait_for(lambda: "trying again" in state(), "another try")
    end_server()
    wait_for(lambda: "could not be fetched" in panel_says(), "the end of the installation")
    desk.shot("panel-lost", tmp_path)
    assert "The 700.0 kB that came are kept: the next try goes on from there." in panel_says()
    wait_for(lambda: button() == f"Go on installing ({SIZE}, MIT)", "the way to go on")
    assert len(managed()) == 1


def test_a_wrong_file_is_refused_in_words(desk: Desktop, blobs: Any, tool_settings: Settings) -> None:
    desk.choose(named("samj model"), "Wrong cells")
    wait_for(lambda: button() == f"Install ({SIZE}, MIT)", "another model")
    desk.push(named("samj ready"))
    wait_for(lambda: "its hash should be" in panel_says(), "the end of the installation")
    assert "Nothing of it was kept" in panel_says()
    assert Store(tool_settings).record("lab-wrong") is None


def test_an_installation_ends_with_the_panel(
    desk: Desktop, blobs: Any, server: FileServer, tool_settings: Settings
) -> None:
    desk.choose(named("samj model"), "Wrong cells")
    try:
        with server.slow(1_000):
            desk.push(named("samj ready"))
            wait_for(lambda: "left" in state(), "the middle of the installation")
            detach()
        running = [str(one.getName()) for one in java_class("java.lang.Thread").getAllStackTraces().keySet()]
        assert "SAMJ installation" not in running
        assert Store(tool_settings).record("lab-wrong") is None
    finally:
        attach(settings=tool_settings)
        opened()


def test_a_model_that_is_not_installed_says_where_to_press(desk: Desktop, blobs: Any) -> None:
    desk.choose(named("samj model"), "Wrong cells")
    choose_tool()
    desk.click(blobs, *BLOB)
    wait_for(lambda: "Press Install in the SAMJ panel" in panel_says(), "the way out")


def test_a_file_that_is_got_by_hand_is_asked_for(desk: Desktop, blobs: Any, tool_settings: Settings) -> None:
    desk.choose(named("samj model"), "Asked cells")
    wait_for(lambda: button() == "How to get it...", "another button")
    desk.push(named("samj ready"))
    words = asked()
    assert "Ask for it." in words
    assert str(tool_settings.incoming_dir) in words
    desk.push(component("JButton", "Look for the file"))
    wait_for(lambda: "The file of the model 'lab-asked' is not in" in panel_says(), "the answer")


def test_without_the_network_an_installation_says_what_to_do(
    desk: Desktop, blobs: Any, tool_settings: Settings
) -> None:
    detach()
    attach(settings=replace(tool_settings, offline=True))
    try:
        desk.choose(opened(), "EfficientViT-SAM L0")
        wait_for(lambda: button() == "Install (139 MB, Apache-2.0)", "another model")
        desk.push(named("samj ready"))
        wait_for(lambda: "SAMJ_OFFLINE is set" in panel_says(), "words")
        assert "incoming" in panel_says()
    finally:
        detach()
        attach(settings=tool_settings)


def opened() -> Any:
    """Return the chooser of models when a new panel has them, and lies where it stays."""
    box = named("samj model")
    wait_for(box.getItemCount, "the models")
    rest(box)
    return box


def test_the_panel_says_what_it_runs_on_and_offers_no_choice_where_there_is_none(
    desk: Desktop, blobs: Any, tool_settings: Settings
) -> None:
    desk.choose(opened(), "Starter")
    wait_for(lambda: button() == "Start", "the starter")
    desk.push(named("samj ready"))
    wait_for(lambda: "is ready" in panel_says(), "the worker")
    wait_for(lambda: str(named("samj device").getText()).startswith("cpu (the processor, "), "the device")
    assert not named("samj devices").isShowing()


def test_another_device_is_used_from_the_next_call_on_or_refused_in_words(tool_settings: Settings) -> None:
    kept = SessionSegmenter(tool_settings)
    try:
        kept.use_device("abacus")
        with pytest.raises(WorkerError, match="'abacus' is not available; the best here is 'cpu'"):
            kept.session("starter")
        assert kept.device() == ""
        kept.use_device("cpu")
        kept.session("starter")
        assert kept.device().startswith("cpu (")
        assert kept.devices() == []
    finally:
        kept.close()


def test_where_there_is_a_choice_of_devices_it_is_the_users(desk: Desktop, blobs: Any, tmp_path: Path) -> None:
    import jpype

    used: list[str] = []
    info = java_class("org.samj.bridge.ModelInfo")
    fast = jpype.JProxy(
        "org.samj.bridge.Segmenter",
        dict={
            "models": lambda: jpype.JArray(info)([info("starter", "Starter", True, 0, "MIT", "")]),
            "device": lambda: used[-1] if used else "cuda (the GPU)",
            "devices": lambda: jpype.JArray(jpype.JString)(["auto", "cuda", "cpu"]),
            "useDevice": lambda device: used.append(str(device)),
            "close": lambda: None,
        },
    )
    bridge = java_class("org.samj.bridge.ij.Bridge")
    detach()
    bridge.install(fast)
    try:
        wait_for(lambda: named("samj devices").isShowing(), "the choice")
        rest(named("samj devices"))
        assert str(named("samj device").getText()) == "cuda (the GPU)"
        desk.choose(named("samj devices"), "cpu")
        wait_for(lambda: used == ["cpu"], "the choice to be heard of")
        wait_for(lambda: str(named("samj device").getText()) == "cpu", "the new device")
        desk.choose(named("samj devices"), "auto")
        wait_for(lambda: used == ["cpu", "auto"], "the other choice")
    finally:
        detach()


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
    desk: Desktop, blobs: Any, tool_settings: Settings, tmp_path: Path
) -> None:
    attach(settings=tool_settings)
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


def test_a_batch_can_be_stopped_and_what_was_found_stays(
    desk: Desktop, blobs: Any, tool_settings: Settings
) -> None:
    attach(settings=tool_settings)
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


def discs(places: list[tuple[int, int]]) -> list[np.ndarray]:
    y, x = np.mgrid[:254, :256]
    return [(x - cx) ** 2 + (y - cy) ** 2 < 81 for cx, cy in places]


def test_each_label_of_an_open_label_image_is_refined(
    desk: Desktop, blobs: Any, tool_settings: Settings, tmp_path: Path
) -> None:
    desk.choose(opened(), "Starter")
    # Whatever they were before: the answers are compared, and a picture is taken.
    on_event_thread(lambda: named("samj class").setSelectedItem(""))
    on_event_thread(lambda: named("samj colour").setSelectedItem("by label"))
    masks = discs([(BLOB[0], BLOB[1] + 8), OTHER])
    recorder = java_class("ij.plugin.frame.Recorder")()
    recorder.setLocation(0, 640)
    labels = labels_for(desk, blobs, masks, [150, 300], "ShortProcessor", "rough labels")
    try:
        desk.push(component("JButton", "Batch"))
        desk.push(component("JMenuItem", "Labels of rough labels"))
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
            assert not component("JMenuItem", words).isEnabled()
        desk.push(component("JMenuItem", "Labels of measured"))
        wait_for(lambda: "measured is no label image: it has the value 0.5 at (5, 5)." in panel_says(), "words")
        desk.push(component("JButton", "Batch"))
        desk.push(component("JMenuItem", "Labels of empty"))
        wait_for(lambda: "empty has no label: all of its pixels are 0." in panel_says(), "words")
        assert managed() == []
    finally:
        for imp in others:
            close(imp)
