"""An ImageJ that no Python has started: our jar among its plugins, and the card that samj-bridge left."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.export import read_rois
from samj_bridge.fiji import find_java
from samj_bridge.fiji.jar import find_jar
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings

MACRO = """
open("FOLDER/disc.tif");
run("SAMJ Segment", "model=starter box=79,19,121,61");
roiManager("select", 0);
saveAs("selection", "FOLDER/found.roi");
run("Close All");
run("Quit");
"""


def test_a_macro_gives_the_sessions_outline_and_imagej_ends(
    display: str, imagej_jar: Path, linked_home: Path, tmp_path: Path
) -> None:
    java = find_java()
    if not display or java is None:
        pytest.skip("there is no display: install xvfb")
    y, x = np.mgrid[:120, :160]
    disc = np.where((x - 100) ** 2 + (y - 40) ** 2 < 18**2, 200, 30).astype(np.uint8)
    tifffile.imwrite(tmp_path / "disc.tif", disc)
    with Session("starter", settings=Settings(home=linked_home)) as session:
        (expected,) = session.encode(disc, ranges=(0, 255)).segment(Prompt(box=(79, 19, 121, 61)))
    (tmp_path / "plugins").mkdir()
    shutil.copy(find_jar(), tmp_path / "plugins")
    macro = tmp_path / "macro.ijm"
    macro.write_text(MACRO.replace("FOLDER", tmp_path.as_posix()), encoding="utf-8")
    options = [f"-Dplugins.dir={tmp_path}", f"-Dsamj.home={linked_home}", "-cp", str(imagej_jar)]
    # Java reads names of files by the locale, and the home's has letters that ASCII has not.
    subprocess.run(
        [java.home / "bin" / "java", *options, "ij.ImageJ", "-macro", macro],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=True,
        timeout=120,
    )
    (found,) = read_rois(tmp_path / "found.roi")
    np.testing.assert_array_equal(found.mask(disc.shape), expected.mask())
    assert found.prompt == {"box": [79, 19, 121, 61]}
