"""Programs in a process of their own, with ImageJ as ImageJ2 makes it (gateway.py): they have to end well."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import samj_bridge
from samj_bridge.fiji import find_java

ROOT = Path(samj_bridge.__file__).parent.parent
HERE = Path(__file__).parent
BLOCKS = Path("/dev/shm")
"""Where Linux has shared memory; elsewhere it can't be looked at."""
TROUBLE = ("Traceback", "exception not rethrown", "Aborted", "FATAL", "Exception in", "SIGSEGV", "leaked")
Told = dict[str, Any]
Run = Callable[..., Told]

BEGIN = """
import faulthandler, os, sys, threading, time
faulthandler.dump_traceback_later(500, exit=True)
import gateway
from gateway import close_window, say
from samj_bridge.fiji import attach, java_class, open_image
from samj_bridge.fiji.jvm import java_thread
image = sys.argv[1]
"""


@pytest.fixture(scope="session")
def jars(kept: Path) -> str:
    """The jars that gateway.py and the scripting languages need, from Maven Central, fetched once."""
    pom = HERE / "gateway-pom.xml"
    folder = kept / f"gateway-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        maven = shutil.which("mvn")
        assert maven is not None
        coming = folder.with_name(f"{folder.name}-{os.getpid()}")
        command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={coming}"]
        subprocess.run(command, check=True, timeout=600)
        try:
            coming.rename(folder)
        except OSError:
            # Another half of the suite was faster.
            shutil.rmtree(coming)
    # ImageJ first: the others are looked into from the left.
    jars = sorted(folder.glob("*.jar"), key=lambda jar: (not jar.name.startswith("ij"), jar.name))
    return os.pathsep.join(map(str, jars))


@pytest.fixture
def run(display: str, jars: str, ready_home: Path, data_dir: Path, tmp_path: Path) -> Run:
    """Run a program there; it has to end by itself, with that exit code, without trouble, and leave nothing."""

    def run(program: str, *, headless: bool = False, code: int = 0) -> Told:
        java = find_java()
        assert java is not None
        image = tmp_path / "blobs.gif"
        shutil.copy(data_dir / "images" / "blobs.gif", image)
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
            "JAVA_HOME": str(java.home),
            "SAMJ_HOME": str(ready_home),
            "SAMJ_TEST_JARS": jars,
            "SAMJ_TEST_USER_HOME": str(tmp_path),
        }
        if headless:
            environ.pop("DISPLAY", None)
        elif not display:
            pytest.skip("there is no display: install xvfb")
        command = [sys.executable, "-c", BEGIN + program, str(image)]
        running = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
        )
        try:
            said, _ = running.communicate(timeout=560)
        finally:
            running.kill()
        assert running.returncode == code, said
        for trouble in TROUBLE:
            assert trouble not in said, said
        hosted = f"--host {running.pid}"
        left = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
        assert not [line for line in left if f"{hosted} " in f"{line} "]
        if BLOCKS.is_dir():
            assert not list(BLOCKS.glob(f"samj_{running.pid:x}_*")), said
        told: Told = {"said": said}
        for line in said.splitlines():
            if line.startswith("told "):
                told |= json.loads(line.removeprefix("told "))
        return told

    return run
