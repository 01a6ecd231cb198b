"""Take the pictures of the page anew: ``python docs/scripts/browser_pictures.py``. Look at them before you commit.

Needs Chromium, Playwright, and an environment that is installed. The server has a home of its own for the time.
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from samj_bridge import Settings

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "tests" / "data" / "images"
SIZE = {"width": 1100, "height": 780}


def main() -> None:
    """Start the server, take the pictures."""
    home = Path(tempfile.mkdtemp())
    (home / "envs").symlink_to(Settings.from_environment().home / "envs", target_is_directory=True)
    command = [sys.executable, "-m", "samj_bridge", "serve", "--port", "0", "--no-browser", "--home", str(home)]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stderr is not None
        address = next(found[1] for line in server.stderr if (found := re.search(r"The page: +(\S+)", line)))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
                page.goto(address)
                (light if scheme == "light" else dark)(page)
                page.close()
        finally:
            browser.close()
            server.send_signal(signal.SIGINT)
            server.wait()
            shutil.rmtree(home)


def light(page: Page) -> None:
    """Nuclei of two classes, a proposal with its candidates; then the models."""
    opened(page, "fluorescence_2.png")
    for name, places in (("round", [(40, 190), (272, 65)]), ("long", [(196, 92), (80, 245)])):
        page.locator("#new-class").fill(name)
        page.keyboard.press("Enter")
        for place in places:
            click(page, *place)
            page.keyboard.press("Enter")
    click(page, 176, 320)
    click(page, 245, 322, alt=True)
    take(page, "browser-light")
    page.locator("#models").click()
    page.locator(".model").first.wait_for()
    take(page, "browser-models")


def dark(page: Page) -> None:
    """Everything."""
    opened(page, "stardist_16bit_2d.tif")
    page.locator("#everything").click()
    page.locator("#next").filter(has_text="found and kept").wait_for(timeout=120_000)
    page.locator("#objects li").nth(2).click()
    take(page, "browser-dark")


def opened(page: Page, name: str) -> None:
    """Open an image."""
    page.locator("#file").set_input_files(IMAGES / name)
    page.locator("#image-name").filter(has_text=name).wait_for()


def where(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where a pixel of the image is, which is fitted into the window."""
    board = page.locator("#board").bounding_box()
    found = re.search(r"(\d+) × (\d+)", page.locator("#image-name").inner_text())
    assert board is not None
    assert found is not None
    width, height = int(found[1]), int(found[2])
    scale = min(board["width"] / width, board["height"] / height)
    left = board["x"] + (board["width"] - width * scale) / 2
    top = board["y"] + (board["height"] - height * scale) / 2
    return left + (x + 0.5) * scale, top + (y + 0.5) * scale


def click(page: Page, x: float, y: float, *, alt: bool = False) -> None:
    """Click on a pixel, wait for the outline."""
    if alt:
        page.keyboard.down("Alt")
    page.mouse.click(*where(page, x, y))
    if alt:
        page.keyboard.up("Alt")
    page.locator("#next").filter(has_text="Looking").wait_for(state="hidden")
    page.locator("#next").filter(has_text="Enter keeps it").wait_for()


def take(page: Page, name: str) -> None:
    """Save what is seen, with few colours: pictures are kept with the code."""
    page.wait_for_timeout(700)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = ROOT / "docs" / "images" / f"{name}.png"
    shot.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stderr.write(f"{path}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
