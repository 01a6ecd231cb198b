"""How long a click on the page takes until its outline is on the screen; part of ``python -m benchmarks.serve``."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from samj_bridge.server.serving import Card

__all__ = ["PAINTED", "painted"]

PAINTED = "the page, pointer up to outline painted, median"

# From the pointer's own time stamp to the first task after the frame in which the outline was drawn.
_WATCH = """
window.times = [];
const painted = new MessageChannel();
painted.port1.onmessage = ({ data }) => window.times.push(performance.now() - data);
const board = document.getElementById("board");
let up = 0;
board.addEventListener("pointerup", (event) => { up = event.timeStamp; }, true);
board.addEventListener("outlinepainted", () => painted.port2.postMessage(up));
"""


def painted(card: Card, png: bytes, repeats: int) -> list[float]:
    """Return the median of clicks on a view of 715 x 733, in milliseconds; empty where it can't be measured."""
    times = clicks(card, png, [(330, 330), (200, 400), (420, 220)], repeats)
    if not times:
        print("The page is not measured: there is no Chromium, or no Playwright.", file=sys.stderr)
    return [statistics.median(times)] if times else []


def clicks(card: Card, png: bytes, places: list[tuple[int, int]], repeats: int) -> list[float]:
    """Return the milliseconds of clicks on an image that is encoded; empty without Chromium or Playwright.

    Parameters
    ----------
    card : Card
        Where the server is.
    png : bytes
        The image.
    places : list of (int, int)
        Pixels to click on, one after the other.
    repeats : int
        Clicks that are counted.
    """
    chromium = os.environ.get("SAMJ_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    if chromium is None:
        return []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        image = Path(folder) / "view.png"
        image.write_bytes(png)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.goto(f"{card.address}/{card.token}/")
        page.locator("#file").set_input_files(image)
        page.locator("#image-name").filter(has_text="view.png").wait_for()
        page.evaluate(_WATCH)
        work = page.evaluate("fetch(`api/page/images/${location.hash.slice(1)}`).then((answer) => answer.json())")
        board = page.locator("#board").bounding_box()
        assert board is not None
        scale = min(board["width"] / work["width"], board["height"] / work["height"])
        left = board["x"] + (board["width"] - work["width"] * scale) / 2
        top = board["y"] + (board["height"] - work["height"] * scale) / 2
        # The first ones read the image, and warm up the browser.
        for number in range(repeats + 5):
            x, y = places[number % len(places)]
            page.mouse.click(left + (x + 0.5) * scale, top + (y + 0.5) * scale)
            while page.evaluate("window.times.length") <= number:
                page.wait_for_timeout(5)
        times: list[float] = page.evaluate("window.times")
        browser.close()
    return times[5 : 5 + repeats]
