"""How long a click in ImageJ takes to become an outline on the screen: ``xvfb-run -a python -m benchmarks.fiji``.

Real windows, a real mouse (java.awt.Robot), the real worker with the starter model, a 1024 x 1024 8-bit image. From
the release of the button to the moment when ImageJ's event thread has painted the outline; beside it the time of
the session's own answer to the same prompts in the same run, which is the network and the way to the worker.

Then the panel's Batch button on 200 prompts of the ROI Manager, boxes and points: how long until the first object
is shown, and until the manager has all of them, beside the session's own time for the same prompts.

With ``--java`` something else: the same clicks through the client that Python has and Java's own, in turns.
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
from samj_bridge.fiji.segmenter import java_segmenter
from samj_bridge.session import Prompt, Scene, Session
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
    while not (found := work()):
        time.sleep(0.0005)
    on_event_thread(lambda: None)
    return found


def settle() -> None:
    """Let the mouse's events arrive. Robot's waitForIdle goes on holding the event thread up to half a second."""
    time.sleep(0.05)
    on_event_thread(lambda: None)


def clicks(imp: Any, centres: list[tuple[int, int]]) -> list[float]:
    """Click on each place; milliseconds from the release to the outline."""
    robot = java_class("java.awt.Robot")()
    left = java_class("java.awt.event.InputEvent").BUTTON1_DOWN_MASK
    corner, scale = imp.getCanvas().getLocationOnScreen(), float(imp.getCanvas().getMagnification())

    def shown() -> str:
        roi = imp.getRoi()
        return "" if roi is None else str(roi.getProperty("prompt") or "")

    # What an earlier series has left there is no answer to this one's first click, nor each answer to the next.
    times, last = [], shown()
    for x, y in centres:
        robot.mouseMove(corner.x + int((x + 0.5) * scale), corner.y + int((y + 0.5) * scale))
        settle()
        robot.mousePress(left)
        settle()
        begun = time.perf_counter()
        robot.mouseRelease(left)

        def new(before: str = last) -> str:
            prompt = shown()
            return prompt if prompt != before else ""

        last = painted(new)
        times.append((time.perf_counter() - begun) * 1000)
    return times


def batch(imp: Any, rois: list[Any]) -> tuple[float, float, int]:
    """Press the panel's Batch button; milliseconds to the first object shown and to the last, and their number."""
    manager = java_class("ij.plugin.frame.RoiManager").getRoiManager()
    on_event_thread(manager.reset)
    imp.deleteRoi()
    for roi in rois:
        manager.add(imp, roi, -1)
    before = int(manager.getCount())
    button, words = part("JButton", "Batch"), part("JTextArea", "", "samj message")
    on_event_thread(lambda: words.setText(""))
    begun = time.perf_counter()
    # Swing's own doClick holds the button down for 68 ms, for people to see it.
    on_event_thread(lambda: button.doClick(0))
    painted(lambda: int(manager.getCount()) > before)
    first = (time.perf_counter() - begun) * 1000
    # Seldom looked at: whoever asks takes time from those who work.
    while "are in the ROI Manager" not in str(words.getText()):
        time.sleep(0.01)
    return first, (time.perf_counter() - begun) * 1000, int(manager.getCount()) - before


def batches(imp: Any, scene: Scene, centres: list[tuple[int, int]], rounds: int) -> list[dict[str, Any]]:
    """Measure batches of boxes and of points, ours and the session's in turns."""
    roi, point = java_class("ij.gui.Roi"), java_class("ij.gui.PointRoi")
    kinds = {
        "boxes": (
            [roi(x - 24, y - 24, 48, 48) for x, y in centres],
            [Prompt(box=(x - 24, y - 24, x + 24, y + 24)) for x, y in centres],
        ),
        "points": ([point(x, y) for x, y in centres], [Prompt(points=[place]) for place in centres]),
    }
    rows = []
    for kind, (rois, prompts) in kinds.items():
        batch(imp, rois[:5])
        firsts, alls, owns, found = [], [], [], 0
        for _ in range(rounds):
            first, whole, found = batch(imp, rois)
            begun = time.perf_counter()
            scene.segment(prompts, largest_only=True)
            owns.append((time.perf_counter() - begun) * 1000)
            firsts.append(first)
            alls.append(whole)
        rows.append(
            {
                "prompts": kind,
                "count": len(prompts),
                "found": found,
                "first_ms": statistics.median(firsts),
                "all_ms": statistics.median(alls),
                "session_ms": statistics.median(owns),
                "ratio": statistics.median(ours / own for ours, own in zip(alls, owns, strict=True)),
            }
        )
    return rows


def on_event_thread(work: Callable[[], Any]) -> None:
    import jpype

    java_class("java.awt.EventQueue").invokeAndWait(jpype.JProxy("java.lang.Runnable", dict={"run": work}))


def part(kind: str, text: str, name: str = "") -> Any:
    """Return the component of the panel with a text or a name."""
    swing = java_class(f"javax.swing.{kind}")
    waiting = list(java_class("java.awt.Window").getWindows())
    while waiting:
        one = waiting.pop()
        if isinstance(one, swing) and (str(one.getName()) == name if name else str(one.getText()) == text):
            return one
        waiting += list(one.getComponents()) if hasattr(one, "getComponents") else []
    raise LookupError(text or name)


def use(settings: Settings, *, java: bool) -> None:
    """Put a segmenter behind the tool: Python's, or the one in Java that starts its worker itself."""
    bridge = java_class("org.samj.bridge.ij.Bridge")
    bridge.uninstall()
    if java:
        home = java_class("java.nio.file.Paths").get(str(settings.home))
        bridge.install(java_class("org.samj.bridge.appose.ApposeSegmenter")(home))
    else:
        bridge.install(java_segmenter(settings))
    java_class("ij.gui.Toolbar").getInstance().setTool(str(java_class("org.samj.bridge.ij.tool.SamjTool").NAME))


def compare_java(imp: Any, places: list[tuple[int, int]], settings: Settings, rounds: int) -> dict[str, Any]:
    """Click on the same places through Python's client and through Java's, in turns, each with its own worker."""
    medians: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds):
        for java in (False, True) if number % 2 else (True, False):
            use(settings, java=java)
            imp.deleteRoi()
            # The new panel lies over it.
            on_event_thread(imp.getWindow().toFront)
            time.sleep(1.0)
            # The image is read with the first of them.
            clicks(imp, places[:5])
            medians[java].append(statistics.median(clicks(imp, places[5:])))
    more = statistics.median(java - python for python, java in zip(medians[False], medians[True], strict=True))
    return {
        "clicks": rounds * len(places[5:]),
        "python_ms": statistics.median(medians[False]),
        "java_ms": statistics.median(medians[True]),
        "more_ms": more,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3, help="of each batch, of both clients")
    parser.add_argument(
        "--java", action="store_true", help="only: Java's own client, as with the jar alone, against Python's"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    image, centres = spots()
    open_window(settings=settings)
    use(settings, java=False)
    imp = show(image)
    # Only what lies on the screen can be clicked on.
    seen = imp.getCanvas().getSrcRect()
    places = [(x, y) for x, y in centres if x < seen.width - 40 and y < seen.height - 40][: arguments.clicks]
    if arguments.java:
        ways = compare_java(imp, places, settings, arguments.rounds)
        words = "{clicks} clicks each: Python {python_ms:.1f} ms, Java {java_ms:.1f} ms: {more_ms:+.1f} ms (10)"
        print(json.dumps(ways) if arguments.json else words.format(**ways))
        java_class("java.lang.Runtime").getRuntime().halt(0)
    clicks(imp, places[:3])
    measured = clicks(imp, places[3:])
    with Session("starter", settings=settings) as session:
        scene = session.encode(image, ranges=(float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())))
        answers = []
        for place in [*places[:3], *places[3:]]:
            begun = time.perf_counter()
            scene.segment(Prompt(points=[place]), candidates=3, largest_only=True)
            answers.append((time.perf_counter() - begun) * 1000)
        many = batches(imp, scene, centres[:200], arguments.rounds)
    row: dict[str, Any] = {
        "clicks": len(measured),
        "median_ms": statistics.median(measured),
        "p95_ms": float(np.percentile(measured, 95)),
        "session_median_ms": statistics.median(answers[3:]),
    }
    row["outside_ms"] = row["median_ms"] - row["session_median_ms"]
    if arguments.json:
        print(json.dumps({**row, "batches": many}))
    else:
        print(f"{row['clicks']} clicks: median {row['median_ms']:.1f} ms (45), 95 % {row['p95_ms']:.1f} ms (90)")
        own, rest = row["session_median_ms"], row["outside_ms"]
        print(f"session's own answer: median {own:.1f} ms; the rest {rest:.1f} ms (12)")
        for item in many:
            first, own = f"first {item['first_ms']:.0f} ms (100)", f"the session's own {item['session_ms']:.0f} ms"
            print(f"batch of {item['count']} {item['prompts']}: {item['found']} objects, {first}")
            print(f"  all {item['all_ms']:.0f} ms, {own}: {item['ratio']:.2f} x (1.3)")
    java_class("java.lang.Runtime").getRuntime().halt(0)


if __name__ == "__main__":
    main()
