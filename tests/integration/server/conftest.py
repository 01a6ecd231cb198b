"""One real `samj-bridge serve`, and a session to compare with, for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import Visit
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from serving import Recorded, Served, served_by

from samj_bridge.session import Session
from samj_bridge.settings import Settings


@pytest.fixture(scope="session")
def served(linked_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("served") / "log.txt"
    roots = tmp_path_factory.mktemp("images é")
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "samj_bridge.cli.main",
                "serve",
                "--port",
                "0",
                "--no-browser",
                "--root",
                str(roots),
            ],
            env={**os.environ, "SAMJ_HOME": str(linked_home)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield served_by(process, linked_home, roots, log)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 0, log.read_text()
    assert "has ended" in log.read_text()
    assert not list((linked_home / "serve").glob("*.json"))


@pytest.fixture
def recorded(data_dir: Path, served: Served) -> Recorded:
    return Recorded(data_dir / "qupath", served)


@pytest.fixture(scope="session")
def session(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    settings = Settings(home=tmp_path_factory.mktemp("alone"))
    with Session("starter", settings=settings, python=worker_python) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_is_left_running(served: Served) -> Iterator[None]:
    yield
    end = time.monotonic() + 60
    while served.state()["now"] is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert served.state()["waiting"] == []


# For one module at a time: as long as it is open an event loop runs in this thread, and nobody else may run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = os.environ.get("SAMJ_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(served: Served, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return what opens a tab of its own browser context; none may complain."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opens(at: Served = served, **options: Any) -> Visit:
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 800}, **options))
        return Visit(at, contexts[-1], complaints)

    yield opens
    for context in contexts:
        context.close()
    # Work on an image stays: the next test is to find none.
    for work in served.own("GET", "page/images").json["images"]:
        served.own("DELETE", f"page/images/{work['image']}")
    assert complaints == []


@pytest.fixture(scope="module")
def nuclei(data_dir: Path) -> Path:
    return data_dir / "images" / "fluorescence_2.png"


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[int], Path]:
    """Return what makes an image that nobody has opened: a disc on noise."""

    def make(seed: int) -> Path:
        y, x = np.mgrid[:160, :200]
        ground = np.random.default_rng(seed).integers(10, 40, (160, 200))
        image = np.where((x - 90) ** 2 + (y - 70) ** 2 < 30**2, ground + 160, ground).astype(np.uint8)
        path = tmp_path / f"disc {seed}.png"
        Image.fromarray(image).save(path)
        return path

    return make
