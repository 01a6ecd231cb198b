"""One JVM with ImageJ in it: found running, or started.

A process can start one JVM, once. Whoever started it (a script in Fiji's Python mode, `imagej.init`, this module),
the classes of ImageJ 1.x are reached in the same way: `java_class`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from samj_bridge.errors import FijiError, InputError
from samj_bridge.fiji.ending import end_well
from samj_bridge.fiji.jar import prepare
from samj_bridge.fiji.java import Java, find_java
from samj_bridge.fiji.release import is_release, start_release
from samj_bridge.protocol.folders import list_folder, walk
from samj_bridge.settings import Settings

__all__ = ["ImageJ", "java_class", "java_errors", "java_thread", "start_imagej"]

IMAGEJ = "1.54p"
"""Version of ImageJ that is fetched from Maven Central where no Fiji is given."""
_ENDPOINT = f"net.imagej:ij:{IMAGEJ}"
_OLDEST_JAVA = 11
_lock = threading.Lock()
_here = threading.local()


@dataclass(frozen=True)
class ImageJ:
    """An ImageJ that runs in this process."""

    version: str
    """ImageJ's version, for example ``1.54p``."""
    java: str
    """Version of the Java it runs in."""
    source: str
    """Where it came from: ``running``, the Fiji folder, or ``net.imagej:ij:1.54p``."""
    gateway: Any = None
    """PyImageJ's gateway, where PyImageJ started it."""


def start_imagej(
    *,
    fiji: str | Path | None = None,
    settings: Settings | None = None,
    headless: bool = True,
    memory: str = "",
) -> ImageJ:
    """Return a running ImageJ: the one that runs already, else one from a Fiji folder, else plain ImageJ.

    Calling it again returns the same one. May be called from any thread.

    Parameters
    ----------
    fiji : path or str, optional
        Folder of a local Fiji or ImageJ2 (it has ``jars`` and ``plugins``) or of plain ImageJ (it has ``ij.jar``);
        or, through PyImageJ, a Maven coordinate such as ``sc.fiji:fiji:2.16.0`` (`samj_bridge.fiji.release`).
        By default `IMAGEJ` from Maven Central, fetched once (2.5 MB).
    settings : Settings, optional
        Only ``offline`` is looked at.
    headless : bool
        Whether to do without windows.
    memory : str
        Largest Java heap, for example ``"6g"``; by default Java's own choice, a quarter of the machine's memory.

    Raises
    ------
    FijiError
        No Java, one too old, no ImageJ in the folder or in the running JVM, no network for the first fetch.
    InputError
        `memory` is no amount of memory.
    """
    with _lock:
        settings = Settings.from_environment() if settings is None else settings
        options = _options(headless, memory)
        import jpype

        if jpype.isJVMStarted():
            return _running()
        java = _check_java(find_java())
        # What JPype loads must be the Java that was looked at.
        os.environ["JAVA_HOME"] = str(java.home)
        if java.major >= 22:
            options.append("--enable-native-access=ALL-UNNAMED")
        gateway = None
        prepare()
        with java_errors("ImageJ could not be started"):
            if fiji is None:
                source = _ENDPOINT
                _start_plain(options, settings.offline)
            elif is_release(str(fiji)):
                source = str(fiji)
                gateway = start_release(source, options, headless=headless)
            else:
                source = str(fiji)
                gateway = _start_folder(_check_folder(Path(fiji)), options, headless=headless)
        end_well()
        return _describe(source, gateway)


def java_class(name: str) -> Any:
    """Return a Java class by its full name, and make the calling thread fit for ImageJ.

    Raises
    ------
    FijiError
        No JVM runs, or it does not have the class.
    """
    import jpype

    if not jpype.isJVMStarted():
        raise FijiError("ImageJ is not running.", code="fiji-not-running", hint="Call start_imagej() first.")
    _set_class_loader()
    try:
        return jpype.JClass(name)
    except TypeError as error:
        message = f"The JVM that runs in this process has no class {name}."
        raise FijiError(message, hint="Start it with ImageJ on its class path.") from error


@contextmanager
def java_thread() -> Iterator[None]:
    """Make this thread a Java thread for a while.

    Java keeps a record of every thread that called it, for ever, unless it is detached. Wrap the work of threads
    that come and go; those of a fixed pool need it not.
    """
    # JPype attaches a thread when it first touches a Java class, its own java.lang.Thread too: so its innermost
    # module is asked, which touches none.
    import _jpype  # type: ignore[import-not-found]

    known = _jpype.isThreadAttachedToJVM()
    _set_class_loader()
    try:
        yield
    finally:
        if not known:
            _here.ready = False
            _jpype.detachThreadFromJVM()


@contextmanager
def java_errors(what: str) -> Iterator[None]:
    """Turn whatever Java, JPype and the resolver raise into `FijiError`, with `what` failed in front."""
    import jpype

    try:
        yield
    except FijiError:
        raise
    except (jpype.JException, RuntimeError, OSError, TypeError, ValueError, ImportError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = f"{what}: {reason.rstrip('.')}."
        raise FijiError(message, hint="samj-bridge doctor says what is missing.") from error


def _set_class_loader() -> None:
    # A Python thread has none, and Swing's look and feel can't be found without.
    if getattr(_here, "ready", False):
        return
    import jpype

    thread = jpype.JClass("java.lang.Thread").currentThread()
    if thread.getContextClassLoader() is None:
        thread.setContextClassLoader(jpype.JClass("java.lang.ClassLoader").getSystemClassLoader())
    _here.ready = True


def _options(headless: bool, memory: str) -> list[str]:
    # Without the first, ImageJ2's legacy layer can't patch ImageJ in Java 17 and newer.
    # With the second, Ctrl-C is Python's: Java would end itself, and leave Python with a Java that is gone.
    options = ["--add-opens=java.base/java.lang=ALL-UNNAMED", "-Xrs"]
    if headless:
        options.append("-Djava.awt.headless=true")
    if memory:
        if not (memory[:-1].isdecimal() and memory[-1] in "kKmMgGtT"):
            message = f"{memory!r} is no amount of memory for Java."
            raise InputError(message, hint='Write it like "800m" or "6g".')
        options.append(f"-Xmx{memory}")
    return options


def _check_java(java: Java | None) -> Java:
    hint = "Install a JDK 17 or newer (https://adoptium.net), or set JAVA_HOME to one. Segmenting works without."
    if java is None:
        message = "ImageJ needs Java, and there is none: neither JAVA_HOME nor the PATH leads to one that works."
        raise FijiError(message, code="no-java", hint=hint)
    if java.major < _OLDEST_JAVA:
        message = f"ImageJ is driven from Python with Java {_OLDEST_JAVA} or newer; {java.home} has {java.version}."
        raise FijiError(message, code="old-java", hint=hint)
    return java


def _running() -> ImageJ:
    import jpype

    try:
        jpype.JClass("ij.ImagePlus")
    except TypeError as error:
        message = "A JVM runs in this process already, but has no ImageJ, and there can be only one."
        hint = "Call start_imagej() before other packages start Java."
        raise FijiError(message, code="jvm-without-imagej", hint=hint) from error
    return _describe("running", None)


def _describe(source: str, gateway: Any) -> ImageJ:
    version = str(java_class("ij.ImageJ").VERSION)
    return ImageJ(version, str(java_class("java.lang.System").getProperty("java.version")), source, gateway)


def _start_plain(options: Sequence[str], offline: bool) -> None:
    """Start a JVM with ImageJ from Maven's folder here, fetched from Maven Central where it is missing."""
    import scyjava

    jar = _jar_in_maven_folder()
    config = scyjava.config
    endpoints, repositories = list(config.endpoints), dict(config.get_repositories())
    # Java was found already: it is never downloaded behind the user's back.
    config.set_java_constraints(fetch="never")
    try:
        # Only Maven Central: others may be slow or closed, and have nothing that is needed.
        config.get_repositories().clear()
        config.endpoints[:] = []
        if jar.exists():
            if not is_zipfile(jar):
                message = f"{jar} is damaged: its download was broken off, perhaps."
                raise FijiError(message, code="damaged-jar", hint="Delete it: it will be fetched again.")
            config.add_classpath(str(jar))
        elif offline:
            message = f"ImageJ is not on this machine yet ({jar} is missing), and SAMJ_OFFLINE forbids to fetch it."
            raise FijiError(message, code="offline", hint="Unset SAMJ_OFFLINE once, or give a Fiji folder.")
        else:
            config.endpoints[:] = [_ENDPOINT]
        scyjava.start_jvm(list(options))
    except OSError as error:
        if jar.exists():
            raise
        message = f"ImageJ {IMAGEJ} could not be fetched from Maven Central: {error}."
        hint = "Check the network and its proxy, or give the folder of a Fiji that is on this machine."
        raise FijiError(message, code="fetch-failed", hint=hint) from error
    finally:
        config.endpoints[:] = endpoints
        config.get_repositories().update(repositories)


def _jar_in_maven_folder() -> Path:
    """Return where Maven keeps the jar: asking the resolver takes seconds, and needs the network."""
    # Maven's and jgo's own variable: no setting of ours.
    folder = os.environ.get("M2_REPO")
    root = Path(folder) if folder else Path.home() / ".m2" / "repository"
    return root / "net" / "imagej" / "ij" / IMAGEJ / f"ij-{IMAGEJ}.jar"


def _check_folder(folder: Path) -> list[str]:
    """Return the jars of a Fiji folder, its own first."""
    try:
        own = [entry for entry in list_folder(folder, named=True) if entry.name.startswith("ij")]
    except OSError as error:
        message = f"The folder {str(folder)!r} can't be read: {error.strerror or error}."
        raise FijiError(message, code="no-fiji", hint="Name a Fiji folder that you may read.") from error
    found = [own, *(sorted(walk(folder / name), key=lambda entry: entry.path) for name in ("jars", "plugins"))]
    jars = [str(entry.path) for entries in found for entry in entries if entry.name.endswith(".jar")]
    if not any(Path(jar).name.startswith("ij") for jar in jars):
        message = f"{str(folder)!r} has no ImageJ: no ij*.jar in it or in its folder jars."
        raise FijiError(message, code="no-fiji", hint="Give the folder that has Fiji's jars and plugins folders.")
    return [str(folder.absolute()), *jars]


def _start_folder(jars: Sequence[str], options: Sequence[str], *, headless: bool) -> Any:
    """Start the ImageJ of a folder: by PyImageJ where it is installed and the folder has ImageJ2, else plainly."""
    folder, *paths = jars
    import scyjava

    config = scyjava.config
    if find_spec("imagej") is not None and any("imagej-legacy" in Path(path).name for path in paths):
        import imagej

        # Importing imagej asks for a jar from the network that a Fiji folder has itself.
        config.endpoints.clear()
        # PyImageJ 1.8 fails with "never". Java is there, so that "auto" downloads none.
        config.set_java_constraints(fetch="auto")
        config.add_options(list(options))
        return imagej.init(folder, mode="headless" if headless else "interactive")
    config.endpoints.clear()
    config.set_java_constraints(fetch="never")
    config.add_classpath(*paths)
    scyjava.start_jvm([*options, f"-Dplugins.dir={folder}"])
    return None
