"""The end of a process that has Python and Java in it, whoever begins it, at any moment: quietly, nothing left."""

from __future__ import annotations

import os

import pytest
from gateway import is_imagej2
from own_process import Run

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


SLOW_EXIT = """
gateway.start(headless=False)
import jpype
from samj_bridge.fiji.ending import end_well
end_well()
groovy = jpype.JClass("groovy.lang.GroovyShell")()
groovy.evaluate("Runtime.runtime.addShutdownHook(new Thread({ sleep(5000) { false } } as Runnable))")

def inside():
    say(inside=True)
    time.sleep(3)

# A thread of Java's in the midst of Python's code, while Java takes its time to end.
jpype.JClass("java.lang.Thread")(jpype.JProxy("java.lang.Runnable", dict={"run": inside})).start()
threading.Thread(target=lambda: jpype.JClass("java.lang.System").exit(7), daemon=True).start()
until = time.monotonic() + 20
while jpype.isJVMStarted() and time.monotonic() < until:
    time.sleep(0.05)
say(down=not jpype.isJVMStarted())
"""


def test_python_is_not_taken_apart_while_java_takes_its_time_to_end(run: Run) -> None:
    # Java's own exit code: Python would have made it 0.
    told = run(SLOW_EXIT, code=7)
    assert told["inside"]
    assert told["down"]


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
