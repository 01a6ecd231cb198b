"""A page in a real browser: what a person does with it, in a few words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import BrowserContext, Locator, Page
from serving import Served

from samj_bridge.geometry.region import Region

QUIET = ("Failed to load resource", "Canvas2D: Multiple readback", "Ignoring tile")
"""What the browser says of answers that are no success, which the tests look at themselves, and of our looking; and
OpenSeadragon of tiles that come after another image was opened."""


class Visit:
    """One tab."""

    def __init__(self, served: Served, context: BrowserContext, complaints: list[str]) -> None:
        self.served = served
        self.complaints = complaints
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._said)
        self.page.set_default_timeout(20_000)
        self.page.goto(f"http://127.0.0.1:{served.port}/{served.token}/")
        self.find("#model option").first.wait_for(state="attached")

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(QUIET):
            self.complaints.append(message.text)

    def another(self) -> Visit:
        """Return another tab of the same browser."""
        return Visit(self.served, self.page.context, self.complaints)

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def open(self, path: Path) -> None:
        self.find("#file").set_input_files(path)
        self.find("#image-name").filter(has_text=path.name).wait_for()

    @property
    def image(self) -> str:
        return self.page.url.partition("#")[2]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where an image's pixel is on the screen: the image is fitted into the stage."""
        said = re.search(r"(\d+) × (\d+)", self.find("#image-name").inner_text())
        board = self.find("#board").bounding_box()
        assert said is not None
        assert board is not None
        width, height = int(said[1]), int(said[2])
        scale = min(board["width"] / width, board["height"] / height)
        left = board["x"] + (board["width"] - width * scale) / 2
        top = board["y"] + (board["height"] - height * scale) / 2
        return left + x * scale, top + y * scale

    def click(self, x: float, y: float, **options: Any) -> None:
        """Click into the middle of a pixel."""
        self.page.mouse.move(*self.place(x + 0.5, y + 0.5))
        for key in options.get("keys", ()):
            self.page.keyboard.down(key)
        self.page.mouse.click(*self.place(x + 0.5, y + 0.5), button=options.get("button", "left"))
        for key in options.get("keys", ()):
            self.page.keyboard.up(key)

    def drag(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self.page.mouse.move(*self.place(x0, y0))
        self.page.mouse.down()
        self.page.mouse.move(*self.place((x0 + x1) / 2, (y0 + y1) / 2))
        self.page.mouse.move(*self.place(x1, y1))
        self.page.mouse.up()

    def proposed(self) -> None:
        """Wait for a proposal."""
        self.find("#next").filter(has_text="Enter keeps it").wait_for()

    def undo(self, count: int = 1) -> None:
        for _ in range(count):
            self.page.keyboard.press("Control+z")

    def tab_to(self, name: str) -> None:
        """Press Tab until the part of that id has the focus."""
        for _ in range(60):
            if self.find(f"#{name}:focus").count():
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(name)

    def kept(self, count: int) -> None:
        """Wait until so many objects are in the list, and written down."""
        self.find("#count").filter(has_text=re.compile(f"^{count}$")).wait_for()
        self.find("#kept").filter(has_text="on the server").wait_for()

    def work(self, image: str = "") -> dict[str, Any]:
        """Return what the server has of the image."""
        found: dict[str, Any] = self.served.own("GET", f"page/images/{image or self.image}").json
        return found

    def masks(self) -> list[np.ndarray]:
        work = self.work()
        shape = (work["height"], work["width"])
        items = sorted(work["objects"], key=lambda item: item["number"])
        return [Region(tuple(np.array(r, np.int32) for r in item["rings"]), shape=shape).mask() for item in items]
