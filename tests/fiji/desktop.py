"""A hand at ImageJ's windows: a real mouse, a real keyboard, a camera. Coordinates are pixels of the image."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from samj_bridge.fiji import java_class

LEFT, RIGHT = 1 << 10, 1 << 12
"""AWT's masks of the mouse's buttons."""


class Desktop:
    """Moves the mouse and presses keys through java.awt.Robot."""

    def __init__(self) -> None:
        self.robot = java_class("java.awt.Robot")()
        self.robot.setAutoDelay(5)
        self.keys = java_class("java.awt.event.KeyEvent")

    def move(self, imp: Any, x: float, y: float) -> None:
        """Move the mouse to a place of an image."""
        canvas = imp.getCanvas()
        corner = canvas.getLocationOnScreen()
        scale = float(canvas.getMagnification())
        left, top = canvas.getSrcRect().x, canvas.getSrcRect().y
        self.robot.mouseMove(corner.x + int((x - left + 0.5) * scale), corner.y + int((y - top + 0.5) * scale))

    def click(self, imp: Any, x: float, y: float, button: int = LEFT, held: str = "") -> None:
        """Click on an image, perhaps with a key such as ``SHIFT`` held."""
        self.move(imp, x, y)
        with_key = getattr(self.keys, f"VK_{held}") if held else None
        if with_key is not None:
            self.robot.keyPress(with_key)
        self.robot.mousePress(button)
        self.robot.mouseRelease(button)
        if with_key is not None:
            self.robot.keyRelease(with_key)
        self.robot.waitForIdle()

    def drag(self, imp: Any, box: tuple[int, int, int, int]) -> None:
        """Drag from a box's first corner to its last."""
        x0, y0, x1, y1 = box
        self.move(imp, x0, y0)
        self.robot.mousePress(LEFT)
        for part in np.linspace(0.25, 1, 4):
            self.move(imp, x0 + (x1 - x0) * part, y0 + (y1 - y0) * part)
        self.robot.mouseRelease(LEFT)
        self.robot.waitForIdle()

    def push(self, part: Any) -> None:
        """Click on a component: a button, an entry of a menu, a field."""
        wait_for(part.isShowing, "the component on the screen")
        corner = part.getLocationOnScreen()
        self._click_at(corner.x + part.getWidth() // 2, corner.y + part.getHeight() // 2)

    def activate(self, imp: Any) -> None:
        """Bring an image to the front by a click on the line of text above it."""
        rest(imp.getCanvas())
        corner = imp.getCanvas().getLocationOnScreen()
        self._click_at(corner.x + 20, corner.y - 8)
        wait_for(imp.getWindow().isActive, "the image in front")

    def choose(self, box: Any, text: str) -> None:
        """Choose an entry of a Swing combo box by its text, or by how its text begins."""
        # The list may just be filled anew.
        position = wait_for(lambda: _places(box, text), f"the entry {text}")[0]
        corner = box.getLocationOnScreen()
        self._click_at(corner.x + box.getWidth() - 10, corner.y + box.getHeight() // 2)
        entries = box.getUI().getAccessibleChild(box, 0).getList()
        wait_for(entries.isShowing, "the list of the combo box")
        on_event_thread(lambda: entries.ensureIndexIsVisible(position))
        bounds, corner = entries.getCellBounds(position, position), entries.getLocationOnScreen()
        self._click_at(corner.x + bounds.x + 20, corner.y + bounds.y + bounds.height // 2)
        wait_for(lambda: not box.isPopupVisible(), "the list to close")

    def type(self, text: str) -> None:
        """Type lower-case letters and digits."""
        for letter in text:
            self.press(letter.upper())

    def _click_at(self, x: int, y: int) -> None:
        self.robot.mouseMove(x, y)
        self.robot.mousePress(LEFT)
        self.robot.mouseRelease(LEFT)
        self.robot.waitForIdle()

    def press(self, key: str, held: str = "") -> None:
        """Press a key such as ``ENTER`` or ``Z``, perhaps with another held."""
        if held:
            self.robot.keyPress(getattr(self.keys, f"VK_{held}"))
        self.robot.keyPress(getattr(self.keys, f"VK_{key}"))
        self.robot.keyRelease(getattr(self.keys, f"VK_{key}"))
        if held:
            self.robot.keyRelease(getattr(self.keys, f"VK_{held}"))
        self.robot.waitForIdle()

    def wheel(self, imp: Any, x: float, y: float, steps: int) -> None:
        """Turn the wheel over a place of an image."""
        self.move(imp, x, y)
        self.robot.waitForIdle()
        self.robot.mouseWheel(steps)
        self.robot.waitForIdle()

    def shot(self, name: str, folder: Path, of: Any = None) -> NDArrayU8:
        """Take a picture of the screen, or of a component; ``SAMJ_TEST_SHOTS`` names a folder to keep them in."""
        self.robot.waitForIdle()
        size = java_class("java.awt.Toolkit").getDefaultToolkit().getScreenSize() if of is None else of.getSize()
        corner = java_class("java.awt.Point")() if of is None else of.getLocationOnScreen()
        area = java_class("java.awt.Rectangle")(corner, size)
        taken = self.robot.createScreenCapture(area)
        data = np.asarray(taken.getRGB(0, 0, area.width, area.height, None, 0, area.width))
        pixels = data.view(np.uint32).reshape(area.height, area.width)
        picture = np.stack([(pixels >> shift & 255).astype(np.uint8) for shift in (16, 8, 0)], -1)
        kept = Path(os.environ.get("SAMJ_TEST_SHOTS") or folder)
        kept.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(kept / f"{name}.png")
        return picture


NDArrayU8 = np.ndarray[Any, np.dtype[np.uint8]]


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 180.0) -> Any:
    """Return the first true value of a condition; the machine may be slow, and no test asserts a time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    message = f"waited {timeout_s:g} s in vain for {what}; the panel says: {_panel_or_nothing()!r}; {on_screen()}"
    raise AssertionError(message)


def _panel_or_nothing() -> str:
    try:
        return str(named("samj message").getText())
    except Exception as error:
        return f"(no panel: {error})"


def on_screen() -> str:
    """Say which windows Java shows, where, and which of them is active."""
    found = []
    for window in java_class("java.awt.Window").getWindows():
        if bool(window.isShowing()):
            title = str(window.getTitle()) if hasattr(window, "getTitle") else window.getClass().getSimpleName()
            bounds = window.getBounds()
            place = f"{bounds.x},{bounds.y} {bounds.width}x{bounds.height}"
            found.append(f"{title!r} {place}{' active' if bool(window.isActive()) else ''}")
    return f"windows: {'; '.join(found)}"


def _places(box: Any, text: str) -> list[int]:
    return [i for i in range(box.getItemCount()) if str(box.getItemAt(i)).startswith(text)]


def component(kind: str, text: str) -> Any:
    """Return the Swing component of a kind with a text, in any window that is open."""
    swing = java_class(f"javax.swing.{kind}")
    return _search(lambda one: isinstance(one, swing) and str(one.getText()) == text, f"{kind} that says {text!r}")


def choose_item(desk: Desktop, button: Any, text: str) -> None:
    """Click on a button that opens a menu, and on the item of a text."""
    on_event_thread(lambda: java_class("javax.swing.SwingUtilities").getWindowAncestor(button).toFront())
    time.sleep(0.3)
    desk.push(button)
    desk.push(wait_for(partial(menu_item, text), f"the item {text}"))


def menu_item(text: str) -> Any:
    """Return the item of a text in the menu that is open; None: there is none."""
    for path in java_class("javax.swing.MenuSelectionManager").defaultManager().getSelectedPath():
        for item in path.getComponent().getComponents():
            if hasattr(item, "getText") and str(item.getText()) == text:
                return item
    return None


def named(name: str) -> Any:
    """Return the component of a name."""
    return _search(lambda one: str(one.getName()) == name, f"component named {name!r}")


def shown_dialog(title: str) -> Any:
    """Return the modal dialog of a title, once it waits for its answer; None: there is none yet.

    A dialog is on the screen a moment before its thread waits for it. An answer in between is lost in Java, and
    whoever opened the dialog waits for ever: no hand is that fast, but a test on a busy machine is.
    """
    for window in java_class("java.awt.Window").getWindows():
        modal = isinstance(window, java_class("java.awt.Dialog")) and bool(window.isModal())
        if modal and bool(window.isShowing()) and str(window.getTitle()) == title:
            return window if _someone_waits() else None
    return None


def _someone_waits() -> bool:
    stacks = java_class("java.lang.Thread").getAllStackTraces().values()
    return any(str(frame.getClassName()) == "java.awt.WaitDispatchSupport" for stack in stacks for frame in stack)


def _search(fits: Callable[[Any], bool], what: str) -> Any:
    # Java still lists windows that were disposed.
    waiting = [window for window in java_class("java.awt.Window").getWindows() if window.isDisplayable()]
    while waiting:
        one = waiting.pop()
        if fits(one):
            return one
        waiting += list(one.getComponents()) if hasattr(one, "getComponents") else []
    message = f"there is no {what}"
    raise AssertionError(message)


def rest(part: Any) -> None:
    """Wait until the window manager has put a component's window where it stays."""

    def resting() -> bool:
        before = part.getLocationOnScreen()
        time.sleep(0.4)
        return bool(before.equals(part.getLocationOnScreen()))

    wait_for(resting, "the window to rest")


def on_event_thread(work: Callable[[], None]) -> None:
    """Do something on Java's event thread, as a user's click would."""
    import jpype

    java_class("java.awt.EventQueue").invokeAndWait(jpype.JProxy("java.lang.Runnable", dict={"run": work}))
