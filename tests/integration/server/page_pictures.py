"""The pictures of docs/how-to/browser.md, made anew: ``python tests/integration/server/page_pictures.py FOLDER``.

Needs Chromium, Playwright, and an environment that is installed. The server has a home of its own for the time.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from browsing import Visit
from PIL import Image
from playwright.sync_api import sync_playwright
from serving import served_by

TESTS = Path(__file__).parents[2]
sys.path.insert(0, str(TESTS))

from conftest import test_home  # noqa: E402

from samj_bridge.install import ensure_environment  # noqa: E402
from samj_bridge.settings import Settings  # noqa: E402

IMAGES = TESTS / "data" / "images"
SIZE = {"width": 1100, "height": 780}


def main(folder: Path) -> None:
    """Start the server, take the pictures."""
    ready = test_home()
    ensure_environment(Settings(home=ready, builder="uv"))
    home = Path(tempfile.mkdtemp())
    (home / "envs").symlink_to(ready / "envs", target_is_directory=True)
    command = [sys.executable, "-m", "samj_bridge", "serve", "--port", "0", "--no-browser", "--home", str(home)]
    chromium = os.environ.get("SAMJ_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    log = home / "log.txt"
    with log.open("wb") as file, sync_playwright() as playwright:
        server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            served = served_by(server, home, home, log)
            for scheme, draw in (("light", light), ("dark", dark)):
                complaints: list[str] = []
                context = browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
                draw(Visit(served, context, complaints), folder)
                context.close()
                assert complaints == [], complaints
        finally:
            browser.close()
            server.send_signal(signal.SIGINT)
            server.wait(60)
            shutil.rmtree(home)


def light(tab: Visit, folder: Path) -> None:
    """Nuclei of two classes, a proposal with its candidates; then the models."""
    tab.open(IMAGES / "fluorescence_2.png")
    kept = 0
    for name, places in (("round", [(40, 190), (272, 65)]), ("long", [(196, 92), (80, 245)])):
        tab.find("#new-class").fill(name)
        tab.page.keyboard.press("Enter")
        for place in places:
            tab.click(*place)
            tab.proposed()
            tab.page.keyboard.press("Enter")
            kept += 1
            tab.kept(kept)
    tab.click(176, 320)
    tab.proposed()
    tab.click(245, 322, keys=["Alt"])
    tab.find("#next").filter(has_text="Looking").wait_for(state="hidden")
    tab.proposed()
    take(tab, folder / "browser-light.png")
    tab.find("#models").click()
    tab.find(".model").first.wait_for()
    take(tab, folder / "browser-models.png")


def dark(tab: Visit, folder: Path) -> None:
    """Everything."""
    tab.open(IMAGES / "stardist_16bit_2d.tif")
    tab.find("#everything").click()
    tab.find("#next").filter(has_text="found and kept").wait_for(timeout=120_000)
    tab.find("#objects li").nth(2).click()
    take(tab, folder / "browser-dark.png")


def take(tab: Visit, path: Path) -> None:
    """Save what is seen, with few colours: pictures are kept with the code."""
    # The last movement of the image has come to its end.
    tab.page.wait_for_timeout(700)
    shot = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    shot.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stderr.write(f"{path}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
