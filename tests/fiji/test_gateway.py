"""ImageJ as ImageJ2 makes it, each time in a process of its own: see gateway.py."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from gateway import is_imagej2

import samj_bridge
from samj_bridge.fiji import find_java

ROOT = Path(samj_bridge.__file__).parent.parent
HERE = Path(__file__).parent
BLOCKS = Path("/dev/shm")
"""Where Linux has shared memory; elsewhere it can't be looked at."""
TROUBLE = ("Traceback", "exception not rethrown", "Aborted", "FATAL", "Exception in", "SIGSEGV", "leaked")
Told = dict[str, Any]
Run = Callable[..., Told]

BEGIN = """
import faulthandler, os, sys, threading, time
faulthandler.dump_traceback_later(150, exit=True)
import gateway
from gateway import close_window, say
from samj_bridge.fiji import attach, java_class, open_image
from samj_bridge.fiji.jvm import java_thread
image = sys.argv[1]
"""


@pytest.fixture(scope="session")
def jars(kept: Path) -> str:
    """The jars that gateway.py and the scripting languages need, from Maven Central, fetched once."""
    pom = HERE / "gateway-pom.xml"
    folder = kept / f"gateway-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        maven = shutil.which("mvn")
        assert maven is not None
        coming = folder.with_name(f"{folder.name}-{os.getpid()}")
        command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={coming}"]
        subprocess.run(command, check=True, timeout=600)
        try:
            coming.rename(folder)
        except OSError:
            # Another half of the suite was faster.
            shutil.rmtree(coming)
    names = ("ij-", "ij1-patcher", "javassist", "classgraph", "scijava-common", "parsington")
    return os.pathsep.join(str(jar) for jar in sorted(folder.iterdir()) if jar.name.startswith(names))


@pytest.fixture
def run(display: str, jars: str, ready_home: Path, data_dir: Path, tmp_path: Path) -> Run:
    """Run a program there; it has to end by itself, with rc 0, without a word of trouble, and leave nothing."""

    def run(program: str, *, headless: bool = False) -> Told:
        java = find_java()
        assert java is not None
        image = tmp_path / "blobs.gif"
        shutil.copy(data_dir / "images" / "blobs.gif", image)
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
            "JAVA_HOME": str(java.home),
            "SAMJ_HOME": str(ready_home),
            "SAMJ_TEST_JARS": jars,
            "SAMJ_TEST_USER_HOME": str(tmp_path),
        }
        if headless:
            environ.pop("DISPLAY", None)
        elif not display:
            pytest.skip("there is no display: install xvfb")
        command = [sys.executable, "-c", BEGIN + program, str(image)]
        running = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
        )
        try:
            said, _ = running.communicate(timeout=240)
        finally:
            running.kill()
        assert running.returncode == 0, said
        for trouble in TROUBLE:
            assert trouble not in said, said
        hosted = f"--host {running.pid}"
        left = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
        assert not [line for line in left if f"{hosted} " in f"{line} "]
        if BLOCKS.is_dir():
            assert not list(BLOCKS.glob(f"samj_{running.pid:x}_*")), said
        told: Told = {"said": said}
        for line in said.splitlines():
            if line.startswith("told "):
                told |= json.loads(line.removeprefix("told "))
        return told

    return run


COMMAND = """
moment, real = {moment!r}, {real!r}
if not real:
    gateway.start(headless=False)
from samj_bridge.cli.main import main

def until(check):
    while not check():
        time.sleep(0.05)

def drive():
    import jpype
    until(jpype.isJVMStarted)
    with java_thread():
        time.sleep(1)
        managers, ij = java_class("ij.WindowManager"), java_class("ij.IJ")
        until(lambda: managers.getCurrentImage() is not None)
        imp = managers.getCurrentImage()
        until(lambda: ij.getInstance().isShowing() and java_class("org.samj.bridge.ij.Bridge").isInstalled())
        say(shown=True, width=int(ij.getInstance().getWidth()))
        rois = java_class("ij.plugin.frame.RoiManager")
        if moment in ("start", "everything", "exit"):
            # As a menu does it: in a thread of ImageJ's.
            java_class("ij.Executer")("SAMJ Everything", imp)
        if moment in ("everything", "exit"):
            until(lambda: rois.getInstance2() is not None and rois.getInstance2().getCount() > 3)
            say(found=int(rois.getInstance2().getCount()))
        imp.changes = False
        if moment == "last":
            for window in java_class("java.awt.Window").getWindows():
                java_class("java.awt.EventQueue").invokeAndWait(lambda: window.setVisible(False))
        elif moment == "exit":
            java_class("java.lang.System").exit(0)
        else:
            if moment == "idle":
                imp.close()
            close_window()
            answer()

def answer():
    # With images or other windows open, it is a question first.
    for _ in range(100):
        for window in java_class("java.awt.Window").getWindows():
            if isinstance(window, java_class("ij.gui.GenericDialog")) and window.isShowing():
                button = window.getButtons()[0]
                event = java_class("java.awt.event.ActionEvent")(button, 1001, "  OK  ")
                java_class("java.awt.EventQueue").invokeLater(lambda: window.actionPerformed(event))
                return
        time.sleep(0.05)
        if java_class("ij.IJ").getInstance() is None:
            return

driver = threading.Thread(target=drive, daemon=True)
driver.start()
sys.argv[1:] = ["fiji", *(["--fiji", real] if real else ["--imagej1"]), image]
main()
"""


@pytest.mark.parametrize("moment", ["idle", "start", "everything", "last", "exit"])
def test_the_command_shows_the_window_and_ends_quietly_whenever_it_is_closed(moment: str, run: Run) -> None:
    folder = os.environ.get("SAMJ_TEST_FIJI", "")
    told = run(COMMAND.format(moment=moment, real=folder if is_imagej2(folder) else ""))
    assert told["shown"], told
    assert told["width"] > 200
    if moment == "everything":
        assert told["found"] > 3
    if moment != "exit":
        assert "ImageJ was closed." in told["said"]


ATTACHED = """
headless, prepared = {headless!r}, {prepared!r}
gw = gateway.start(headless=headless, prepared=prepared)
# As PyImageJ's users do it: in a thread of Python's, which has no class loader.
thread = threading.Thread(target=attach, args=(gw,))
thread.start()
thread.join()
ij, menus = java_class("ij.IJ"), java_class("ij.Menus")
imp = open_image(image)
if not headless:
    imp.show()

def labels(*path):
    bar = menus.getMenuBar()
    found = [bar.getMenu(i) for i in range(bar.getMenuCount())]
    for name in path:
        menu, = [item for item in found if str(item.getLabel()) == name]
        found = [menu.getItem(i) for i in range(menu.getItemCount())]
    return [str(item.getLabel()) for item in found]

def area(*call):
    imp.deleteRoi()
    if headless:
        java_class("ij.WindowManager").setTempCurrentImage(imp)
    ij.run(*call)
    return float(imp.getStatistics().area)

box = "model=starter box=20,103,55,142"
say(called=area(imp, "SAMJ Segment", box), current=area("SAMJ Segment", box))
ij.runMacro('run("SAMJ Segment", "model=starter box=140,40,180,80");')
say(macro=float(imp.getStatistics().area))
# Whoever compiles a plugin has ImageJ make its class loader anew.
for name in ("classLoader", "_classLoader"):
    try:
        field = ij.class_.getDeclaredField(name)
    except java_class("java.lang.NoSuchFieldException"):
        continue
    field.setAccessible(True)
    field.set(None, java_class("java.lang.ClassLoader").getSystemClassLoader())
say(again=area(imp, "SAMJ Segment", box))
if not headless:
    say(menu=labels("Plugins", "SAMJ"))
    from samj_bridge.fiji.scijava import context, make_searchable
    real = context()
    found = gw.context() if real is None else real
    say(entered=make_searchable(gw.context()) if real is None else [])
    modules = found.service("org.scijava.module.ModuleService").getModules()
    paths = [[str(entry.getName()) for entry in module.getMenuPath()] for module in modules]
    say(searched=sorted(path for path in paths if path[-1:] and path[-1].startswith("SAMJ ")))
"""

COMMANDS = ["SAMJ Panel", "SAMJ Segment", "SAMJ Everything", "SAMJ Export"]


@pytest.mark.parametrize("headless", [False, True], ids=["windows", "headless"])
@pytest.mark.parametrize("prepared", [False, True], ids=["alone", "prepared"])
def test_an_imagej_that_runs_gets_to_know_the_commands(headless: bool, prepared: bool, run: Run) -> None:
    told = run(ATTACHED.format(headless=headless, prepared=prepared), headless=headless)
    # Not the whole image, which a script would measure where a command did nothing.
    assert told["called"] == told["current"] == told["again"]
    assert 500 < told["called"] < 1500
    assert 500 < told["macro"] < 1500
    assert told["macro"] != told["called"]
    if not headless:
        assert set(told["menu"]) >= set(COMMANDS)
        assert [path[-1] for path in told["searched"]] == sorted(COMMANDS)
        assert all(path[:-1] == ["Plugins", "SAMJ"] for path in told["searched"])


FILTERED = """
gw = gateway.start(headless=True)
attach(gw)
stack = java_class("ij.ImageStack")(300, 300)
for _ in range(8):
    stack.addSlice(java_class("ij.process.FloatProcessor")(300, 300))
imp = java_class("ij.ImagePlus")("stack", stack)
java_class("ij.plugin.GaussianBlur3D").blur(imp, 2.0, 2.0, 2.0)
pool = java_class("ij.util.ThreadUtil").threadPoolExecutor
pool.submit(java_class("java.lang.Thread")()).get()
threads = java_class("java.lang.Thread").getAllStackTraces().keySet()
say(left=[str(thread.getName()) for thread in threads if not thread.isDaemon() and "pool" in str(thread.getName())])
"""


def test_python_ends_after_a_filter_although_only_attach_was_called(run: Run) -> None:
    assert run(FILTERED, headless=True)["left"]


IN_TURN = """
gw = gateway.start(headless={headless!r})
attach(gw)
imp = open_image(image)
if not {headless!r}:
    imp.show()
ij = java_class("ij.IJ")

def count():
    if {headless!r}:
        return int(imp.getOverlay().size())
    return int(java_class("ij.plugin.frame.RoiManager").getInstance2().getCount())

def run(*call):
    if {headless!r}:
        java_class("ij.WindowManager").setTempCurrentImage(imp)
    ij.run(*call)

run(imp, "SAMJ Segment", "model=starter box=20,103,55,142")
say(one=count())
run(imp, "SAMJ Everything", "model=starter")
say(all=count())
# What the user selects limits the search, be it an object that was found before.
imp.setRoi(0, 0, 100, 100)
before = count()
run(imp, "SAMJ Everything", "model=starter")
say(within=count() - before)
run(imp, "SAMJ Segment", "model=starter box=20,103,55,142")
imp.getRoi().setLocation(0.0, 0.0)
before = count()
run(imp, "SAMJ Everything", "model=starter")
say(moved=count() - before)
"""


@pytest.mark.parametrize("headless", [False, True], ids=["windows", "headless"])
def test_the_outline_of_one_object_does_not_limit_the_search_for_all(headless: bool, run: Run) -> None:
    told = run(IN_TURN.format(headless=headless), headless=headless)
    assert told["one"] == 1
    assert told["all"] > 40
    assert 3 < told["within"] < told["all"] - 20
    assert told["moved"] < 4


GUI_MODE = """
import scyjava
gw = gateway.start(headless=False)
gw.ui().showUI()
attach(gw)
imp = open_image(image)
imp.show()
from samj_bridge.session import Session
mine = Session("starter")
mine.encode(__import__("numpy").zeros((300, 300), "uint8"))

def drive():
    with java_thread():
        rois = java_class("ij.plugin.frame.RoiManager")
        java_class("ij.Executer")("SAMJ Everything", imp)
        while rois.getInstance2() is None or rois.getInstance2().getCount() < 4:
            time.sleep(0.02)
        say(found=int(rois.getInstance2().getCount()))
        imp.changes = False
        java_class("ij.IJ").getInstance().quit()

threading.Thread(target=drive, daemon=True).start()
# As PyImageJ waits in its mode "gui".
while scyjava.jvm_started() and gw.ui().isVisible():
    time.sleep(1)
"""


def test_a_window_that_ends_java_leaves_nothing_of_ours_behind(run: Run) -> None:
    assert run(GUI_MODE)["found"] > 3
