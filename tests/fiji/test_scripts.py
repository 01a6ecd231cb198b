"""Macros and scripts: the same commands from a macro, from Groovy and from Python, with and without windows."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
from desktop import Desktop, named, shown_dialog, wait_for
from workbench import (
    answer,
    assert_same,
    bring_forward,
    managed,
)

import samj_bridge
from samj_bridge.fiji import find_java, java_class, java_thread, open_image, roi_mask
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.session import Prompt
from samj_bridge.settings import Settings

ROOT = Path(samj_bridge.__file__).parent.parent
SCRIPTS = ROOT / "docs" / "scripts"
GROOVY = "4.0.28"


def macro(text: str) -> str:
    return str(java_class("ij.IJ").runMacro(text))


def last_log() -> str:
    return str(java_class("ij.IJ").getLog()).splitlines()[-1]


def test_every_kind_of_prompt_works_in_a_macro(blobs: Any, segmenter: SessionSegmenter) -> None:
    two = [(34, 110), (38, 130)]
    for count, (options, prompt, kept) in enumerate(
        (
            ("box=20,103,55,142", Prompt(box=(20, 103, 55, 142)), {}),
            ("points=[34,110 38,130] largest", Prompt(points=two), {"largest_only": True}),
            (
                "point=34,110 negative=[54,126] fill min=30",
                Prompt(points=two[:1], negative=[(54, 126)]),
                {"fill_holes": True, "min_area": 30},
            ),
            ("points=[34,110] candidate=2", Prompt(points=two[:1]), {"candidates": 3}),
        ),
        1,
    ):
        macro(f'run("SAMJ Segment", "model=starter {options}");')
        assert len(managed()) == count, options
        chosen = 1 if "candidate" in options else 0
        assert_same(managed()[-1], answer(segmenter, blobs, prompt, **kept)[chosen])
    # The selection is a prompt where none is given.
    macro('makeRectangle(20, 103, 35, 39); run("SAMJ Segment", "model=starter");')
    assert_same(managed()[-1], answer(segmenter, blobs, Prompt(box=(20, 103, 55, 142)))[0])


def test_batches_installations_and_devices_have_lines_of_their_own(blobs: Any, segmenter: SessionSegmenter) -> None:
    boxes = ((20, 103, 55, 142), (140, 40, 180, 80))
    for x0, y0, x1, y1 in boxes:
        macro(f'makeRectangle({x0}, {y0}, {x1 - x0}, {y1 - y0}); roiManager("add");')
    # A word within somebody's class is no option.
    macro('run("SAMJ Batch", "model=starter largest class=[my overlay cells]");')
    assert len(managed()) == 4
    for roi, box in zip(managed()[2:], boxes, strict=True):
        assert_same(roi, answer(segmenter, blobs, Prompt(box=box), largest_only=True)[0])
    macro('run("SAMJ Install", "model=starter"); run("SAMJ Device", "device=cpu");')
    options = "model=starter min=100 max=400 overlay colour=yellow name=[blob-##]"
    macro(f'run("Select None"); run("SAMJ Everything", "{options}");')
    overlay = list(blobs.getOverlay().toArray())
    areas = [int(roi_mask(roi, (254, 256)).sum()) for roi in overlay]
    assert len(overlay) > 5
    assert min(areas) >= 100
    assert max(areas) <= 400
    assert str(overlay[0].getName()) == "blob-01"
    assert len(managed()) == 4
    # The worker was started by a macro, not by the panel.
    wait_for(lambda: str(named("samj device").getText()).startswith("cpu"), "the device in the panel")
    blobs.setOverlay(None)
    macro(
        'setBatchMode(true); selectImage("blobs.gif"); run("SAMJ Device", "device=toaster"); print("it went on");'
    )
    assert "device=toaster is no device" in last_log()


def test_an_error_ends_a_macro_in_batch_mode_without_a_dialog(blobs: Any) -> None:
    for options, words in (
        ("box=1,2,3", "box= needs four numbers"),
        ("points=[1,2,3]", "odd count of numbers"),
        ("model=nobody box=1,2,30,40", "nobody"),
        ("box=30,2,3,40", "box"),
        ("model=starter", "There is nothing to look for"),
    ):
        macro(
            'setBatchMode(true); selectImage("blobs.gif"); run("Select None");'
            f'run("SAMJ Segment", "{options}"); print("it went on");'
        )
        assert last_log().startswith("SAMJ: ")
        assert words in last_log()
        wait_for(lambda: last_log().removeprefix("SAMJ: ") in panel_log(), "the words in the panel")
    assert not managed()


def test_a_macro_that_a_person_runs_ends_with_imagejs_dialog(desk: Desktop, blobs: Any) -> None:
    ended: list[str] = []

    def run() -> None:
        with java_thread():
            ended.append(macro('run("SAMJ Segment", "model=starter box=1,2,3"); print("it went on");'))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    dialog = wait_for(lambda: shown_dialog("Macro Error"), "ImageJ's dialog")
    wait_for(lambda: "box= needs four numbers" in panel_log(), "the words in the panel")
    bring_forward(dialog, "the dialog in front")
    desk.press("ENTER")
    thread.join(120)
    assert ended
    assert "it went on" not in str(java_class("ij.IJ").getLog())


def panel_log() -> str:
    return str(named("samj log").getText())


def test_an_error_reaches_a_script_as_an_exception(blobs: Any) -> None:
    with pytest.raises(java_class("java.lang.RuntimeException"), match="Macro canceled"):
        java_class("ij.IJ").run(blobs, "SAMJ Segment", "model=starter box=1,2,3")
    assert last_log().startswith("SAMJ: box= needs four numbers")


@pytest.fixture(scope="module")
def groovy(imagej: Any) -> Path:
    """Groovy from Maven Central, fetched once."""
    jar = Path.home() / ".m2/repository/org/apache/groovy/groovy" / GROOVY / f"groovy-{GROOVY}.jar"
    if not jar.is_file():
        artifact = f"org.apache.groovy:groovy:{GROOVY}"
        maven = shutil.which("mvn")
        assert maven is not None
        subprocess.run([maven, "-q", "-B", "dependency:get", f"-Dartifact={artifact}"], check=True, timeout=240)
    return jar


def test_the_groovy_script_of_the_docs_runs(blobs: Any, segmenter: SessionSegmenter, groovy: Path) -> None:
    import jpype

    jpype.addClassPath(str(groovy))
    kind = jpype.JClass("groovy.lang.GroovyShell")
    shell = kind(kind.class_.getClassLoader())
    areas = shell.evaluate(jpype.JClass("java.io.File")(str(SCRIPTS / "boxes.groovy")))
    boxes = ((20, 103, 55, 142), (140, 40, 180, 80))
    masks = [answer(segmenter, blobs, Prompt(box=box), largest_only=True)[0] for box in boxes]
    assert [float(area) for area in areas] == [mask.sum() for mask in masks]
    for roi, mask in zip(managed(), masks, strict=True):
        assert_same(roi, mask)


HEADLESS = """
import json, runpy, sys
from samj_bridge.fiji import java_class, open_image, start_imagej, attach, roi_mask
source, image, out = sys.argv[1:]
sys.argv = [source, image]
runpy.run_path(source, run_name="__main__")
attach()
ij = java_class("ij.IJ")
ij.run("SAMJ Segment", "model=starter box=1,2,3,4")
said = ["none open"]
imp = open_image(image)
current = java_class("ij.WindowManager").setTempCurrentImage
current(imp)
said.append(str(ij.runMacro('run("SAMJ Segment", "model=starter box=1,2,3"); print("it went on"); return "end";')))
current(imp)
ij.runMacro('run("SAMJ Segment", "model=starter box=20,103,55,142");')
current(imp)
ij.runMacro('run("SAMJ Segment", "model=starter points=[158,57] largest");')
rois = list(imp.getOverlay().toArray())
current(imp)
ij.runMacro(f'run("SAMJ Export", "format=labels path=[{out}]");')
print(json.dumps({
    "areas": [int(roi_mask(roi, (254, 256)).sum()) for roi in rois], "said": said,
    "overlay": imp.getOverlay().size(), "model": str(rois[0].getProperty("model")),
}))
"""


def without_windows(program: str, home: Path, *arguments: Path) -> list[str]:
    """Run a program in a Python of its own that has no display, and return the lines that it printed."""
    java = find_java()
    assert java is not None
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "JAVA_HOME": str(java.home), "SAMJ_HOME": str(home)}
    environ.pop("DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip().splitlines()


def test_scripts_and_macros_run_without_windows(
    imagej: Any, ready_home: Path, data_dir: Path, tmp_path: Path
) -> None:
    image = tmp_path / "blobs.gif"
    shutil.copy(data_dir / "images" / "blobs.gif", image)
    *talk, last = without_windows(HEADLESS, ready_home, SCRIPTS / "objects.py", image, tmp_path / "l.tif")
    told = json.loads(last)
    assert any("There is no image open" in line for line in talk)
    assert any("box= needs four numbers" in line for line in talk)
    assert not any("it went on" in line for line in talk)
    assert told["model"] == "starter"
    assert told["overlay"] == 2
    # The Python script's files.
    count = int(
        next(re.fullmatch(r"(\d+) objects", line)[1] for line in talk if re.fullmatch(r"\d+ objects", line))
    )
    rows = list(csv.reader((tmp_path / "blobs_areas.csv").read_text().splitlines()))
    assert len(rows) == count + 1
    assert count > 30
    zipped = roifile.roiread(tmp_path / "blobs_rois.zip")
    assert len(zipped) == count
    assert (tmp_path / "l.tif").is_file(), talk
    labels = tifffile.imread(tmp_path / "l.tif")
    assert [int((labels == n).sum()) for n in (1, 2)] == told["areas"]
    assert np.unique(labels).tolist() == [0, 1, 2]


HEADLESS_LABELS = """
import json, sys
from samj_bridge.fiji import java_class, open_image, start_imagej, attach
image, labels, out = sys.argv[1:]
start_imagej(headless=True)
attach()
ij = java_class("ij.IJ")
macro = '''
%s open("%s"); rename("rough labels"); open("%s");
run("SAMJ Segment", "model=starter labels=[rough labels] class=[spot] largest");
run("SAMJ Export", "format=labels path=[%s]");
run("SAMJ Export", "format=geojson path=[%s.geojson]");
run("SAMJ Segment", "model=starter labels=[not open]"); print("it went on");
'''
for name, begin in (("plain", ""), ("batch", "setBatchMode(true);")):
    ij.runMacro(macro % (begin, labels, image, f"{out}/{name}.tif", f"{out}/{name}"))
# A script has no title to name: without windows ImageJ shows no image, unless a macro opens it.
imp = open_image(image)
java_class("ij.WindowManager").setTempCurrentImage(imp)
ij.run("SAMJ Segment", f"model=starter labels=[{labels}] largest")
rois = list(imp.getOverlay().toArray())
print(json.dumps([[str(roi.getProperty(key)) for key in ("label", "model")] for roi in rois]))
"""


def test_a_label_image_is_refined_without_windows(
    imagej: Any, ready_home: Path, data_dir: Path, tmp_path: Path
) -> None:
    image = data_dir / "images" / "blobs.gif"
    y, x = np.mgrid[:254, :256]
    rough = np.zeros((254, 256), np.uint16)
    prompts = []
    for cx, cy, label in ((34, 118, 150), (139, 55, 300)):
        mask = (x - cx) ** 2 + (y - cy) ** 2 < 81
        rough[mask] = label
        prompts.append(Prompt(box=(cx - 8, cy - 8, cx + 9, cy + 9), mask=mask))
    tifffile.imwrite(tmp_path / "rough.tif", rough, imagej=True)
    *talk, last = without_windows(HEADLESS_LABELS, ready_home, image, tmp_path / "rough.tif", tmp_path)
    shown = open_image(image)
    # An inverting look-up table: what is bright in the file is dark on the screen.
    assert bool(shown.isInvertedLut())
    masks = answer(Settings(home=ready_home), shown, prompts, largest_only=True)
    for name in ("plain", "batch"):
        labels = tifffile.imread(tmp_path / f"{name}.tif")
        for number, mask in enumerate(masks, 1):
            assert np.array_equal(labels == number, mask), talk
        features = json.loads((tmp_path / f"{name}.geojson").read_text())["features"]
        assert [one["properties"]["classification"]["name"] for one in features] == ["spot", "spot"]
    assert sum("There is no open image called not open" in line for line in talk) == 2
    assert not any("it went on" in line for line in talk)
    assert json.loads(last) == [["150", "starter"], ["300", "starter"]]
