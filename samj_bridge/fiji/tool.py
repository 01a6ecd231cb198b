"""The tool in ImageJ: ImageJ's window started with it, or put into an ImageJ that runs already."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from samj_bridge.errors import FijiError
from samj_bridge.fiji.ending import end_well, java_lives, wait_for_the_end
from samj_bridge.fiji.jar import find_jar, jar_version, version_of_class
from samj_bridge.fiji.jvm import ImageJ, java_class, java_errors, start_imagej
from samj_bridge.fiji.scijava import make_searchable, show_user_interface
from samj_bridge.fiji.segmenter import java_segmenter
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

__all__ = ["attach", "detach", "open_window", "wait_until_closed"]

_BRIDGE = "org.samj.bridge.ij.Bridge"
_WINDOW_COMES = 60.0
"""Seconds that ImageJ's window may take: it may be the first one of this Java, on a machine that is busy."""
_EMPTY_SCREEN = 2.0
"""Seconds without any window after which the user has closed the last one: one may go just before another comes."""


def attach(ij: Any = None, *, settings: Settings | None = None) -> None:
    """Put tool, panel and commands into the ImageJ that runs in this process.

    Works in a session of ``imagej.init``, in Fiji's own Python mode and after `start_imagej`; whether the jar was
    on Java's class path when it started (`prepare`), lies in Fiji's ``plugins`` (`install_jar`), or neither.
    Calling it again changes nothing. Without windows (headless) only the commands for macros are added.

    When Python ends, or ImageJ's window is closed and ends Java, the worker ends with it.

    Parameters
    ----------
    ij : gateway, optional
        PyImageJ's; only there to say which ImageJ is meant, since a process has one.
    settings : Settings, optional
        Read from ``SAMJ_*`` variables by default.

    Raises
    ------
    FijiError
        ImageJ is not running; the tool's jar is missing; ImageJ started with a jar of another version of ours
        (``other-jar``); or this ImageJ can't be brought to know the commands (``commands-unknown``). Nothing was
        put into it then.
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
    _check_version(bridge, jar)
    end_well()
    if bool(bridge.isInstalled()):
        return
    with java_errors("The tool could not be put into ImageJ"):
        bridge.install(java_segmenter(settings))
        unknown = [str(name) for name in bridge.unknownCommands()]
    if unknown:
        detach()
        message = f"This ImageJ can't be brought to know the commands of SAMJ ({', '.join(unknown)}) while it runs."
        hint = (
            "Call prepare() before imagej.init, or once install_jar(FOLDER) for a Fiji; both of samj_bridge.fiji."
        )
        raise FijiError(message, code="commands-unknown", hint=hint)
    make_searchable()


def _check_version(bridge: Any, jar: Path) -> None:
    """Java and Python speak to each other in one version only."""
    there, ours = version_of_class(bridge), jar_version(jar)
    if there != ours:
        message = f"This ImageJ started with the jar of SAMJ {there}; samj-bridge needs that of {ours}."
        hint = "Run: samj-bridge fiji --fiji FOLDER --install, with the folder of your Fiji, and start it anew."
        raise FijiError(message, code="other-jar", hint=hint, there=there, needed=ours)


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
    # ImageJ2 has Java end the process when this window is closed: in the midst of whatever Python does then.
    java_class("ij.IJ").getInstance().exitWhenQuitting(False)
    attach(imagej.gateway, settings=settings)
    return imagej


def show_window(imagej: ImageJ) -> None:
    """Open ImageJ's window, if it is not to be seen yet. ImageJ2 makes it when it starts, and keeps it hidden.

    Raises
    ------
    FijiError
        Java can't open windows, or (``no-window``) the window does not come.
    """
    ij = java_class("ij.IJ")
    with java_errors("ImageJ's window could not be opened"):
        if _is_shown(ij.getInstance()):
            return
        if not show_user_interface(imagej.gateway):
            window = ij.getInstance()
            if window is None:
                java_class("ij.ImageJ")()
            else:
                java_class("java.awt.EventQueue").invokeAndWait(lambda: _show(window))
    last = time.monotonic() + _WINDOW_COMES
    while not _is_shown(ij.getInstance()):
        if time.monotonic() > last:
            message = "ImageJ started, but its window did not come."
            raise FijiError(message, code="no-window", hint="Try plain ImageJ: samj-bridge fiji --imagej1")
        time.sleep(0.1)


def wait_until_closed(cancel: CancelToken | None = None) -> None:
    """Return when the user has closed ImageJ's window, or the last one there was, or set `cancel`.

    The worker is ended then. Closing ImageJ's window is a question first where images are open: the tool stays
    until it is answered.

    Raises
    ------
    Cancelled
        `cancel` was set; the window is closed.
    """
    cancel = CancelToken() if cancel is None else cancel
    seen = time.monotonic()
    while not cancel.wait(0.2):
        with java_lives() as lives:
            if not lives:
                break
            # ImageJ "is quitting" while it asks whether to save: only the window that is gone was closed.
            if java_class("ij.IJ").getInstance() is None:
                break
            if _any_window() or bool(java_class("ij.IJ").macroRunning()):
                seen = time.monotonic()
        if time.monotonic() - seen > _EMPTY_SCREEN:
            break
    with java_lives() as lives:
        pass
    if lives:
        detach()
        # Java waits for whoever has a window open.
        for open_window in java_class("java.awt.Window").getWindows():
            open_window.dispose()
    else:
        wait_for_the_end()
    cancel.check()


def _show(window: Any) -> None:
    # One that was made to stay hidden has no size yet.
    window.pack()
    window.setVisible(True)


def _is_shown(window: Any) -> bool:
    return window is not None and bool(window.isShowing())


def _any_window() -> bool:
    return any(_is_shown(window) for window in java_class("java.awt.Window").getWindows())


def _check_display() -> None:
    # The display is the system's own variable, no setting of ours.
    if os.name == "posix" and os.uname().sysname != "Darwin" and not os.environ.get("DISPLAY"):
        message = "There is no display to open ImageJ's window on (DISPLAY is not set)."
        hint = "Run it on a desktop, with ssh -X, or without a window: samj-bridge segment, or start_imagej()."
        raise FijiError(message, code="no-display", hint=hint)
