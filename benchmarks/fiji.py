"""How long a click in ImageJ takes to become an outline on the screen: ``xvfb-run -a python -m benchmarks.fiji``.

Real windows, a real mouse (java.awt.Robot), the real worker with the starter model, a 1024 x 1024 8-bit image. From
the release of the button to the moment when ImageJ's event thread has painted the outline; beside it the time of
the session's own answer to the same prompts in the same run, which is the network and the way to the worker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from samj_bridge.fiji import java_class, open_window
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings


def spots(size: int = 1024, step: int = 64) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return an image of bright discs on a noisy ground, and their centres."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size]
    image = rng.normal(40, 6, (size, size))
    centres = [(cx, cy) for cy in range(step // 2, size, step) for cx in range(step // 2, size, step)]
    for cx, cy in centres:
        image[(x - cx) ** 2 + (y - cy) ** 2 < rng.integers(10, 22) ** 2] += 90
    return np.clip(image, 0, 255).astype(np.uint8), centres


def show(pixels: np.ndarray) -> Any:
    import jpype

    processor = java_class("ij.process.ByteProcessor")(
        pixels.shape[1], pixels.shape[0], jpype.JArray(jpype.JByte)(pixels.view(np.int8).ravel())
    )
    imp = java_class("ij.ImagePlus")("spots", processor)
    imp.show()
    while imp.getCanvas() is None or not imp.getCanvas().isShowing():
        time.sleep(0.05)
    time.sleep(1.0)
    return imp


def painted(work: Callable[[], Any]) -> Any:
    """Wait until something is so, and until the event thread has painted what is due."""
    import jpype

    while not (found := work()):
        time.sleep(0.0005)
    queue = java_class("java.awt.EventQueue")
    queue.invokeAndWait(jpype.JProxy("java.lang.Runnable", dict={"run": lambda: None}))
    return found


def clicks(imp: Any, centres: list[tuple[int, int]]) -> list[float]:
    """Click on each place; milliseconds from the release to the outline."""
    robot = java_class("java.awt.Robot")()
    left = java_class("java.awt.event.InputEvent").BUTTON1_DOWN_MASK
    corner, scale = imp.getCanvas().getLocationOnScreen(), float(imp.getCanvas().getMagnification())
    times, last = [], ""
    for x, y in centres:
        robot.mouseMove(corner.x + int((x + 0.5) * scale), corner.y + int((y + 0.5) * scale))
        robot.waitForIdle()
        robot.mousePress(left)
        robot.waitForIdle()
        begun = time.perf_counter()
        robot.mouseRelease(left)

        def new(before: str = last) -> str:
            roi = imp.getRoi()
            prompt = "" if roi is None else str(roi.getProperty("prompt") or "")
            return prompt if prompt != before else ""

        last = painted(new)
        times.append((time.perf_counter() - begun) * 1000)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    image, centres = spots()
    open_window(settings=settings)
    java_class("ij.gui.Toolbar").getInstance().setTool(
        str(java_class("org.samj.bridge.ij.SamjTool")().getToolName())
    )
    imp = show(image)
    # Only what lies on the screen can be clicked on.
    seen = imp.getCanvas().getSrcRect()
    places = [(x, y) for x, y in centres if x < seen.width - 40 and y < seen.height - 40][: arguments.clicks]
    clicks(imp, places[:3])
    measured = clicks(imp, places[3:])
    with Session("starter", settings=settings) as session:
        scene = session.encode(image, ranges=(float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())))
        answers = []
        for place in [*places[:3], *places[3:]]:
            begun = time.perf_counter()
            scene.segment(Prompt(points=[place]), candidates=3, largest_only=True)
            answers.append((time.perf_counter() - begun) * 1000)
    row = {
        "clicks": len(measured),
        "median_ms": statistics.median(measured),
        "p95_ms": float(np.percentile(measured, 95)),
        "session_median_ms": statistics.median(answers[3:]),
    }
    row["outside_ms"] = row["median_ms"] - row["session_median_ms"]
    if arguments.json:
        print(json.dumps(row))
    else:
        print(f"{row['clicks']} clicks: median {row['median_ms']:.1f} ms (45), 95 % {row['p95_ms']:.1f} ms (90)")
        own, rest = row["session_median_ms"], row["outside_ms"]
        print(f"session's own answer: median {own:.1f} ms; the rest {rest:.1f} ms (12)")
    java_class("java.lang.Runtime").getRuntime().halt(0)


if __name__ == "__main__":
    main()
