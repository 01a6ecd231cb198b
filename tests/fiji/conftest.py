"""A real ImageJ for the whole test run, with windows on a display of its own: a process can start one JVM only.

``SAMJ_TEST_FIJI`` names the folder of a Fiji or ImageJ to run the same tests in; by default it is ImageJ 1.x.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from desktop import Desktop, on_event_thread
from own_process import jars, run  # noqa: F401
from workbench import put_in, shown

from samj_bridge.fiji import ImageJ, detach, find_java, java_class, open_image, start_imagej
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.fiji.tool import show_window
from samj_bridge.settings import Settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.imagej)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual screen with a window manager, or the one that ``SAMJ_TEST_DISPLAY`` names; empty: there is none."""
    given = os.environ.get("SAMJ_TEST_DISPLAY", "")
    if given or shutil.which("Xvfb") is None:
        if given:
            os.environ["DISPLAY"] = given
        yield given
        return
    read, write = os.pipe()
    config = Path(__file__).with_name("openbox.xml")
    # They end when the pipe to the shell does, that is with this process and no earlier: a client that loses its
    # display takes the whole process with it, and Java lives to the very end.
    commands = (
        f"Xvfb -displayfd {write} -screen 0 1400x900x24 -nolisten tcp & server=$!\n"
        "read -r number\n"
        'if command -v openbox; then DISPLAY=:$number openbox --config-file "$0" & fi\n'
        "cat\n"
        "kill $server"
    )
    shell = subprocess.Popen(
        ["sh", "-c", commands, str(config)],
        pass_fds=[write],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    assert shell.stdin is not None
    shell.stdin.write(f"{number}\n")
    shell.stdin.flush()
    _kept.append(shell)
    os.environ["DISPLAY"] = f":{number}"
    time.sleep(1.0)
    yield os.environ["DISPLAY"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End here, with the exit code that pytest has come to, where ImageJ had windows.

    Java's threads may still call into Python while the interpreter is taken apart, and JPype then aborts the
    process: after the last test, but with an exit code of its own. The whole report is written by now.
    """
    status = getattr(config, "samj_exit_status", None)
    if _kept and status is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(status))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the exit code, the one that a skip turned into a failure among them."""
    session.config.samj_exit_status = session.exitstatus  # type: ignore[attr-defined]


_kept: list[subprocess.Popen[str]] = []
"""The display's processes: their pipe must not be collected before the end."""


@pytest.fixture(scope="session")
def imagej(display: str, tmp_path_factory: pytest.TempPathFactory) -> ImageJ:
    """ImageJ, started by the product's own code."""
    if find_java() is None:
        pytest.skip("there is no Java on this machine")
    given = os.environ.get("SAMJ_TEST_FIJI")
    if given:
        return start_imagej(fiji=given, headless=not display)
    # The ImageJ of Maven Central takes the folder that Java starts in for its own: what is put there must neither
    # stay in the checkout when a run is killed, nor be seen by another run.
    with chdir(tmp_path_factory.mktemp("imagej")):
        return start_imagej(headless=not display)


@pytest.fixture(scope="session")
def imagej_jar() -> Path:
    """The jar of ImageJ 1.x, which Maven has fetched to build the tool."""
    root = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    return max((root / "net" / "imagej" / "ij").glob("*/ij-*.jar"))


@contextmanager
def chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture(autouse=True)
def _running(imagej: ImageJ) -> None:
    """Every test of this folder needs it."""


@pytest.fixture(scope="module")
def tool_settings(ready_home: Path) -> Settings:
    """Return what the tool is started with; a module may have its own."""
    return Settings(home=ready_home)


@pytest.fixture(scope="module")
def segmenter(tool_settings: Settings) -> SessionSegmenter:
    """Return what stands behind the tool: its session, on the real worker, is there for the tests to ask as well.

    Modules with the same settings share it: starting a worker takes seconds.
    """
    return _segmenters.setdefault(str(tool_settings), Lasting(tool_settings))


class Lasting(SessionSegmenter):
    """A segmenter whose worker outlives the panel that it is taken out of: starting one takes seconds."""

    def close(self) -> None:
        """Not now: another panel comes."""

    def end(self) -> None:
        """End the worker."""
        super().close()


_segmenters: dict[str, Lasting] = {}
_behind: list[SessionSegmenter] = []
"""The one that is behind the tool now."""


@pytest.fixture(scope="session")
def windows(display: str, imagej: ImageJ) -> Iterator[None]:
    """ImageJ's windows."""
    if not display:
        pytest.skip("there is no display: install xvfb")
    # Whoever begins is shown three steps: a test of their own sees to them.
    java_class("ij.Prefs").set("samj.hint", "done")
    show_window(imagej)
    yield
    detach()
    for segmenter in _segmenters.values():
        segmenter.end()
    for window in java_class("java.awt.Window").getWindows():
        window.dispose()


@pytest.fixture(scope="module")
def desk(windows: None, segmenter: SessionSegmenter) -> Desktop:
    """ImageJ's window with the tool in it, and the panel; a hand at mouse and keyboard."""
    # As if just started: another module may have put the window away, and left words in ImageJ's log.
    java_class("ij.IJ").log("\\Close")
    on_event_thread(partial(java_class("ij.IJ").getInstance().setVisible, True))
    if _behind != [segmenter] or not bool(java_class("org.samj.bridge.ij.Bridge").isInstalled()):
        put_in(segmenter)
        _behind[:] = [segmenter]
    return Desktop()


@pytest.fixture
def borrowed(desk: Desktop, segmenter: SessionSegmenter) -> Iterator[Callable[[SessionSegmenter], None]]:
    """Put another segmenter behind the tool; the usual one comes back afterwards."""
    others: list[SessionSegmenter] = []

    def put(other: SessionSegmenter) -> None:
        others.append(other)
        put_in(other)

    yield put
    put_in(segmenter)
    for other in others:
        other.close()


@pytest.fixture
def blobs(desk: Desktop, data_dir: Path) -> Iterator[Any]:
    """ImageJ's blobs, shown; the ROI Manager is empty."""
    with shown(open_image(data_dir / "images" / "blobs.gif")) as imp:
        yield imp


@pytest.fixture
def group_colours() -> Iterator[None]:
    """Give ImageJ its colours of groups, a file beside it, which the ImageJ of Maven Central does not bring."""
    folder = Path(str(java_class("ij.IJ").getDirectory("luts")))
    if folder.exists():
        yield
        return
    if os.environ.get("SAMJ_TEST_FIJI"):
        pytest.skip("this ImageJ has no colours of groups, and nothing is put into a folder of somebody's")
    folder.mkdir()
    try:
        (folder / "glasbey.lut").write_bytes(
            bytes(i * factor % 256 for factor in (83, 151, 199) for i in range(256))
        )
        yield
    finally:
        shutil.rmtree(folder)
