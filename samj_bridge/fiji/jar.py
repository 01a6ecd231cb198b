"""The jar of the tool: where it is, and how Java gets to know it."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.errors import FijiError

__all__ = ["find_jar", "prepare"]

_JAR = "SAMJ_Bridge.jar"


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
    hint = "Build it with a JDK and Maven: mvn -f java_glue package. A wheel of samj-bridge has it inside."
    raise FijiError(message, code="no-jar", hint=hint)


def prepare() -> bool:
    """Put the jar on the class path of the JVM that scyjava or PyImageJ will start.

    Call it before ``imagej.init``: ImageJ finds commands for macros only in what Java knew when it started. The
    tool and the panel don't need it.

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
