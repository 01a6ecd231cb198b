"""An ImageJ with our jar among its plugins, on a machine that has nothing else: one button, a click, an outline.

Then all that a person may do later: repair, update, delete the folder, begin again with a click, remove.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes.disks import disk
from fakes.one_jar import bare_environ

from samj_bridge.export import read_rois
from samj_bridge.fiji import find_java
from samj_bridge.models import catalog
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings
from samj_bridge.version import __version__

DRIVE = Path(__file__).parent / "one_jar" / "Drive.java"
POINT = (100, 40)


@pytest.fixture
def bare(tmp_path: Path, one_jar: Path, display: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Return a folder of an ImageJ with our jar only, and the variables of somebody who has nothing else.

    As on a disk image, nothing can be written into that folder.
    """
    if not display or find_java() is None:
        pytest.skip("there is no display: install xvfb")
    home = tmp_path / "user é"
    home.mkdir()
    environ = bare_environ(home) | {"DISPLAY": os.environ.get("DISPLAY", "")}
    if shots := os.environ.get("SAMJ_TEST_SHOTS"):
        environ["SAMJ_TEST_SHOTS"] = shots
    assert shutil.which("samj-bridge", path=environ["PATH"]) is None
    with disk(tmp_path / "ImageJ é 漢", "size=60m") as folder:
        (folder / "plugins").mkdir()
        shutil.copy(one_jar, folder / "plugins")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield folder, environ


@pytest.mark.slow
@pytest.mark.worker
def test_one_jar_one_button_and_all_that_comes_after(
    bare: tuple[Path, dict[str, str]], imagej_jar: Path, linked_home: Path, tmp_path: Path
) -> None:
    folder, environ = bare
    java = find_java()
    assert java is not None
    y, x = np.mgrid[:120, :160]
    disc = np.where((x - POINT[0]) ** 2 + (y - POINT[1]) ** 2 < 18**2, 200, 30).astype(np.uint8)
    tifffile.imwrite(tmp_path / "disc.tif", disc)
    with Session("starter", settings=Settings(home=linked_home)) as session:
        expected = session.encode(disc, ranges=(0, 255)).segment(Prompt(points=[POINT]))[0].mask()

    def drive(way: str, *more: str) -> str:
        """Start ImageJ, and let somebody use it; the two outlines that came are those of the session."""
        found = [tmp_path / f"{way}-{number}.roi" for number in (1, 2)]
        command = [java.home / "bin" / "java", f"-Dplugins.dir={folder}", f"-Duser.home={environ['HOME']}"]
        command += ["-cp", imagej_jar, DRIVE, way, tmp_path / "disc.tif", *map(str, POINT), *found, *more]
        done = subprocess.run(
            command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=560, check=False
        )
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
        for file in found:
            (outline,) = read_rois(file)
            np.testing.assert_array_equal(outline.mask(disc.shape), expected)
        return done.stdout

    said = drive("button")
    # All of the catalog, to be installed from the panel: samj-bridge itself is asked, by Java.
    assert f"models {len(catalog(Settings(home=linked_home)))}\n" in said
    assert 'recorded run("SAMJ Install", "model=starter");' in said
    assert 'recorded run("SAMJ Repair");' in said
    home = Path(environ["HOME"]) / ".local" / "share" / "samj-bridge"
    assert (home / "worker.json").is_file()
    # As an older jar has left it, with the environment that was made.
    hosts = home / "host"
    current = (hosts / "current").read_text(encoding="utf-8").strip()
    (hosts / current).rename(hosts / "0.0.1-1")
    (hosts / "current").write_text("0.0.1-1\n", encoding="utf-8")
    environment = shutil.move(home / "envs", tmp_path / "envs")
    (home / "envs").symlink_to(environment, target_is_directory=True)
    (home / "settings.toml").write_text("threads = 1\n", encoding="utf-8")
    said = drive("update", str(environment))
    hosts_then = re.search(r"hosts \[(.*)\]", said)
    assert hosts_then is not None
    assert "0.0.1-1" in hosts_then[1], "the old one stays, another ImageJ may run it"
    assert f"{__version__}-" in hosts_then[1]
    question = re.search(r"removal (.*)", said)
    assert question is not None
    assert re.match(rf"[\d,]+ MB go from {re.escape(str(home))}: Python and samj-bridge \(\d+ MB\)", question[1])
    assert "Your images, ROIs and results are not touched." in question[1]
    assert 'recorded run("SAMJ Remove", "everything");' in said
    assert not home.exists()
    # What was linked into it is somebody else's.
    assert list(Path(environment).iterdir())
    assert len(list((folder / "plugins").iterdir())) == 1
