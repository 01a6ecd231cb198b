"""A process of its own with ImageJ as ImageJ2 makes it: the real one where there is one, else the nearest to it.

``SAMJ_TEST_FIJI`` names the folder of a Fiji or ImageJ2, which is started through ``imagej.init`` then. By default
it is ImageJ 1.54p with ImageJ2's own patches on it (ij1-patcher, from Maven Central) and SciJava's context,
put together as ImageJ2's legacy layer does: the main window is made and hidden, ``ij.IJ`` has no code source,
ImageJ's class loader is Java's own and knows no jar that comes later, and closing the main window ends Java.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

OPTIONS = ["--add-opens=java.base/java.lang=ALL-UNNAMED", "-Xrs"]


def is_imagej2(folder: str) -> bool:
    """Return whether a folder has ImageJ2's legacy layer."""
    return bool(folder) and any(Path(folder).glob("jars/**/imagej-legacy*.jar"))


def start(*, headless: bool, prepared: bool = False) -> Any:
    """Start it in this process, and return its gateway."""
    import scyjava

    from samj_bridge.fiji import prepare

    folder = os.environ.get("SAMJ_TEST_FIJI", "")
    scyjava.config.endpoints.clear()
    if prepared:
        prepare()
    home = os.environ.get("SAMJ_TEST_USER_HOME")
    options = [*OPTIONS, *([f"-Duser.home={home}"] if home else [])]
    if is_imagej2(folder):
        import imagej

        scyjava.config.endpoints.clear()
        scyjava.config.set_java_constraints(fetch="auto")
        scyjava.config.add_options(options)
        return imagej.init(folder, mode="headless" if headless else "interactive")
    scyjava.config.set_java_constraints(fetch="never")
    scyjava.config.add_classpath(*os.environ["SAMJ_TEST_JARS"].split(os.pathsep))
    scyjava.start_jvm([*options, *(["-Djava.awt.headless=true"] if headless else [])])
    return _Gateway(headless)


class _Gateway:
    """What of PyImageJ's gateway is used: ``ui().showUI()``, ``ui().isVisible()`` and ``context()``."""

    def __init__(self, headless: bool) -> None:
        import jpype

        loader = jpype.JClass("java.lang.Thread").currentThread().getContextClassLoader()
        patched = jpype.JClass("net.imagej.patcher.LegacyEnvironment")(loader, headless)
        patched.disableInitializer()
        patched.noPluginClassLoader()
        patched.suppressIJ1ScriptDiscovery()
        patched.applyPatches()
        patched.newImageJ1(True)
        self._ij = jpype.JClass("ij.IJ")
        assert self._ij.class_.getProtectionDomain().getCodeSource().getLocation() is None
        if not headless:
            assert not self._ij.getInstance().isShowing()
            self._ij.getInstance().exitWhenQuitting(True)
        names = ("module.ModuleService", "script.ScriptService", "menu.MenuService")
        services = [jpype.JClass(f"org.scijava.{name}").class_ for name in names]
        self._context = jpype.JClass("org.scijava.Context")(jpype.JArray(jpype.JClass("java.lang.Class"))(services))

    def context(self) -> Any:
        return self._context

    def ui(self) -> _Gateway:
        return self

    def isVisible(self) -> bool:  # as Java has it
        window = self._ij.getInstance()
        return window is not None and bool(window.isVisible())

    def showUI(self) -> None:  # as Java has it
        self._ij.getInstance().pack()
        self._ij.getInstance().setVisible(True)


def close_window() -> None:
    """Close ImageJ's main window as its close button does; ImageJ may ask first."""
    import jpype

    window = jpype.JClass("ij.IJ").getInstance()
    event = jpype.JClass("java.awt.event.WindowEvent")(window, 201)
    jpype.JClass("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(event)


def say(**told: Any) -> None:
    """Print a line for the test."""
    import json

    sys.stdout.write("told " + json.dumps(told) + "\n")
    sys.stdout.flush()
