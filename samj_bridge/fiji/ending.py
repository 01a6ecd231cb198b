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
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["end_well", "java_lives", "wait_for_the_end"]

_log = logging.getLogger(__name__)
_BRIDGE = "org.samj.bridge.ij.Bridge"
_LONGEST = 15.0
"""Seconds that the end may take: who closes a window does not wait for a worker that hangs."""

_calling = threading.Lock()
_begun = threading.Event()
_over = threading.Event()
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


def wait_for_the_end() -> None:
    """Wait until Java, which is ending this process, has been left in order."""
    _over.wait(_LONGEST)


def _when_java_ends() -> None:
    with _calling:
        _begun.set()
    # In a thread of its own, since it may hang: the process must end all the same.
    ending = threading.Thread(target=_leave, name="samj-end", daemon=True)
    ending.start()
    ending.join(_LONGEST)
    _over.set()


def _leave() -> None:
    from samj_bridge.session.session import close_sessions

    _tried(_end_the_tool)
    _tried(close_sessions)


def _when_python_ends() -> None:
    import jpype

    if not jpype.isJVMStarted():
        return
    if _begun.is_set():
        # Java ends the process, with its own exit code, before Python could.
        wait_for_the_end()
        threading.Event().wait(_LONGEST)
        return
    _tried(_end_the_tool)
    _tried(lambda: jpype.JClass("java.lang.Runtime").getRuntime().removeShutdownHook(_hooks[0]))
    _tried(_free_java)


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
    """Let go of Java: ImageJ's filters leave a pool of threads behind, and Java waits for every such thread."""
    import jpype

    try:
        pool = jpype.JClass("ij.util.ThreadUtil").threadPoolExecutor
    except TypeError:
        return
    pool.shutdown()
    threads = jpype.JClass("java.lang.Thread").getAllStackTraces().keySet()
    for thread in [thread for thread in threads if not thread.isDaemon() and thread.getName() != "main"]:
        thread.join(500)
        if thread.isAlive():
            # Someone else's: better an unclean end than none.
            jpype.config.destroy_jvm = False
