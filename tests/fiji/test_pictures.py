"""The pictures of the docs, as ``make pictures`` makes them; here, to see that each window in them is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from camera import bounds, cut_off, dark, look_and_feel, settled, take, windows
from desktop import Desktop, component, named, on_event_thread, wait_for
from fakes.file_server import FileServer, serve
from fakes.model_files import FileContent, offer, other_weights, table, write_catalog
from workbench import (
    as_before,
    choose_tool,
    managed,
    opened,
    panel_says,
    prompt_of,
    proposal,
    put_in,
    to_front,
    unfold,
)

from samj_bridge.fiji import java_class, open_image
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.install import adopt_environment
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

TOOLBAR = (470, 36)
IMAGE = (474, 160)
BLOBS = [(34, 110), (139, 55), (71, 47), (224, 127), (181, 180)]
CENTRES = [(37, 121), (139, 55), (74, 41), (225, 128), (180, 181)]
DOUBLE = [(91, 160), (176, 100)]


@pytest.fixture(scope="module", autouse=True)
def _stage(desk: Desktop, segmenter: SessionSegmenter) -> Iterator[None]:
    """Have the toolbar where the pictures want it, and everything as before afterwards."""
    toolbar = java_class("ij.IJ").getInstance()
    before = toolbar.getLocation()
    on_event_thread(partial(toolbar.setLocation, *TOOLBAR))
    yield
    on_event_thread(partial(toolbar.setLocation, before))
    java_class("ij.Prefs").set("samj.panel", "")
    put_in(segmenter)


@pytest.fixture(autouse=True)
def _clean(desk: Desktop, segmenter: SessionSegmenter) -> Iterator[None]:
    """Begin as in a fresh ImageJ, the numbers of objects too; the worker is there already."""
    java_class("ij.Prefs").set("samj.panel", "")
    put_in(segmenter)
    opened()
    yield
    as_before()
    for section in ("Options", "Objects", "Through the stack"):
        unfold(section, shut=True)


@contextmanager
def image(path: Path, zoom: int = 200) -> Iterator[Any]:
    """Show an image, enlarged, below the toolbar, with the ROI Manager beside it and the tool chosen."""
    imp = open_image(path)
    imp.show()
    wait_for(lambda: imp.getCanvas() is not None and imp.getCanvas().isShowing(), "the image's window")
    java_class("ij.IJ").run(imp, "Set... ", f"zoom={zoom}")
    on_event_thread(partial(imp.getWindow().setLocation, *IMAGE))
    choose_tool()
    settled(imp.getWindow())
    to_front(imp)
    try:
        yield imp
    finally:
        manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
        if manager is not None:
            manager.reset()
            on_event_thread(manager.close)
        imp.changes = False
        on_event_thread(imp.close)


@pytest.fixture
def blobs_file(data_dir: Path) -> Path:
    return data_dir / "images" / "blobs.gif"


def keep(desk: Desktop, imp: Any, places: list[tuple[int, int]]) -> None:
    """Click on objects, and keep them."""
    for x, y in places:
        before = len(managed())
        desk.click(imp, x, y)
        wait_for(lambda x=x, y=y: prompt_of(imp).get("points") == [[x, y]], "the object")
        desk.press("ENTER")
        wait_for(lambda before=before: len(managed()) == before + 1, "one entry more")
        beside(imp)


def beside(imp: Any) -> None:
    """Put the ROI Manager beside an image."""
    manager = java_class("ij.plugin.frame.RoiManager").getRoiManager()
    _, top, right, _ = bounds(imp.getWindow())
    on_event_thread(partial(manager.setLocation, right + 4, top))
    settled(manager)


def panel() -> Any:
    return java_class("javax.swing.SwingUtilities").getWindowAncestor(named("samj ready"))


def test_the_first_start(
    desk: Desktop, blobs_file: Path, borrowed: Callable[[SessionSegmenter], None], tmp_path: Path
) -> None:
    java_class("ij.Prefs").set("samj.hint", "")
    # A short name, as a user's is: it stands in the picture.
    home = Path("/home/you/samj")  # nothing is ever written there
    try:
        borrowed(SessionSegmenter(Settings(home=home)))
        opened()
        with image(blobs_file, 150):
            wait_for(lambda: str(named("samj ready").getText()) == "Set up", "the first step")
            settled(panel())
            take(desk, "fiji-first", tmp_path)
    finally:
        java_class("ij.Prefs").set("samj.hint", "done")
    assert not home.exists()


def test_a_proposal_with_its_prompts(desk: Desktop, blobs_file: Path, tmp_path: Path) -> None:
    with image(blobs_file) as imp:
        keep(desk, imp, BLOBS[1:3])
        desk.drag(imp, (76, 134, 106, 188))
        proposal(imp)
        desk.click(imp, 84, 174, held="SHIFT")
        wait_for(lambda: len(prompt_of(imp).get("points", [])) == 1, "a point more")
        desk.click(imp, 118, 137, held="ALT")
        wait_for(lambda: len(prompt_of(imp).get("negative", [])) == 1, "a point outside")
        wait_for(lambda: str(named("samj ready").getText()) == "Keep it", "the next step")
        settled(panel())
        take(desk, "fiji-proposal", tmp_path)


def test_everything_within_a_selection(desk: Desktop, blobs_file: Path, tmp_path: Path) -> None:
    with image(blobs_file) as imp:
        on_event_thread(partial(imp.setRoi, 0, 0, 128, 254))
        on_event_thread(component("JButton", "Everything").doClick)
        wait_for(lambda: "objects are in the ROI Manager" in panel_says(), "the end of the search")
        unfold("Objects")
        beside(imp)
        settled(panel())
        take(desk, "fiji-everything", tmp_path)


def test_classes_in_their_colours(desk: Desktop, blobs_file: Path, group_colours: None, tmp_path: Path) -> None:
    with image(blobs_file) as imp:
        unfold("Options")
        on_event_thread(lambda: named("samj colour").setSelectedItem("by class"))
        for name, places in (("single", BLOBS[:3]), ("double", DOUBLE)):
            on_event_thread(lambda name=name: named("samj class").setSelectedItem(name))
            to_front(imp)
            keep(desk, imp, places)
        unfold("Objects")
        settled(panel())
        take(desk, "fiji-classes", tmp_path)


def test_labels_as_prompts(desk: Desktop, blobs_file: Path, tmp_path: Path) -> None:
    with image(blobs_file, 100) as imp:
        processor = java_class("ij.process.ShortProcessor")(256, 254)
        y, x = np.mgrid[:254, :256]
        for number, (cx, cy) in enumerate(CENTRES, 1):
            for row, column in np.argwhere((x - cx) ** 2 + (y - cy) ** 2 < 169).tolist():
                processor.set(column, row, number)
        labels = java_class("ij.ImagePlus")("rough labels", processor)
        labels.setDisplayRange(0.0, 5.0)
        labels.show()
        on_event_thread(partial(labels.getWindow().setLocation, IMAGE[0], IMAGE[1] + 300))
        settled(labels.getWindow())
        desk.activate(imp)
        try:
            desk.push(component("JButton", "Batch"))
            desk.push(component("JMenuItem", "Labels of rough labels"))
            wait_for(lambda: "5 objects for 5 prompts" in panel_says(), "the batch")
            unfold("Objects")
            beside(imp)
            settled(panel())
            take(desk, "fiji-labels", tmp_path)
        finally:
            labels.changes = False
            on_event_thread(labels.close)


def test_objects_through_a_stack(desk: Desktop, tmp_path: Path) -> None:
    file = tmp_path / "cells.tif"
    tifffile.imwrite(file, cells(), imagej=True, metadata={"axes": "ZYX"})
    with image(file, 150) as imp:
        on_event_thread(partial(imp.setSlice, 5))
        keep(desk, imp, [(70, 64), (150, 120)])
        unfold("Through the stack")
        unfold("Objects")
        on_event_thread(named("samj stack follow").doClick)
        wait_for(lambda: "outlines found" in panel_says(), "the end")
        wait_for(lambda: not named("samj cancel").isShowing(), "the end of the run")
        on_event_thread(named("samj stack doubtful").doClick)
        wait_for(lambda: "on slice" in panel_says(), "the doubtful one")
        beside(imp)
        settled(panel())
        take(desk, "fiji-stack", tmp_path)


def cells() -> np.ndarray:
    """Return ellipsoids in noise, blurred at their edges."""
    rng = np.random.default_rng(8)
    z, y, x = np.mgrid[:9, :180, :220]
    found = rng.normal(30, 6, z.shape)
    bodies = ((70, 64, 4, 30, 5), (150, 120, 4, 26, 4), (165, 45, 3, 18, 3), (50, 140, 6, 20, 4))
    for cx, cy, cz, r, depth in bodies:
        inside = 1 - ((x - cx) / r) ** 2 - ((y - cy) / (0.8 * r)) ** 2 - ((z - cz) / depth) ** 2
        found += 150 / (1 + np.exp(np.clip(-12 * inside, -50, 50)))
    return np.clip(found, 0, 255).astype(np.uint8)


def test_a_model_that_is_being_installed(
    desk: Desktop,
    blobs_file: Path,
    worker_python: Path,
    borrowed: Callable[[SessionSegmenter], None],
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path / "home", catalog=str(tmp_path / "lab.toml"))
    adopt_environment(settings, worker_python.parent.parent)
    weights = other_weights(tmp_path / "cells.safetensors", 0)
    with ExitStack() as stack:
        server = stack.enter_context(serve(FileServer()))
        url = offer(server, "/cells.safetensors", FileContent(weights))
        fields = {"title": "Cells of our laboratory", "good_for": "the cells that we look at every day"}
        write_catalog(tmp_path / "lab.toml", lab_cells=table(url, weights.read_bytes(), **fields))
        borrowed(SessionSegmenter(settings))
        imp = stack.enter_context(image(blobs_file, 150))
        desk.choose(opened(), "Cells of our")
        wait_for(lambda: str(named("samj ready").getText()).startswith("Install"), "the button")
        to_front(imp)
        with server.slow(200_000):
            on_event_thread(named("samj ready").doClick)
            wait_for(lambda: "left" in str(named("samj state").getText()), "the middle of the download")
            settled(panel())
            take(desk, "fiji-installing", tmp_path)
            on_event_thread(named("samj cancel installation").doClick)
            wait_for(lambda: "was stopped" in panel_says(), "the end")
        on_event_thread(lambda: named("samj model").setSelectedIndex(0))


def test_a_dark_look(desk: Desktop, blobs_file: Path, jars: str, tmp_path: Path) -> None:
    before = java_class("javax.swing.UIManager").getLookAndFeel()
    with image(blobs_file, 150) as imp:
        try:
            look_and_feel(dark(jars))
            keep(desk, imp, BLOBS[1:4])
            unfold("Objects")
            unfold("Options")
            desk.click(imp, *BLOBS[0])
            proposal(imp)
            wait_for(lambda: str(named("samj ready").getText()) == "Keep it", "the next step")
            # ImageJ's own windows are not made for it.
            on_event_thread(partial(java_class("ij.plugin.frame.RoiManager").getInstance2().setVisible, False))
            settled(panel())
            take(desk, "fiji-dark", tmp_path, [panel(), imp.getWindow()])
        finally:
            look_and_feel(before)


def test_a_window_that_is_not_whole_is_refused(desk: Desktop, blobs_file: Path, tmp_path: Path) -> None:
    with image(blobs_file, 100) as imp:
        settled(imp.getWindow())
        assert cut_off(windows()) == []
        on_event_thread(partial(imp.getWindow().setLocation, 1300, 200))
        settled(imp.getWindow())
        with pytest.raises(AssertionError, match="beyond the screen"):
            take(desk, "beyond", tmp_path)
        on_event_thread(partial(imp.getWindow().setLocation, 100, 100))
        settled(imp.getWindow())
        with pytest.raises(AssertionError, match="overlap"):
            take(desk, "behind", tmp_path)
    assert not (Path(os.environ.get("SAMJ_PICTURES") or tmp_path) / "beyond.png").exists()
