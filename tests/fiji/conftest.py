"""A real ImageJ for the whole test run, with windows on a display of its own: a process can start one JVM only."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from samj_bridge.fiji import ImageJ, find_java, start_imagej


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.imagej)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual screen with a window manager, or the one that ``SAMJ_TEST_DISPLAY`` names; empty: there is none."""
    given = os.environ.get("SAMJ_TEST_DISPLAY", "")
    if given or shutil.which("Xvfb") is None:
        if given:
            os.environ["DISPLAY"] = given
        yield given
        return
    read, write = os.pipe()
    screen = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(screen, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    os.environ["DISPLAY"] = f":{number}"
    manager = None
    if shutil.which("openbox"):
        config = str(Path(__file__).with_name("openbox.xml"))
        manager = subprocess.Popen(
            ["openbox", "--config-file", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(1.0)

    def end() -> None:
        for process in (manager, server):
            if process is not None:
                process.terminate()
                process.wait(10)

    # Not before Java has ended, whose end was registered later: a client that loses its display takes the whole
    # process with it, the report of the tests included.
    atexit.register(end)
    yield os.environ["DISPLAY"]


@pytest.fixture(scope="session")
def imagej(display: str) -> ImageJ:
    """ImageJ, started by the product's own code."""
    if find_java() is None:
        pytest.skip("there is no Java on this machine")
    return start_imagej(headless=not display)


@pytest.fixture(autouse=True)
def _running(imagej: ImageJ) -> None:
    """Every test of this folder needs it."""
