"""Pictures of ImageJ's windows for the docs: every window whole, none behind another, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from desktop import Desktop, on_event_thread, wait_for
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from samj_bridge.fiji import java_class

BACKDROP = (244, 245, 247)
MARGIN = 12
NOTE = "windows"
"""Under this name a picture says where its windows are: title, left, top, width, height."""
ROOT = Path(__file__).parents[2]

Box = tuple[int, int, int, int]


def windows() -> list[Any]:
    """Return the windows that are on the screen."""
    return [one for one in java_class("java.awt.Window").getWindows() if bool(one.isShowing())]


def bounds(window: Any) -> Box:
    """Return left, top, right and bottom of a window on the screen."""
    box = window.getBounds()
    return int(box.x), int(box.y), int(box.x + box.width), int(box.y + box.height)


def title(window: Any) -> str:
    """Return what a window is called; a menu or list that is open is called by its kind."""
    return str(window.getTitle()) if hasattr(window, "getTitle") else str(window.getClass().getSimpleName())


def screen() -> Box:
    size = java_class("java.awt.Toolkit").getDefaultToolkit().getScreenSize()
    return 0, 0, int(size.width), int(size.height)


def cut_off(of: list[Any]) -> list[str]:
    """Say which windows are not whole: beyond the screen's edge, or behind another one."""
    _, _, right, bottom = screen()
    told = []
    for one in of:
        x0, y0, x1, y1 = bounds(one)
        if x0 < 0 or y0 < 0 or x1 > right or y1 > bottom:
            told.append(f"{title(one)} at {bounds(one)} is beyond the screen of {right} x {bottom}")
    # A menu or a list that is open belongs on its window.
    frames = [one for one in of if hasattr(one, "getTitle")]
    for index, one in enumerate(frames):
        for other in frames[index + 1 :]:
            (x0, y0, x1, y1), (u0, v0, u1, v1) = bounds(one), bounds(other)
            if min(x1, u1) > max(x0, u0) and min(y1, v1) > max(y0, v0):
                told.append(f"{title(one)} at {bounds(one)} and {title(other)} at {bounds(other)} overlap")
    return told


def take(desk: Desktop, name: str, folder: Path, of: list[Any] | None = None) -> Path:
    """Take a picture of all windows, or of some, cut to them; into the folder that ``SAMJ_PICTURES`` names.

    Raises
    ------
    AssertionError
        A window is not whole.
    """
    # Where the mouse is, a tooltip may open.
    desk.robot.mouseMove(screen()[2] - 2, screen()[3] - 2)
    of = windows() if of is None else of
    for one in of:
        # After a window was moved, ImageJ leaves its old line of text beside the new one.
        one.repaint()
    desk.robot.waitForIdle()
    desk.robot.delay(1500)
    assert not cut_off(windows()), cut_off(windows())
    boxes = [bounds(one) for one in of]
    whole = desk.shot(name, folder)
    assert boxes == [bounds(one) for one in of], "a window moved meanwhile"
    kept = np.zeros(whole.shape[:2], bool)
    for x0, y0, x1, y1 in boxes:
        kept[y0:y1, x0:x1] = True
    left, top = min(box[0] for box in boxes) - MARGIN, min(box[1] for box in boxes) - MARGIN
    width = max(box[2] for box in boxes) + MARGIN - left
    height = max(box[3] for box in boxes) + MARGIN - top
    picture = np.full((height, width, 3), BACKDROP, np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    part = whole[y0 : top + height, x0 : left + width]
    there = kept[y0 : top + height, x0 : left + width]
    at = picture[y0 - top : y0 - top + part.shape[0], x0 - left : x0 - left + part.shape[1]]
    at[there] = part[there]
    note = PngInfo()
    places = [
        [title(one), x0 - left, y0 - top, x1 - x0, y1 - y0] for one, (x0, y0, x1, y1) in zip(of, boxes, strict=True)
    ]
    note.add_text(NOTE, json.dumps(places))
    target = Path(os.environ.get("SAMJ_PICTURES") or folder)
    path = target / f"{name}.png"
    # As many colours as a picture of grey images and plain windows needs.
    colours = Image.fromarray(picture).quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    colours.save(path, optimize=True, pnginfo=note)
    return path


def look_and_feel(made: Any) -> None:
    """Give all windows, those that come too, another look and feel."""
    manager = java_class("javax.swing.UIManager")

    def change() -> None:
        # Its classes are looked for with its own loader, whatever the thread has.
        manager.put("ClassLoader", made.getClass().getClassLoader())
        manager.setLookAndFeel(made)
        for window in java_class("java.awt.Window").getWindows():
            java_class("javax.swing.SwingUtilities").updateComponentTreeUI(window)

    on_event_thread(change)


def dark(jars: str) -> Any:
    """Return FlatLaf's dark look and feel; `jars` are the paths of what `own_process.jars` has fetched."""
    import jpype

    (theme,) = [jar for jar in jars.split(os.pathsep) if Path(jar).name.startswith("flatlaf-")]
    jpype.addClassPath(theme)
    return java_class("com.formdev.flatlaf.FlatDarkLaf")()


def settled(window: Any) -> None:
    """Wait until a window has been as it is for a moment."""

    def still() -> bool:
        before = bounds(window)
        java_class("java.lang.Thread").sleep(700)
        return before == bounds(window)

    wait_for(still, "the window to rest")
