"""Java, for ImageJ and Fiji."""

from __future__ import annotations

from collections.abc import Iterator

from samj_bridge.doctor.finding import Finding
from samj_bridge.errors import FijiError
from samj_bridge.settings import Settings

__all__ = ["check_java", "check_tool"]


def check_java(settings: Settings) -> Iterator[Finding]:
    """Java for ImageJ: everything else works without it."""
    from samj_bridge.fiji import find_java

    java = find_java()
    if java is None:
        mend = "Install a JDK 11 or newer (https://adoptium.net), or set JAVA_HOME. Only ImageJ and Fiji need it."
        yield Finding("java", "warning", "No Java found: ROIs are written, but ImageJ can't be driven.", mend)
    else:
        yield Finding("java", "ok", f"Java {java.version} ({java.home})")


def check_tool(settings: Settings) -> Iterator[Finding]:
    """Look for the jar of the tool in ImageJ: a package built without Maven has none."""
    from samj_bridge.fiji import find_jar

    try:
        yield Finding("tool", "ok", f"The tool for ImageJ: {find_jar()}")
    except FijiError as error:
        yield Finding("tool", "warning", error.message, error.hint)
