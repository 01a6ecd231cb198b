"""The panel on a small laptop's screen, of twice the density and of the usual one, and with a dark look."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from camera import bounds, screen, settled
from desktop import Desktop, named, wait_for
from workbench import bring_forward, opened, put_in

import samj_bridge
from samj_bridge.fiji import find_java, java_class
from samj_bridge.fiji.segmenter import SessionSegmenter

ROOT = Path(samj_bridge.__file__).parent.parent
HERE = Path(__file__).parent
LAPTOP = (1366, 768)
PROGRAM = """
import faulthandler, json, os, sys
faulthandler.dump_traceback_later(200, exit=True)
from camera import dark, look_and_feel, screen
from desktop import named, on_event_thread, wait_for
from samj_bridge.fiji import attach, detach, java_class, open_image, start_imagej
from samj_bridge.fiji.tool import show_window
from test_screens import look_at, window

image, theme, shots = sys.argv[1:]
imagej = start_imagej(headless=False)
show_window(imagej)
open_image(image).show()
java_class("ij.plugin.frame.RoiManager")(False)
told = {"screen": screen()}

def look(name):
    attach(imagej.gateway)
    wait_for(named("samj model").getItemCount, "the models")
    wait_for(named("samj hint").isShowing, "the three steps")
    told["scale"] = window().getGraphicsConfiguration().getDefaultTransform().getScaleX()
    told[name] = look_at(f"{shots}/{name}")
    for section in ("Options", "Your set-up", "Log"):
        on_event_thread(named(f"samj fold {section}").doClick)
    told[name + " unfolded"] = look_at(f"{shots}/{name} unfolded")
    for section in ("Options", "Your set-up", "Log"):
        on_event_thread(named(f"samj fold {section}").doClick)
    detach()

look("light")
# As Fiji does it: before any window of ours is made.
look_and_feel(dark(theme))
look("dark")
print("told " + json.dumps(told), flush=True)
os._exit(0)
"""

Told = dict[str, Any]


def window() -> Any:
    """Return the panel."""
    return java_class("javax.swing.SwingUtilities").getWindowAncestor(named("samj ready"))


def parts(one: Any) -> list[Any]:
    """Return a component and all within."""
    found = [one]
    for part in one.getComponents() if hasattr(one, "getComponents") else []:
        found += parts(part)
    return found


def look_at(shot: str) -> Told:
    """Say where the panel is and what of it can't be read; take a picture of it."""
    panel = window()
    settled(panel)
    bring_forward(panel, "the panel in front")
    kinds = java_class("javax.swing.AbstractButton"), java_class("javax.swing.JLabel")
    # What is longer than a line by nature ends with dots, and its tooltip has all of it.
    long = {"samj good for", "samj state", "samj device"}
    shown = [part for part in parts(panel) if part.isShowing()]
    words = [part for part in shown if isinstance(part, kinds) and str(part.getName()) not in long]
    bars = [part for part in shown if isinstance(part, java_class("javax.swing.JScrollBar"))]
    corner, wide = panel.getLocationOnScreen().x, panel.getWidth()
    robot = Desktop().robot
    robot.waitForIdle()
    area = java_class("java.awt.Rectangle")(panel.getBounds())
    variants = robot.createMultiResolutionScreenCapture(area).getResolutionVariants()
    file = java_class("java.io.File")(f"{shot}.png")
    java_class("javax.imageio.ImageIO").write(variants[variants.size() - 1], "png", file)
    return {
        "bounds": bounds(panel),
        "toolbar": bounds(java_class("ij.IJ").getInstance()),
        "cut": [str(part.getText()) for part in words if part.getWidth() < part.getPreferredSize().width],
        "beyond": [
            str(part.getClass().getName())
            for part in shown
            if part is not panel and part.getLocationOnScreen().x + part.getWidth() > corner + wide
        ],
        "words": len(words),
        "scrolls": any(part.getParent().getParent() is panel.getContentPane() for part in bars),
    }


@contextmanager
def screen_of(size: str) -> Iterator[str]:
    """A virtual screen of a size, with a window manager whose frames take room."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with ExitStack() as stack:
        server = subprocess.Popen(command, pass_fds=[write], **quiet)
        stack.callback(server.wait)
        stack.callback(server.terminate)
        os.close(write)
        with os.fdopen(read) as answer:
            display = f":{answer.readline().strip()}"
        if shutil.which("openbox") is not None:
            manager = ["openbox", "--config-file", str(HERE / "openbox.xml")]
            running = subprocess.Popen(manager, env={**os.environ, "DISPLAY": display}, **quiet)
            stack.callback(running.wait)
            stack.callback(running.terminate)
        yield display


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Return the folder for pictures."""
    folder = Path(os.environ.get("SAMJ_TEST_SHOTS") or tmp_path) / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def dense(ready_home: Path, data_dir: Path, jars: str, shots: Path, tmp_path: Path) -> Told:
    """Show the panel on a small laptop's screen of twice the density, in a Java of its own, with both looks."""
    java = find_java()
    if java is None or shutil.which("Xvfb") is None:
        pytest.skip("there is no Java, or no Xvfb")
    with screen_of("2732x1536") as display:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(data_dir / "images" / "blobs.gif"), jars, str(shots)],
            env={
                **os.environ,
                "DISPLAY": display,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
                "JAVA_HOME": str(java.home),
                "SAMJ_HOME": str(ready_home),
                "JAVA_TOOL_OPTIONS": f"-Dsun.java2d.uiScale=2 -Duser.home={tmp_path}",
            },
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("told ")]
    assert lines, done.stdout
    told: Told = json.loads(lines[0].removeprefix("told "))
    return told


def test_the_panel_is_whole_on_a_dense_screen_light_and_dark(dense: Told) -> None:
    assert dense["scale"] == 2
    assert dense["screen"] == [0, 0, *LAPTOP]
    for name in ("light", "light unfolded", "dark", "dark unfolded"):
        is_whole(dense[name], LAPTOP)
    for name in ("light", "dark"):
        # What is there without being asked for needs no scrolling.
        assert not dense[name]["scrolls"]


def test_the_panel_would_be_whole_on_a_laptops_screen(
    desk: Desktop, blobs: Any, segmenter: SessionSegmenter, shots: Path
) -> None:
    preferences = java_class("ij.Prefs")
    preferences.set("samj.hint", "")
    # A tool with which nothing was kept yet: the three steps are for who begins.
    put_in(segmenter)
    opened()
    try:
        wait_for(named("samj hint").isShowing, "the three steps")
        seen = look_at(f"{shots}/plain")
    finally:
        preferences.set("samj.hint", "done")
        wait_for(lambda: not named("samj hint").isShowing(), "the end of the three steps")
    is_whole(seen, screen()[2:])
    left, top, right, bottom = seen["bounds"]
    # This screen is larger; under a laptop's title bar there is room for so much.
    assert bottom - top < LAPTOP[1] - 30, seen
    assert right - left < LAPTOP[0] / 2, seen
    assert not seen["scrolls"]


def is_whole(seen: Told, size: tuple[int, int]) -> None:
    """Assert that nothing of the panel is beyond the screen or cut off, and that it covers nothing of ImageJ's."""
    wide, high = size
    left, top, right, bottom = seen["bounds"]
    assert left >= 0, seen
    assert top >= 0, seen
    assert right <= wide, seen
    assert bottom <= high, seen
    assert seen["cut"] == seen["beyond"] == [], seen
    assert seen["words"] > 10
    x0, y0, x1, y1 = seen["toolbar"]
    assert right <= x0 or left >= x1 or top >= y1 or bottom <= y0, "it covers the toolbar"
