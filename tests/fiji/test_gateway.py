"""The commands in an ImageJ that runs, as ImageJ2 makes it: each time in a process of its own, see gateway.py."""

from __future__ import annotations

import pytest
from own_process import Run

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

COMMANDS = [
    f"SAMJ {name}"
    for name in (
        "Panel",
        "Segment",
        "Everything",
        "Propagate",
        "Batch",
        "Install",
        "Device",
        "Export",
        "Repair",
        "Remove",
    )
]


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


OTHER_JAR = """
import zipfile
from samj_bridge.errors import FijiError
from samj_bridge.fiji import find_jar, prepare
from pathlib import Path
other = Path(image).with_name("SAMJ_Bridge-0.0.1.jar")
with zipfile.ZipFile(find_jar()) as source, zipfile.ZipFile(other, "w") as target:
    for entry in source.infolist():
        content = source.read(entry)
        if entry.filename.endswith("pom.properties"):
            content = b"version=0.0.1"
        target.writestr(entry, content)
import scyjava
scyjava.config.add_classpath(str(other))
gw = gateway.start(headless=True)
try:
    attach(gw)
except FijiError as error:
    say(code=error.code, message=error.message, hint=error.hint)
say(installed=bool(java_class("org.samj.bridge.ij.Bridge").isInstalled()))
"""


def test_a_jar_of_another_version_is_refused_in_words(run: Run) -> None:
    told = run(OTHER_JAR, headless=True)
    assert told["code"] == "other-jar"
    assert "0.0.1" in told["message"]
    assert "--install" in told["hint"]
    assert not told["installed"]


PLAIN = """
import jpype
from pathlib import Path
from samj_bridge.fiji import install_jar
folder = Path(image).parent / "ImageJ"
folder.mkdir()
jars = os.environ["SAMJ_TEST_JARS"].split(os.pathsep)
core, = [jar for jar in jars if Path(jar).name.startswith("ij-")]
(folder / "ij.jar").symlink_to(core)
install_jar(folder)
theme, = [jar for jar in jars if Path(jar).name.startswith("flatlaf-")]
# In Java's own loader there is ImageJ alone; its loader of plugins has a copy of the jar, without a segmenter.
jpype.startJVM(f"-Dplugins.dir={folder}", f"-Duser.home={folder}", "-Xrs", classpath=[core, theme])

def start():
    # A thread of Python's has no class loader, and hands that on to the event thread, which it starts.
    thread, queue = jpype.JClass("java.lang.Thread"), jpype.JClass("java.awt.EventQueue")
    said = []
    queue.invokeAndWait(lambda: said.append(str(thread.currentThread().getContextClassLoader())))
    # ImageJ itself could not start without one.
    thread.currentThread().setContextClassLoader(jpype.JClass("java.lang.ClassLoader").getSystemClassLoader())
    say(theme=bool(jpype.JClass("com.formdev.flatlaf.FlatDarkLaf").setup()), loader=said[0])
    jpype.JClass("ij.ImageJ")()

thread = threading.Thread(target=start)
thread.start()
thread.join()
attach()
ij, menus = java_class("ij.IJ"), java_class("ij.Menus")
say(own=str(ij.getClassLoader().loadClass("ij.IJ").getClassLoader()))
imp = open_image(image)
imp.show()
box = "model=starter box=20,103,55,142"
ij.run(imp, "SAMJ Segment", box)
say(area=float(imp.getStatistics().area))
java_class("ij.plugin.frame.RoiManager").getRoiManager()
ij.run("Refresh Menus")
imp.deleteRoi()
ij.run(imp, "SAMJ Segment", box)
say(again=float(imp.getStatistics().area))

def labels():
    bar = menus.getMenuBar()
    plugins, = [bar.getMenu(i) for i in range(bar.getMenuCount()) if str(bar.getMenu(i).getLabel()) == "Plugins"]
    inside = [plugins.getItem(i) for i in range(plugins.getItemCount())]
    return [[str(one.getItem(i).getLabel()) for i in range(one.getItemCount())] for one in inside
            if str(one.getLabel()) == "SAMJ"]

for _ in range(100):
    if labels():
        break
    time.sleep(0.05)
say(menu=labels(), log=str(ij.getLog()))
close_window()
"""


def test_an_imagej_whose_plugins_hold_a_copy_of_the_jar_calls_the_one_that_python_drives(run: Run) -> None:
    told = run(PLAIN)
    assert told["theme"]
    assert told["loader"] == "None"
    assert told["area"] == told["again"]
    assert 500 < told["area"] < 1500
    # Once each: neither ImageJ's own reading of the folder nor ours comes twice.
    assert [sorted(menu) for menu in told["menu"]] == [sorted(COMMANDS)]
    assert "ComponentUI" not in told["said"]
    assert "NullPointerException" not in told["said"] + told["log"]
