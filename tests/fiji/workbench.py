"""What the tests of the tool do again and again: an image on the screen, the tool chosen, the answer awaited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from desktop import named, on_event_thread, rest, wait_for

from samj_bridge.fiji import java_class, pixels_of, roi_mask
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings

BLOB = (34, 110)
"""In a blob of ImageJ's sample that touches no other."""


def shown(imp: Any) -> Iterator[Any]:
    """Show an image with the tool chosen; afterwards it is closed, and the ROI Manager empty."""
    imp.show()
    wait_for(lambda: imp.getCanvas() is not None and imp.getCanvas().isShowing(), "the image's window")
    imp.getWindow().setLocation(640, 260)
    choose_tool()
    on_event_thread(imp.getWindow().toFront)
    settle(imp)
    yield imp
    manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
    if manager is not None:
        manager.reset()
    imp.changes = False
    on_event_thread(imp.close)


def settle(imp: Any) -> None:
    """Wait until the window manager has put the window where it stays: clicks go to places on the screen."""

    wait_for(imp.getWindow().isActive, "the window in front")
    rest(imp.getCanvas())


def choose_tool() -> None:
    """Press the tool's button in the toolbar."""
    tools = java_class("ij.gui.Toolbar").getInstance()
    name = str(java_class("org.samj.bridge.ij.SamjTool")().getToolName())
    tools.setTool(name)


def proposal(imp: Any) -> Any:
    """Wait for an outline on the image that ImageJ's own tools did not make."""

    def there() -> Any:
        roi = imp.getRoi()
        return roi if roi is not None and str(roi.getProperty("samj")) == "proposal" else None

    return wait_for(there, "a proposal")


def prompt_of(imp: Any) -> dict[str, Any]:
    """Return the prompt of the proposal that is shown."""
    found: dict[str, Any] = json.loads(str(proposal(imp).getProperty("prompt")))
    return found


def assert_same(roi: Any, mask: np.ndarray) -> None:
    """Assert that a ROI has exactly the pixels of a mask."""
    mine = roi_mask(roi, mask.shape)
    assert np.array_equal(mine, mask), f"{mine.sum()} and {mask.sum()} pixels: {roi.getProperties()}"


def managed() -> list[Any]:
    """Return what the ROI Manager holds."""
    manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
    return [] if manager is None else list(manager.getRoisAsArray())


def answer(settings: Settings, imp: Any, prompt: Prompt, **options: Any) -> list[np.ndarray]:
    """Return what the session itself answers: the masks that must come out of ImageJ's windows."""
    with Session("starter", settings=settings) as session:
        low, high = float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())
        ranges = (high, low) if bool(imp.isInvertedLut()) else (low, high)
        scene = session.encode(pixels_of(imp, raw=True), ranges=ranges)
        return [region.mask() for region in scene.segment(prompt, **options)]


def panel_says() -> str:
    """Return what the panel tells the user now."""
    return str(named("samj message").getText())
