"""The panel on a small laptop's screen, on one of twice the density, and with a dark look, each in its own Java."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import samj_bridge
from samj_bridge.fiji import find_java

ROOT = Path(samj_bridge.__file__).parent.parent
HERE = Path(__file__).parent
PROGRAM = """
import faulthandler, json, os, sys
faulthandler.dump_traceback_later(200, exit=True)
from functools import partial
from pathlib import Path
from camera import bounds, dark, look_and_feel, screen, settled, title, windows
from desktop import Desktop, named, on_event_thread, wait_for
from samj_bridge.fiji import attach, java_class, open_image, start_imagej
from samj_bridge.fiji.jvm import java_thread
from samj_bridge.fiji.tool import show_window
from workbench import bring_forward

image, look, shots = sys.argv[1:]
imagej = start_imagej(headless=False)
show_window(imagej)
if look:
    # As Fiji does it: before any window of ours is made.
    look_and_feel(dark())
attach(imagej.gateway)
imp = open_image(image)
imp.show()
manager = java_class("ij.plugin.frame.RoiManager")(False)
panel = java_class("javax.swing.SwingUtilities").getWindowAncestor(named("samj ready"))
wait_for(named("samj model").getItemCount, "the models")
wait_for(named("samj hint").isShowing, "the three steps")
told = {"screen": screen(), "scale": panel.getGraphicsConfiguration().getDefaultTransform().getScaleX()}

def inside(one):
    found = [one]
    for part in one.getComponents() if hasattr(one, "getComponents") else []:
        found += inside(part)
    return found

def look_at(name):
    settled(panel)
    bring_forward(panel, "the panel in front")
    kinds = java_class("javax.swing.AbstractButton"), java_class("javax.swing.JLabel")
    # What is longer than a line by nature ends with dots, and its tooltip has all of it.
    long = {"samj good for", "samj state", "samj device"}
    shown = [part for part in inside(panel) if part.isShowing()]
    words = [part for part in shown if isinstance(part, kinds) and str(part.getName()) not in long]
    bars = [part for part in shown if isinstance(part, java_class("javax.swing.JScrollBar"))]
    corner, wide = panel.getLocationOnScreen().x, panel.getWidth()
    told[name] = {
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
    robot = Desktop().robot
    robot.waitForIdle()
    area = java_class("java.awt.Rectangle")(panel.getBounds())
    variants = robot.createMultiResolutionScreenCapture(area).getResolutionVariants()
    file = java_class("java.io.File")(f"{shots}/{name}.png")
    java_class("javax.imageio.ImageIO").write(variants[variants.size() - 1], "png", file)

look_at("first")
for section in ("Options", "Log"):
    on_event_thread(named(f"samj fold {section}").doClick)
look_at("unfolded")
print("told " + json.dumps(told), flush=True)
os._exit(0)
"""

Told = dict[str, Any]


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
def shown_on(ready_home: Path, data_dir: Path, tmp_path: Path) -> Callable[..., Told]:
    """Show the panel on a screen of its own; returns where it was and what of it could not be read."""

    def show(size: str, scale: int, look: str, name: str) -> Told:
        java = find_java()
        if java is None or shutil.which("Xvfb") is None:
            pytest.skip("there is no Java, or no Xvfb")
        shots = Path(os.environ.get("SAMJ_TEST_SHOTS") or tmp_path) / name
        shots.mkdir(parents=True, exist_ok=True)
        with screen_of(size) as display:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, str(data_dir / "images" / "blobs.gif"), look, str(shots)],
                env={
                    **os.environ,
                    "DISPLAY": display,
                    "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
                    "JAVA_HOME": str(java.home),
                    "SAMJ_HOME": str(ready_home),
                    "JAVA_TOOL_OPTIONS": f"-Dsun.java2d.uiScale={scale} -Duser.home={tmp_path}",
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

    return show


@pytest.mark.parametrize(
    ("size", "scale", "look"),
    [("1366x768", 1, ""), ("2732x1536", 2, ""), ("1366x768", 1, "dark")],
    ids=["laptop", "hidpi", "dark"],
)
def test_the_panel_is_whole_and_can_be_read(
    size: str, scale: int, look: str, shown_on: Callable[..., Told], request: pytest.FixtureRequest
) -> None:
    told = shown_on(size, scale, look, request.node.callspec.id)
    assert told["scale"] == scale
    assert told["screen"] == [0, 0, 1366, 768]
    for name in ("first", "unfolded"):
        seen = told[name]
        left, top, right, bottom = seen["bounds"]
        assert left >= 0, seen
        assert top >= 0, seen
        assert right <= 1366, seen
        assert bottom <= 768, seen
        assert seen["cut"] == seen["beyond"] == [], seen
        assert seen["words"] > 10
        x0, y0, x1, y1 = seen["toolbar"]
        assert right <= x0 or left >= x1 or top >= y1 or bottom <= y0, "it covers the toolbar"
    # What is there without being asked for needs no scrolling.
    assert not told["first"]["scrolls"]
