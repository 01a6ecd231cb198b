"""Take the picture of a comparison anew: ``python docs/scripts/compare_picture.py``. Look at it before you commit.

Needs Chromium, Playwright, scikit-image, Java, and an environment that is installed.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from samj_bridge.cli import demo_images
from samj_bridge.compare.page import as_page
from samj_bridge.compare.running import compare

ROOT = Path(__file__).parents[2]
DATA = Path(demo_images.__file__).parent / "demo_data"
METHODS = [f"starter:{kind}" for kind in ("box", "point", "clicks", "everything")]
METHODS += ["threshold", "watershed", "walker", "wand"]


def main() -> None:
    """Compare the methods on the bundled nuclei and nerve, and take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder)
        for name in ("nuclei", "nerve"):
            shutil.copy(DATA / f"{name}_labels.png", truth)
        result = compare([DATA / "nuclei.png", DATA / "nerve.png"], truth, METHODS)
        (truth / "compare.html").write_text(as_page(result), encoding="utf-8")
        take(truth / "compare.html", ROOT / "docs" / "images" / "compare.png")


def take(page: Path, picture: Path) -> None:
    """Take the picture of a page's beginning."""
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1460, "height": 2000}, color_scheme="light")
        tab.goto(page.as_uri())
        shot = Image.open(io.BytesIO(tab.screenshot()))
        browser.close()
    small = shot.convert("RGB").resize((1095, 1500), Image.Resampling.LANCZOS)
    small.quantize(255, Image.Quantize.FASTOCTREE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
