"""Build hook: the tool's jar, made with Maven where a JDK and Maven are there, and the commit go into the wheel.

Without them the package is complete but for the tool in ImageJ, and `samj-bridge doctor` says how to build it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

JAR = Path("java_glue/target/SAMJ_Bridge.jar")


class JarHook(BuildHookInterface[Any]):
    """Puts ``SAMJ_Bridge.jar`` into ``samj_bridge/fiji/jars``, and which commit it was into ``commit.txt``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the jar if it is missing or older than its sources.

        An editable install finds it where Maven put it.
        """
        # An sdist has the jar's sources: a wheel that is made from it builds the jar, or would hold two of them.
        if self.target_name == "wheel":
            jar = Path(self.root) / JAR
            if not _is_fresh(jar):
                self._build()
            # The wheel that lies in the jar itself has none (packaging/one_jar.py).
            if jar.is_file() and version != "editable" and os.environ.get("SAMJ_WHEEL_JAR") != "no":
                build_data["force_include"][str(jar)] = f"samj_bridge/fiji/jars/{jar.name}"
        if version != "editable" and (commit := self._commit()) is not None:
            build_data["force_include"][str(commit)] = "samj_bridge/commit.txt"

    def _commit(self) -> Path | None:
        """Write down which commit is built; None: this is no checkout (an sdist has the file already)."""
        if not (Path(self.root) / ".git").exists():
            return None
        command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        file = Path(self.root) / "build" / "commit.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(done.stdout, encoding="utf-8")
        return file

    def _build(self) -> None:
        maven = shutil.which("mvn")
        if maven is None or not (Path(self.root) / "java_glue" / "pom.xml").is_file():
            self.app.display_warning("Maven is not here: the tool for ImageJ is left out.")
            return
        done = subprocess.run(
            [maven, "-q", "-B", "-f", "java_glue/pom.xml", "package", "-Dmaven.test.skip=true"],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-5:])
            self.app.display_warning(f"Maven could not build the tool for ImageJ, which is left out:\n{last}")


def _is_fresh(jar: Path) -> bool:
    if not jar.is_file():
        return False
    sources = [path for path in (jar.parents[1] / "src").rglob("*") if path.is_file()]
    newest = max(path.stat().st_mtime for path in [*sources, jar.parents[1] / "pom.xml"])
    return newest <= jar.stat().st_mtime
