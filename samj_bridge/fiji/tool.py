"""The tool in ImageJ: ImageJ's window started with it, or put into an ImageJ that runs already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from samj_bridge.errors import FijiError
from samj_bridge.fiji.jar import find_jar
from samj_bridge.fiji.jvm import ImageJ, java_class, java_errors, start_imagej
from samj_bridge.fiji.segmenter import java_segmenter
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

__all__ = ["attach", "detach", "open_window", "wait_until_closed"]

_BRIDGE = "org.samj.bridge.ij.Bridge"


def attach(ij: Any = None, *, settings: Settings | None = None) -> None:
    """Put tool, panel and commands into the ImageJ that runs in this process.

    Works in a session of ``imagej.init``, in Fiji's own Python mode and after `start_imagej`. Calling it again
    changes nothing. Without windows (headless) only the commands for macros are added; those need the jar to be
    on the class path when Java starts (`start_imagej` sees to it; call `prepare` before ``imagej.init``).

    Parameters
    ----------
    ij : gateway, optional
        PyImageJ's; only there to say which ImageJ is meant, since a process has one.
    settings : Settings, optional
        Read from ``SAMJ_*`` variables by default.

    Raises
    ------
    FijiError
        ImageJ is not running, or the tool's jar is missing.
    """
    import jpype

    jar = find_jar()
    java_class("ij.ImagePlus")
    settings = Settings.from_environment() if settings is None else settings
    try:
        bridge = java_class(_BRIDGE)
    except FijiError:
        jpype.addClassPath(str(jar))
        bridge = java_class(_BRIDGE)
    if bool(bridge.isInstalled()):
        return
    with java_errors("The tool could not be put into ImageJ"):
        bridge.install(java_segmenter(settings))


def detach() -> None:
    """Take tool listeners, panel and worker away again. Calling it twice is harmless."""
    with java_errors("The tool could not be taken out of ImageJ"):
        java_class(_BRIDGE).uninstall()


def open_window(*, fiji: str | Path | None = None, settings: Settings | None = None, memory: str = "") -> ImageJ:
    """Start ImageJ with its window and the tool in it.

    Parameters
    ----------
    fiji : path, optional
        Folder of a local Fiji; plain ImageJ by default.
    settings : Settings, optional
        Read from ``SAMJ_*`` variables by default.
    memory : str
        Largest Java heap, for example ``"6g"``.

    Raises
    ------
    FijiError
        No Java, no ImageJ, no display, or no jar.
    """
    find_jar()
    _check_display()
    imagej = start_imagej(fiji=fiji, settings=settings, headless=False, memory=memory)
    show_window(imagej)
    attach(imagej.gateway, settings=settings)
    return imagej


def show_window(imagej: ImageJ) -> None:
    """Open ImageJ's window, if it is not there yet.

    Raises
    ------
    FijiError
        Java can't open windows.
    """
    with java_errors("ImageJ's window could not be opened"):
        if java_class("ij.IJ").getInstance() is not None:
            return
        if imagej.gateway is not None:
            # ImageJ2 has a window of its own making, with ImageJ 1.x's behind it.
            imagej.gateway.ui().showUI()
        else:
            java_class("ij.ImageJ")()


def wait_until_closed(cancel: CancelToken | None = None) -> None:
    """Return when the user has closed ImageJ's window, or set `cancel`; the worker is ended then.

    Closing it is a question first where images are open: the tool stays until it is answered.

    Raises
    ------
    Cancelled
        `cancel` was set; the window is closed.
    """
    ij = java_class("ij.IJ")
    cancel = CancelToken() if cancel is None else cancel
    # ImageJ "is quitting" while it asks whether to save: only the window that is gone means that it was closed.
    while ij.getInstance() is not None and not cancel.wait(0.2):
        pass
    detach()
    # Java waits for whoever has a window open.
    for open_window in java_class("java.awt.Window").getWindows():
        open_window.dispose()
    cancel.check()


def _check_display() -> None:
    # The display is the system's own variable, no setting of ours.
    if os.name == "posix" and os.uname().sysname != "Darwin" and not os.environ.get("DISPLAY"):
        message = "There is no display to open ImageJ's window on (DISPLAY is not set)."
        hint = "Run it on a desktop, with ssh -X, or without a window: samj-bridge segment, or start_imagej()."
        raise FijiError(message, code="no-display", hint=hint)
