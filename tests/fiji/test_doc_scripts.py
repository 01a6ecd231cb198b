"""The scripts of the docs, in every language, with windows and without: the same objects from each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from own_process import ROOT, Run
from PIL import Image
from workbench import answer

from samj_bridge.fiji import open_image
from samj_bridge.session import Prompt
from samj_bridge.settings import Settings

SCRIPTS = ROOT / "docs" / "scripts"
TASKS = ("one_object", "boxes_from_table", "everything_by_size", "stack", "folder")
BOXES = ((20, 103, 55, 142), (140, 40, 180, 80))

PROGRAM = """
import json, shutil
from pathlib import Path
headless, scripts, tasks, boxes = {headless!r}, Path({scripts!r}), {tasks!r}, {boxes!r}
gw = gateway.start(headless=headless)
attach(gw)
ij, managers, tables = java_class("ij.IJ"), java_class("ij.WindowManager"), java_class("ij.measure.ResultsTable")
home = Path(image).parent
stack = str(home / "stack.tif")
java_class("java.lang.System").setProperty("python.cachedir", str(home / "jython"))
reader = lambda text: java_class("java.io.BufferedReader")(java_class("java.io.StringReader")(text))

def parameters(path):
    # As Fiji reads them: SciJava's own code takes the lines with #@ out of the script.
    info = java_class("org.scijava.script.ScriptInfo")(gw.context(), path.name, reader(path.read_text()))
    inputs = [str(item.getName()) for item in info.inputs()]
    return inputs, str(info.getProcessedScript())

def groovy(path, folder):
    inputs, text = parameters(path)
    binding = java_class("groovy.lang.Binding")()
    for name in inputs:
        binding.setVariable(name, java_class("java.io.File")(str(folder)))
    return list(java_class("groovy.lang.GroovyShell")(binding).evaluate(text))

def jython(path, folder):
    inputs, text = parameters(path)
    interpreter = java_class("org.python.util.PythonInterpreter")()
    for name in inputs:
        interpreter.set(name, java_class("java.io.File")(str(folder)))
    # JPype writes Java's exec with a line below, since it was a word of Python's own.
    interpreter.exec_(text)
    return [float(str(value)) for value in interpreter.get("result").asIterable()]

def macro(path, folder):
    return [float(value) for value in str(ij.runMacro(path.read_text(), str(folder))).split()]

def scaled(imp):
    calibration = imp.getCalibration()
    calibration.pixelWidth = calibration.pixelHeight = 2.0
    calibration.setUnit("um")
    return calibration

def table():
    # In the image's unit: two of it are a pixel.
    shared = tables.getResultsTable()
    shared.reset()
    for x0, y0, x1, y1 in boxes:
        shared.addRow()
        for name, value in (("BX", x0), ("BY", y0), ("Width", x1 - x0), ("Height", y1 - y0)):
            shared.addValue(name, 2.0 * value)

def opened(task):
    imp = open_image(stack if task == "stack" else image)
    if task == "boxes_from_table":
        scaled(imp)
        table()
    if headless:
        managers.setTempCurrentImage(imp)
    else:
        imp.show()
    return imp

for language, suffix, run in (("groovy", "groovy", groovy), ("jython", "py", jython), ("macro", "ijm", macro)):
    for task in tasks:
        folder = home / language
        shutil.copytree(home / "images", folder, dirs_exist_ok=True)
        imp = opened(task) if task != "folder" else None
        found = run(scripts / language / f"{{task}}.{{suffix}}", folder)
        say(**{{f"{{language}} {{task}}": [float(value) for value in found]}})
        if imp is not None:
            imp.changes = False
            imp.close()

folder = home / "pyimagej"
shutil.copytree(home / "images", folder, dirs_exist_ok=True)
table()
known = dict(image=image, stack=stack, folder=str(folder), scaled=scaled)
for cell in json.loads((scripts / "pyimagej.ipynb").read_text())["cells"]:
    if cell["cell_type"] == "code" and "start" not in cell["metadata"].get("tags", ()):
        text = "".join(cell["source"])
        # An image with a unit, as above.
        exec(text.replace("cal = imp.getCalibration()", "cal = scaled(imp)"), known)
names = dict(zip(tasks, ("areas", "objects", "sizes", "counts", "numbers")))
say(**{{f"pyimagej {{task}}": [float(value) for value in known[name]] for task, name in names.items()}})
"""


@pytest.mark.parametrize("headless", [False, True], ids=["windows", "headless"])
def test_every_script_of_the_docs_finds_the_same_in_every_language(
    headless: bool, run: Run, ready_home: Path, data_dir: Path, tmp_path: Path
) -> None:
    with Image.open(data_dir / "images" / "blobs.gif") as image:
        blobs = np.asarray(image.convert("L"))
    planes = np.stack([blobs[:120, :120], blobs[100:220, 60:180]])
    tifffile.imwrite(tmp_path / "stack.tif", planes, imagej=True)
    (tmp_path / "images").mkdir()
    for number, plane in enumerate(planes, 1):
        tifffile.imwrite(tmp_path / "images" / f"cells {number}.tif", plane)
    (tmp_path / "images" / "notes.txt").write_text("no image")

    told = run(PROGRAM.format(headless=headless, scripts=str(SCRIPTS), tasks=TASKS, boxes=BOXES), headless=headless)
    for task in TASKS:
        mine = told[f"groovy {task}"]
        for language in ("jython", "macro", "pyimagej"):
            assert told[f"{language} {task}"] == pytest.approx(mine, rel=1e-3), (language, task)
    imp = open_image(data_dir / "images" / "blobs.gif")
    prompts = [Prompt(box=BOXES[0]), Prompt(points=[(158, 57)], negative=[(180, 57)]), Prompt(box=BOXES[1])]
    one, two, three = (
        int(mask.sum()) for mask in answer(Settings(home=ready_home), imp, prompts, largest_only=True)
    )
    assert told["groovy one_object"] == [one, two]
    assert told["groovy boxes_from_table"] == [4 * one, 4 * three]
    every, round_ones = told["groovy everything_by_size"]
    assert 5 < round_ones < every < 60
    for language in ("groovy", "jython", "macro", "pyimagej"):
        folder = tmp_path / language
        assert told[f"{language} folder"] == told[f"{language} stack"]
        for number, count in enumerate(told[f"{language} folder"], 1):
            labels = tifffile.imread(folder / f"cells {number}_labels.tif")
            assert len(np.unique(labels)) - 1 == count
            assert (folder / f"cells {number}_rois.zip").is_file()
        assert len((folder / "objects.csv").read_text().splitlines()) == 3
