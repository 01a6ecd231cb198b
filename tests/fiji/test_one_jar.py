"""An ImageJ with our jar among its plugins, on a machine that has nothing else: one button, a click, an outline."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes.one_jar import bare_environ

from samj_bridge.export import read_rois
from samj_bridge.fiji import find_java
from samj_bridge.models import catalog
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings

DRIVE = Path(__file__).parent / "one_jar" / "Drive.java"
POINT = (100, 40)


@pytest.fixture
def bare(tmp_path: Path, one_jar: Path, display: str) -> tuple[Path, dict[str, str]]:
    """Return a folder of an ImageJ with our jar only, and the variables of somebody who has nothing else."""
    folder = tmp_path / "ImageJ é 漢"
    (folder / "plugins").mkdir(parents=True)
    shutil.copy(one_jar, folder / "plugins")
    home = tmp_path / "user é"
    home.mkdir()
    environ = bare_environ(home) | {"DISPLAY": os.environ.get("DISPLAY", "")}
    assert shutil.which("samj-bridge", path=environ["PATH"]) is None
    return folder, environ


@pytest.mark.slow
@pytest.mark.worker
@pytest.mark.parametrize("way", ["button", "click"])
def test_one_jar_one_button_and_a_click_give_the_sessions_outline(
    way: str, bare: tuple[Path, dict[str, str]], display: str, imagej_jar: Path, linked_home: Path, tmp_path: Path
) -> None:
    java = find_java()
    if not display or java is None:
        pytest.skip("there is no display: install xvfb")
    folder, environ = bare
    y, x = np.mgrid[:120, :160]
    disc = np.where((x - POINT[0]) ** 2 + (y - POINT[1]) ** 2 < 18**2, 200, 30).astype(np.uint8)
    image, found = tmp_path / "disc.tif", tmp_path / "found.roi"
    tifffile.imwrite(image, disc)
    shots = os.environ.get("SAMJ_TEST_SHOTS")
    done = subprocess.run(
        [
            str(java.home / "bin" / "java"),
            f"-Dplugins.dir={folder}",
            f"-Duser.home={environ['HOME']}",
            "-cp",
            str(imagej_jar),
            str(DRIVE),
            way,
            str(image),
            *map(str, POINT),
            str(found),
            *([str(Path(shots) / f"one-jar-{way}.png")] if shots else []),
        ],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    if way == "button":
        # All of the catalog, to be installed from the panel: samj-bridge itself is asked, by Java.
        assert f"models {len(catalog(Settings(home=linked_home)))}\n" in done.stdout
    (outline,) = read_rois(found)
    with Session("starter", settings=Settings(home=linked_home)) as session:
        expected = session.encode(disc, ranges=(0, 255)).segment(Prompt(points=[POINT]))[0]
    np.testing.assert_array_equal(outline.mask(disc.shape), expected.mask())
    home = Path(environ["HOME"]) / ".local" / "share" / "samj-bridge"
    assert (home / "worker.json").is_file()
    assert sorted(path.name for path in (folder / "plugins").iterdir()) == [f"{_stem(folder)}.jar"]


def _stem(folder: Path) -> str:
    return next((folder / "plugins").glob("SAMJ_Bridge-*.jar")).stem
