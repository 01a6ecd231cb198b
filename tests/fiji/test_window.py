"""``samj-bridge fiji`` as a process of its own: opened, used, closed; on a display without a window manager."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import samj_bridge
from samj_bridge.fiji import find_java

ROOT = Path(samj_bridge.__file__).parent.parent
DRIVER = """
import faulthandler, json, sys, threading, time
sys.path.insert(0, sys.argv[1])
from samj_bridge.cli.main import main
from samj_bridge.fiji.jvm import java_class, java_thread

told = {}

def drive():
    from desktop import Desktop, component, on_event_thread, shown_dialog, wait_for
    from workbench import choose_tool, managed, proposal
    import jpype
    wait_for(jpype.isJVMStarted, "Java")
    with java_thread():
        time.sleep(1)
        managers = java_class("ij.WindowManager")
        wait_for(lambda: managers.getCurrentImage() is not None, "the image")
        imp = managers.getCurrentImage()
        wait_for(lambda: imp.getCanvas() is not None and imp.getCanvas().isShowing(), "its window")
        wait_for(lambda: component("JButton", "Accept"), "the panel")
        imp.getWindow().setLocation(640, 260)
        time.sleep(1)
        choose_tool()
        desk = Desktop()
        desk.drag(imp, (20, 103, 55, 142))
        told["prompt"] = str(proposal(imp).getProperty("prompt"))
        on_event_thread(component("JButton", "Accept").doClick)
        told["kept"] = len(wait_for(managed, "the object"))
        window = java_class("ij.IJ").getInstance()
        # With changes that are not saved, closing is a question first.
        imp.changes = True
        ask_to_close(window)
        press(wait_for(lambda: shown_dialog("ImageJ"), "ImageJ's question"), "Cancel")
        wait_for(lambda: not window.quitting(), "the answer")
        # Still there, and so is the tool.
        desk.drag(imp, (140, 40, 180, 80))
        proposal(imp)
        told["after"] = "the tool answered after a quit that was cancelled"
        print(json.dumps(told), flush=True)
        # Java and Python call each other many times a second while the window closes.
        on_event_thread(component("JButton", "Everything").doClick)
        wait_for(lambda: len(managed()) > 3, "the search to be on its way")
        imp.changes = False
        ask_to_close(window)
        # The second time ImageJ asks in any case.
        press(wait_for(lambda: shown_dialog("ImageJ"), "ImageJ's question"), "OK")

def ask_to_close(window):
    event = java_class("java.awt.event.WindowEvent")
    java_class("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(
        event(window, event.WINDOW_CLOSING))

def press(dialog, label):
    buttons = []
    def look(part):
        if isinstance(part, java_class("java.awt.Button")) and str(part.getLabel()).strip() == label:
            buttons.append(part)
        for inner in part.getComponents() if hasattr(part, "getComponents") else []:
            look(inner)
    look(dialog)
    event = java_class("java.awt.event.ActionEvent")
    java_class("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(
        event(buttons[0], event.ACTION_PERFORMED, label))

def guarded():
    try:
        drive()
    except BaseException as error:
        told["error"] = repr(error)
        import os, traceback
        traceback.print_exc()
        print(json.dumps(told), flush=True)
        os._exit(9)

def overdue():
    # Said while there is someone to ask: what each thread waits for.
    import os
    faulthandler.dump_traceback()
    with java_thread():
        for entry in java_class("java.lang.Thread").getAllStackTraces().entrySet():
            print(entry.getKey(), *entry.getValue(), sep="\\n    ", flush=True)
    os._exit(9)

watchdog = threading.Timer(200, overdue)
watchdog.daemon = True
watchdog.start()
threading.Thread(target=guarded, daemon=True).start()
sys.argv[1:] = ["fiji", "--imagej1", sys.argv[2]]
main()
"""


@pytest.fixture
def bare_display() -> Iterator[str]:
    """A virtual screen without a window manager."""
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


def test_the_window_opens_works_and_ends_the_process_when_it_is_closed(
    bare_display: str, imagej: object, ready_home: Path, data_dir: Path, tmp_path: Path
) -> None:
    java = find_java()
    assert java is not None
    image = tmp_path / "blobs.gif"
    shutil.copy(data_dir / "images" / "blobs.gif", image)
    environ = {
        **os.environ,
        "DISPLAY": bare_display,
        "PYTHONPATH": str(ROOT),
        "JAVA_HOME": str(java.home),
        "SAMJ_HOME": str(ready_home),
        # ImageJ writes its preferences when it is closed: not into the tester's own.
        "JAVA_TOOL_OPTIONS": f"-Duser.home={tmp_path}",
    }
    command = [sys.executable, "-c", DRIVER, str(Path(__file__).parent), str(image)]
    running = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = running.communicate(timeout=240)
    finally:
        running.kill()
    assert running.returncode == 0, said
    lines = [line for line in said.splitlines() if line.startswith('{"')]
    assert lines, said
    told = json.loads(lines[0])
    assert told["prompt"] == '{"box": [20, 103, 55, 142]}'
    assert told["kept"] == 1
    assert "after" in told
    assert "ImageJ was closed." in said
    for trouble in ("Traceback", "exception not rethrown", "Aborted", "FATAL", "Exception in thread"):
        assert trouble not in said, said
    # Its worker went with it.
    hosted = ["--host", str(running.pid)]
    left = [one.info["cmdline"] for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"]]
    assert not [line for line in left if hosted in [line[i : i + 2] for i in range(len(line))]]
