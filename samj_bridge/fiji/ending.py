"""The end of a process that has Python and Java in it, in order and without a word, whoever begins it.

- **Python ends**: the tool is taken out, and Java is let go although threads of ImageJ's filters wait in it.
- **Java ends** (ImageJ2 ends it when its window is closed, and a plugin may at any time): the process is gone as
  soon as Java's own last steps are done. Python takes no part in that: no ``finally``, no ``atexit``, and a thread
  of its own that calls into Java meanwhile kills the process. So one of these last steps ends what runs here: the
  work, the worker, its shared memory.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["end_well", "java_ends", "java_lives", "wait_for_the_end"]

_log = logging.getLogger(__name__)
_BRIDGE = "org.samj.bridge.ij.Bridge"
_LONGEST = 15.0
"""Seconds that the end may take: who closes a window does not wait for a worker that hangs."""

_LONGEST_THREADS = 3.0
"""Seconds that threads of Java's have to end by themselves; AWT's own takes one after its last window."""

_calling = threading.Lock()
_begun = threading.Event()
_over = threading.Event()
_leaves = threading.Event()
"""Set where Java ends the whole process, and not only itself because Python asked it to."""
_hooks: list[Any] = []
"""The thread that Java starts when it ends; kept, since Java knows it by its address alone."""


def end_well() -> None:
    """See to it that this process ends in order; a JVM runs. Calling it again changes nothing."""
    if _hooks:
        return
    import jpype
    import scyjava

    runnable = jpype.JProxy("java.lang.Runnable", dict={"run": _when_java_ends})
    _hooks.append(jpype.JClass("java.lang.Thread")(runnable, "SAMJ end"))
    # JPype starts it before it shuts the ways between Java and Python, and waits for it. Java's own list of such
    # threads is no help: it starts all of them at once, JPype's among them.
    jpype.JClass("java.lang.Runtime").getRuntime().addShutdownHook(_hooks[0])
    scyjava.when_jvm_stops(_free_java)
    # After JPype's and scyjava's own, therefore before them when Python ends.
    atexit.register(_when_python_ends)


@contextmanager
def java_lives() -> Iterator[bool]:
    """Keep Java from ending within the block, a short one; False: it ends already, and must not be called."""
    with _calling:
        yield not _begun.is_set()


def java_ends() -> bool:
    """Return whether Java is ending this process, or has been ended in it."""
    return _begun.is_set()


def wait_for_the_end() -> None:
    """Wait until Java, which is ending this process, has been left in order."""
    _over.wait(_LONGEST)


def _when_java_ends() -> None:
    with _calling:
        _begun.set()
    if _by_exit():
        _leaves.set()
    # In a thread of its own, since it may hang: the process must end all the same.
    ending = threading.Thread(target=_leave, name="samj-end", daemon=True)
    ending.start()
    ending.join(_LONGEST)
    _over.set()


def _by_exit() -> bool:
    """Return whether a thread is in ``System.exit``: ``DestroyJavaVM``, Python's way, does without."""
    import jpype

    traces = jpype.JClass("java.lang.Thread").getAllStackTraces().values()
    frames = (frame for trace in traces for frame in trace)
    return any(frame.getClassName() == "java.lang.Shutdown" and frame.getMethodName() == "exit" for frame in frames)


def _leave() -> None:
    from samj_bridge.session.session import close_sessions

    _tried(_end_the_tool)
    _tried(close_sessions)


def _when_python_ends() -> None:
    import jpype

    if _leaves.is_set():
        # Java ends the process, with its own exit code, before Python could. Python must not be taken apart
        # meanwhile: a thread of Java's that is in the midst of Python's code would abort the process. (JPype says
        # long before the end that Java does not run any more.)
        wait_for_the_end()
        threading.Event().wait(_LONGEST)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    if not jpype.isJVMStarted():
        return
    _tried(_end_the_tool)
    _tried(lambda: jpype.JClass("java.lang.Runtime").getRuntime().removeShutdownHook(_hooks[0]))
    _tried(_free_java)
    if not jpype.config.destroy_jvm:
        # Java lives on beside a Python that is taken apart: at least JPype's own thread must not call into it.
        _tried(lambda: jpype.JClass("org.jpype.ref.JPypeReferenceQueue").getInstance().stop())


def _tried(step: Callable[[], object]) -> None:
    """Take a step of the end; whatever goes wrong, the next ones are to come."""
    try:
        step()
    except Exception:  # noqa: BLE001  # said below
        _log.exception("a step of the end failed")


def _end_the_tool() -> None:
    import jpype

    try:
        bridge = jpype.JClass(_BRIDGE)
    except TypeError:
        # It never came into this Java.
        return
    bridge.end()


def _free_java() -> None:
    """Let go of Java: it waits for threads that ImageJ's filters leave behind, and for every window."""
    import jpype
    import scyjava

    # Without ImageJ in this Java there is no such class.
    with suppress(TypeError):
        jpype.JClass("ij.util.ThreadUtil").threadPoolExecutor.shutdown()
    if scyjava.is_awt_initialized():
        for window in jpype.JClass("java.awt.Window").getWindows():
            window.dispose()
    deadline = time.monotonic() + _LONGEST_THREADS
    threads = jpype.JClass("java.lang.Thread").getAllStackTraces().keySet()
    for thread in [thread for thread in threads if not thread.isDaemon() and thread.getName() != "main"]:
        thread.join(max(1, int(1000 * (deadline - time.monotonic()))))
        if thread.isAlive():
            # Someone else's: better an unclean end than none.
            jpype.config.destroy_jvm = False
