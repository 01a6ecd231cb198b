"""The page in headless Chromium, with real clicks and keys: what it shows is what a session answers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import Visit
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from serving import Served

from samj_bridge import Prompt
from samj_bridge.session import Session

CHROMIUM = os.environ.get("SAMJ_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [pytest.mark.worker, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(served: Served, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return what opens a tab of its own browser context; none may complain."""
    visits: list[Visit] = []

    def opens(at: Served = served, **options: Any) -> Visit:
        context = browser.new_context(viewport={"width": 1200, "height": 800}, **options)
        visits.append(Visit(at, context))
        return visits[-1]

    yield opens
    complaints = [text for each in visits for text in each.complaints]
    for each in visits:
        each.page.context.close()
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


def test_a_click_gives_what_a_session_gives_to_the_pixel(
    visit: Callable[..., Visit], session: Session, nuclei: Path
) -> None:
    tab = visit()
    tab.open(nuclei)
    tab.click(66, 57)
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(1)
    tab.drag(40, 30, 92, 85)
    tab.proposed()
    tab.page.keyboard.press("2")
    tab.find("#candidates label").nth(1).locator(":checked").wait_for()
    tab.page.keyboard.press("t")
    tab.kept(2)
    with session.encode(np.asarray(Image.open(nuclei))) as scene:
        clicked = scene.segment(Prompt(points=[(66, 57)]))[0]
        boxed = scene.segment(Prompt(box=(40, 30, 92, 85)), candidates=3)[1]
    first, second = tab.masks()
    assert np.array_equal(first, clicked.mask())
    assert np.array_equal(second, boxed.mask())
    # Nothing of it is lost by a reload.
    tab.page.reload()
    tab.kept(2)
    first, second = tab.masks()
    assert np.array_equal(second, boxed.mask())
