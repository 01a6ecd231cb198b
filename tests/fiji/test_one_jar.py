"""An ImageJ with our jar among its plugins, on a machine that has nothing else: one button, a click, an outline.

Then all that a person may do later: repair, update, delete the folder, begin again with a click, remove.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes.disks import disk
from fakes.file_server import FileServer, serve
from fakes.model_files import FileContent, offer
from fakes.one_jar import bare_environ, person

from samj_bridge.export import read_rois
from samj_bridge.fiji import find_java
from samj_bridge.models import catalog, find_model
from samj_bridge.session import Prompt, Session
from samj_bridge.session.installing import install_model
from samj_bridge.settings import Settings
from samj_bridge.version import __version__

PATIENCE_S = 540
POINT = (100, 40)
BOX = (78, 18, 122, 62)


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


@pytest.fixture
def disc(tmp_path: Path) -> np.ndarray:
    """Return an image of one object, which lies in a file, too."""
    y, x = np.mgrid[:120, :160]
    pixels = np.where((x - POINT[0]) ** 2 + (y - POINT[1]) ** 2 < 18**2, 200, 30).astype(np.uint8)
    tifffile.imwrite(tmp_path / "disc.tif", pixels)
    return pixels


@pytest.fixture
def drive(bare: tuple[Path, dict[str, str]], imagej_jar: Path, tmp_path: Path) -> Callable[..., str]:
    """Start ImageJ, let somebody use it, and compare the outlines that came; returns what the person saw."""
    folder, environ = bare
    java = find_java()
    assert java is not None
    begin, *rest = person(java.home, imagej_jar, tmp_path / "person")

    def start(way: str, expected: tuple[np.ndarray, np.ndarray], *more: object) -> str:
        found = [tmp_path / f"{way}-{number}.roi" for number in (1, 2)]
        options = [f"-Dplugins.dir={folder}", f"-Duser.home={environ['HOME']}", f"-Dpatience_s={PATIENCE_S}"]
        command = [begin, *options, *rest, way, tmp_path / "disc.tif", *map(str, POINT), *found, *map(str, more)]
        done = subprocess.run(
            command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S + 60, check=False
        )
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
        for file, mask in zip(found, expected, strict=True):
            (outline,) = read_rois(file)
            np.testing.assert_array_equal(outline.mask(mask.shape), mask)
        return done.stdout

    return start


def answered(model: str, home: Path, pixels: np.ndarray, prompt: Prompt) -> np.ndarray:
    """Return what the session itself answers."""
    with Session(model, settings=Settings(home=home)) as session:
        return session.encode(pixels, ranges=(0, 255)).segment(prompt)[0].mask()


@pytest.mark.slow
@pytest.mark.worker
def test_one_jar_one_button_and_all_that_comes_after(
    bare: tuple[Path, dict[str, str]],
    drive: Callable[..., str],
    disc: np.ndarray,
    linked_home: Path,
    tmp_path: Path,
) -> None:
    folder, environ = bare
    expected = (answered("starter", linked_home, disc, Prompt(points=[POINT])),) * 2
    said = drive("button", expected)
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
    said = drive("update", expected, environment)
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


@pytest.mark.slow
@pytest.mark.worker
def test_a_model_is_installed_from_the_panel_with_nothing_but_the_jar(
    bare: tuple[Path, dict[str, str]],
    drive: Callable[..., str],
    disc: np.ndarray,
    lite_medsam: Path,
    ready_home: Path,
    tmp_path: Path,
) -> None:
    """From a laboratory's slow server, as its settings name it: cancelled, gone on with, and used."""
    _, environ = bare
    home = Path(environ["HOME"]) / ".local" / "share" / "samj-bridge"
    home.mkdir(parents=True)
    # Made already: what is tried here comes after it.
    (home / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
    entry, file = find_model("lite-medsam"), FileContent(lite_medsam / "lite_medsam.pth")
    with serve(FileServer(bytes_per_s=4_000_000)) as server:
        offer(server, f"/{entry.id}/{entry.offered_name}", file)
        config = Path(environ["HOME"]) / ".config" / "samj-bridge" / "settings.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f'model_mirror = "{server.url}"\n', encoding="utf-8")
        mine = tmp_path / "of the session"
        mine.mkdir()
        (mine / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
        install_model(entry, Settings(home=mine), folder=lite_medsam)
        expected = (
            answered(entry.id, mine, disc, Prompt(box=BOX)),
            answered("starter", mine, disc, Prompt(points=[POINT])),
        )
        said = drive("model", expected, entry.title, *BOX)
        ranges = [request.range for request in server.requests]
    assert ranges[0] == ""
    assert re.fullmatch(r"bytes=[1-9]\d{6,}-", ranges[1]), "what had come was used"
    assert re.search(r"^coming \d+ of 39 MB, [\d.]+ MB/s, \d+ s left$", said, re.MULTILINE)
    assert "offered Install (39 MB, Apache-2.0)" in said
    assert "offered Go on installing (39 MB, Apache-2.0)" in said
    assert 'recorded run("SAMJ Install", "model=lite-medsam");' in said
    assert "installed models (" in said
