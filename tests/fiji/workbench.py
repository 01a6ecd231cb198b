"""What the tests of the tool do again and again: an image on the screen, the tool chosen, the answer awaited."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from desktop import named, on_event_thread, rest, wait_for

from samj_bridge.fiji import detach, java_class, pixels_of, roi_mask
from samj_bridge.fiji.segmenter import SessionSegmenter, java_segmenter
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings

BLOB = (34, 110)
"""In a blob of ImageJ's sample that touches no other."""
OTHER = (139, 55)
"""In another one."""


@contextmanager
def shown(imp: Any, y: int = 260) -> Iterator[Any]:
    """Show an image with the tool chosen; afterwards it is closed, and the ROI Manager empty."""
    imp.show()
    wait_for(lambda: imp.getCanvas() is not None and imp.getCanvas().isShowing(), "the image's window")
    # Left of the panel, which lies beside the toolbar.
    imp.getWindow().setLocation(20, y)
    choose_tool()
    to_front(imp)
    try:
        yield imp
    finally:
        manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
        if manager is not None:
            manager.reset()
        imp.changes = False
        on_event_thread(imp.close)


def to_front(imp: Any) -> None:
    """Bring an image to the front, and give it the keyboard."""
    bring_forward(imp.getWindow(), "the window in front")
    settle(imp)


def bring_forward(window: Any, what: str) -> None:
    """Bring a window to the front."""

    def there() -> bool:
        # Again and again: a window that opens at the same time, such as the panel, may come in between.
        if not bool(window.isActive()):
            on_event_thread(window.toFront)
            time.sleep(0.3)
        return bool(window.isActive())

    wait_for(there, what)


def keep_manager_away() -> Any:
    """Open the ROI Manager where it covers nothing that is clicked on: in the middle of the screen it does."""
    manager = java_class("ij.plugin.frame.RoiManager").getRoiManager()
    on_event_thread(lambda: manager.setLocation(1150, 260))
    return manager


def settle(imp: Any) -> None:
    """Wait until the window manager has put the window where it stays: clicks go to places on the screen."""

    wait_for(imp.getWindow().isActive, "the window in front")
    rest(imp.getCanvas())


def choose_tool() -> None:
    """Press the tool's button in the toolbar."""
    tools = java_class("ij.gui.Toolbar").getInstance()
    name = str(java_class("org.samj.bridge.ij.tool.SamjTool").NAME)
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


def answer(
    asked: Settings | SessionSegmenter, imp: Any, prompt: Prompt | list[Prompt], **options: Any
) -> list[np.ndarray]:
    """Return what the session itself answers: the masks that must come out of ImageJ's windows."""
    low, high = float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())
    ranges = (high, low) if bool(imp.isInvertedLut()) else (low, high)
    return answer_for(asked, pixels_of(imp, raw=True), prompt, ranges=ranges, **options)


def answer_for(
    asked: Settings | SessionSegmenter,
    pixels: np.ndarray,
    prompt: Prompt | list[Prompt],
    *,
    ranges: tuple[float, float] | None = None,
    **options: Any,
) -> list[np.ndarray]:
    """Return what the session that is behind the tool answers for an array, or one with these settings."""
    with ExitStack() as stack:
        if isinstance(asked, Settings):
            session = stack.enter_context(Session("starter", settings=asked))
        else:
            session = asked.session("starter")
        scene = stack.enter_context(session.encode(pixels, ranges=ranges))
        return [region.mask() for region in scene.segment(prompt, **options)]


def panel_says() -> str:
    """Return what the panel tells the user now."""
    return str(named("samj message").getText())


def put_in(segmenter: SessionSegmenter) -> None:
    """Put the tool into ImageJ with this segmenter behind it, in place of the one that is there."""
    detach()
    java_class("org.samj.bridge.ij.Bridge").install(java_segmenter(segmenter.settings, segmenter))


def opened() -> Any:
    """Return the chooser of models when a new panel has them, and lies where it stays."""
    box = named("samj model")
    wait_for(box.getItemCount, "the models")
    rest(box)
    return box


def unfold(title: str, *, shut: bool = False) -> Any:
    """Open a section of the panel as a click on its heading does, or shut it; returns the heading."""
    heading = named(f"samj fold {title}")
    if bool(heading.isSelected()) == shut:
        on_event_thread(heading.doClick)
    if bool(heading.isShowing()):
        rest(heading)
    return heading


def java_object(interface: str, answer: Callable[[str, list[Any]], Any]) -> Any:
    """Return an object of Java's own: JPype hands a proxy of Python's back as what it stands for."""

    import jpype

    def invoke(_object: Any, method: Any, arguments: Any) -> Any:
        return answer(str(method.getName()), list(arguments or []))

    kind = java_class(f"org.samj.bridge.{interface}").class_
    handler = jpype.JProxy("java.lang.reflect.InvocationHandler", dict={"invoke": invoke})
    return java_class("java.lang.reflect.Proxy").newProxyInstance(
        kind.getClassLoader(), jpype.JArray(java_class("java.lang.Class"))([kind]), handler
    )


def as_before() -> None:
    """Leave the panel's choices, which last as long as ImageJ, as they were found."""
    on_event_thread(lambda: named("samj class").setSelectedItem(""))
    on_event_thread(lambda: named("samj colour").setSelectedItem("by label"))
