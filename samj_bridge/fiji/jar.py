"""The jar of the tool: where it is, and how Java gets to know it."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samj_bridge.errors import FijiError
from samj_bridge.protocol.folders import list_folder

__all__ = ["find_jar", "install_jar", "jar_version", "prepare", "remove_jar", "version_of_class"]

_JAR = "SAMJ_Bridge.jar"
_OF_ANY_VERSION = re.compile(r"SAMJ_Bridge(-(\d[\w.+-]*|unknown))?\.jar")
"""A jar of ours, whoever put it there: by hand without, from an update site with its version in the name."""
_UNKNOWN = "unknown"
_POM = "META-INF/maven/org.samj/SAMJ_Bridge/pom.properties"


def find_jar() -> Path:
    """Return the jar of the tool: from the package, or as Maven built it in a checkout.

    Raises
    ------
    FijiError
        With code ``no-jar``: it is in neither place.
    """
    packaged = Path(__file__).parent / "jars" / _JAR
    built = Path(__file__).parents[2] / "java_glue" / "target" / _JAR
    for jar in (packaged, built):
        if jar.is_file():
            return jar
    message = f"The tool's jar is missing: neither {packaged} nor {built} is there."
    hint = "Build it with a JDK and Maven: mvn -f java_glue package. The wheel on the package index has it."
    raise FijiError(message, code="no-jar", hint=hint)


def jar_version(jar: Path) -> str:
    """Return the version that Maven wrote into a jar, or ``unknown``."""
    try:
        with zipfile.ZipFile(jar) as archive:
            lines = archive.read(_POM).decode("utf-8", errors="replace").splitlines()
    except (OSError, KeyError, zipfile.BadZipFile):
        lines = []
    return next((line.removeprefix("version=") for line in lines if line.startswith("version=")), _UNKNOWN)


def version_of_class(known: Any) -> str:
    """Return the version of the jar that a Java class came from, or ``unknown``."""
    import jpype

    stream = known.class_.getClassLoader().getResourceAsStream(_POM)
    if stream is None:
        return _UNKNOWN
    properties = jpype.JClass("java.util.Properties")()
    properties.load(stream)
    stream.close()
    return str(properties.getProperty("version", _UNKNOWN))


def prepare() -> bool:
    """Put the jar on the class path of the JVM that scyjava or PyImageJ will start.

    Call it before ``imagej.init`` if you like: `attach` makes the tool and the commands known afterwards as well.

    Returns
    -------
    bool
        Whether the jar is there.
    """
    import scyjava

    try:
        jar = find_jar()
    except FijiError:
        return False
    scyjava.config.add_classpath(str(jar))
    return True


def install_jar(fiji: str | Path) -> Path:
    """Put the jar into the folder ``plugins`` of a Fiji or ImageJ, in place of one of another version.

    For Fiji's own Python mode, in which Java runs before any Python of the user's, and for a Fiji without Python.
    Fiji reads that folder when it starts. What goes wrong leaves the folder as it was.

    Parameters
    ----------
    fiji : path
        The folder that has ``plugins``, and ``jars`` or ``ij.jar``.

    Returns
    -------
    Path
        Where it lies now.

    Raises
    ------
    FijiError
        ``no-jar``, ``no-fiji`` (the folder has no ImageJ), ``jar-not-written`` (the folder can't be written to, or
        the disk is full), ``jar-in-use`` (a Fiji that runs holds the older one, on Windows).
    """
    source = find_jar()
    plugins = _plugins_of(Path(fiji))
    place = plugins / f"SAMJ_Bridge-{jar_version(source)}.jar"
    # No jar by its name before it is whole: a Fiji that starts now must not see half of it.
    coming = place.with_name(f"{place.name}.{os.getpid()}.part")
    try:
        plugins.mkdir(exist_ok=True)
        coming.write_bytes(source.read_bytes())
        with _set_aside(_jars_in(plugins)):
            coming.replace(place)
    except OSError as error:
        message = f"The jar could not be written into {plugins}: {error.strerror or error}."
        hint = "Close Fiji, and see to it that you may write there, or copy the jar yourself: " + str(source)
        raise FijiError(message, code="jar-not-written", hint=hint, folder=str(plugins)) from error
    finally:
        coming.unlink(missing_ok=True)
    return place


def remove_jar(fiji: str | Path) -> list[Path]:
    """Take the jar out of the folder ``plugins`` of a Fiji or ImageJ again; returns what was removed.

    Raises
    ------
    FijiError
        ``no-fiji`` or ``jar-in-use``, as `install_jar`.
    """
    jars = _jars_in(_plugins_of(Path(fiji)))
    with _set_aside(jars):
        return jars


def _plugins_of(folder: Path) -> Path:
    try:
        inside = list_folder(folder, named=True)
        library = list_folder(folder / "jars")
    except OSError as error:
        message = f"The folder {str(folder)!r} can't be read: {error.strerror or error}."
        raise FijiError(message, code="no-fiji", hint="Name the folder of a Fiji that you may read.") from error
    if not any(re.fullmatch(r"ij(-.*)?\.jar", entry.name) for entry in (*inside, *library)):
        message = f"{str(folder)!r} has no ImageJ: no ij.jar in it, no ij-*.jar in its folder jars."
        raise FijiError(message, code="no-fiji", hint="Give the folder that has Fiji's jars and plugins folders.")
    return folder / "plugins"


def _jars_in(plugins: Path) -> list[Path]:
    return [plugins / entry.name for entry in list_folder(plugins) if _OF_ANY_VERSION.fullmatch(entry.name)]


@contextmanager
def _set_aside(jars: list[Path]) -> Iterator[None]:
    """Remove jars if the block succeeds; if it does not, or one can't be removed, all of them stay."""
    moved: list[tuple[Path, Path]] = []
    try:
        for jar in jars:
            aside = jar.with_name(f"{jar.name}.{os.getpid()}.old")
            try:
                jar.replace(aside)
            except OSError as error:
                message = f"{jar} can't be replaced: {error.strerror or error}."
                raise FijiError(message, code="jar-in-use", hint="Close Fiji and try again.") from error
            moved.append((jar, aside))
        yield
    except BaseException:
        for jar, aside in moved:
            aside.replace(jar)
        raise
    for _, aside in moved:
        aside.unlink(missing_ok=True)
