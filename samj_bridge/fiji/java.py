"""Is there a Java on this machine? Asked without loading a JVM into this process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Java", "find_java"]


@dataclass(frozen=True)
class Java:
    """A Java installation."""

    home: Path
    """Its folder, as in ``JAVA_HOME``."""
    version: str
    """Its version as it says itself, for example ``17.0.15``."""

    @property
    def major(self) -> int:
        """First number of the version; 8 for the old ``1.8``."""
        numbers = [int(number) for number in re.findall(r"\d+", self.version)] or [0]
        return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def find_java() -> Java | None:
    """Return the Java of ``JAVA_HOME``, else the one on the ``PATH`` that works, else None.

    Each candidate is started once (0.1 to 0.5 s) and asked for its version and home: on macOS ``/usr/bin/java`` is
    there without any Java, and launchers on the ``PATH`` are often links to elsewhere.
    """
    for launcher in _launchers():
        java = _ask(launcher)
        if java is not None:
            return java
    return None


def _launchers() -> Iterator[Path]:
    # Java's own variable: no setting of ours.
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / ("java.exe" if os.name == "nt" else "java")
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)


def _ask(launcher: Path) -> Java | None:
    command = [str(launcher), "-XshowSettings:properties", "-version"]
    try:
        # -Xmx keeps a machine with little free memory from refusing the question.
        done = subprocess.run(
            [command[0], "-Xmx32m", *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = dict(re.findall(r"^\s*(java\.home|java\.version) = (.+?)\s*$", done.stdout, re.MULTILINE))
    if done.returncode or len(found) < 2:
        return None
    return Java(Path(found["java.home"]), found["java.version"])
