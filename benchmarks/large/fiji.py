"""Clicks on a virtual stack of 20,000 x 20,000 pixels: ``xvfb-run -a python -m benchmarks.large.fiji [--java]``.

Real windows, a real mouse, the real worker with the starter. Each click lies in a tile that nobody has asked about;
beside it, in turns, the session itself is asked in another such tile of the same file, mapped into memory, and says
how long the encoding of that tile took. The very first click finds the display's range and opens the scene as well.
Then the most memory of this process, which is Python and Java together, and of the worker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fiji import clicks, on_event_thread, spots, use
from samj_bridge.fiji import java_class, open_window
from samj_bridge.fiji.segmenter import SessionSegmenter, java_segmenter
from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings

SIDE = 20_000
PATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clicks", type=int, default=8)
    parser.add_argument("--java", action="store_true", help="the worker is started from Java, as by the jar alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # What an earlier run has kept, or what is encoded ahead, would be measured instead.
    settings = Settings.from_environment(encodings_disk_bytes=0, ahead=False)
    with tempfile.TemporaryDirectory() as folder:
        row = measure(Path(folder) / "large.raw", settings, arguments.clicks, java=arguments.java)
    if arguments.json:
        print(json.dumps(row))
    else:
        print(f"first click, opening included: {row['first_ratio']:.2f} x the encoding of one tile")
        print(f"each further click in a new tile: {row['ratio']:.2f} x (aim 1.3), n = {arguments.clicks}")
        own, worker = row["host_mb"], row["worker_mb"]
        print(f"most memory: {own:.0f} MB Python and Java, the plane of 400 MB included; worker {worker:.0f} MB")
    java_class("java.lang.Runtime").getRuntime().halt(0)


def measure(path: Path, settings: Settings, count: int, *, java: bool) -> dict[str, float]:
    pixels, centres = spots(PATCH)
    spot = min(centres, key=lambda place: abs(place[0] - PATCH // 2) + abs(place[1] - PATCH // 2))
    places = [(1536 + 2048 * (index % 8), 1536 + 2048 * (index // 8)) for index in range(2 * count + 2)]
    with path.open("wb") as file:
        file.truncate(SIDE * SIDE)
    image = np.memmap(path, np.uint8, "r+", shape=(SIDE, SIDE))
    for number, (x, y) in enumerate(places):
        image[y : y + PATCH, x : x + PATCH] = pixels
        # What has the same pixels is not encoded twice.
        image[y, x] = number + 1
    image.flush()
    open_window(settings=settings)
    kept = SessionSegmenter(settings)
    if java:
        use(settings, java=True)
    else:
        bridge = java_class("org.samj.bridge.ij.Bridge")
        bridge.uninstall()
        bridge.install(java_segmenter(settings, kept))
    tool = str(java_class("org.samj.bridge.ij.tool.SamjTool").NAME)
    java_class("ij.gui.Toolbar").getInstance().setTool(tool)
    imp = virtual(path)
    clicked, encoded = [], []
    with Session("starter", settings=settings) as session:
        kept.session("starter")
        scene = session.encode(image, ranges=(0, 255))
        for index in range(count + 1):
            (x, y), (far_x, far_y) = places[2 * index : 2 * index + 2]
            look_at(imp, x, y)
            clicked += clicks(imp, [spot])
            scene.segment(Prompt(points=[(far_x + spot[0], far_y + spot[1])]), candidates=3)
            encoded.append(scene.encode_seconds * 1000)
        worker = (session if java else kept.session("starter")).stats()["peak_bytes"]
    tile = statistics.median(encoded)
    return {
        "first_ratio": clicked[0] / tile,
        "ratio": statistics.median(clicked[1:]) / tile,
        "tile_ms": tile,
        "host_mb": peak_kb() / 1e3,
        "worker_mb": worker / 1e6,
    }


def virtual(path: Path) -> Any:
    """Show the file as a virtual stack."""
    info = java_class("ij.io.FileInfo")()
    info.fileFormat, info.fileType = info.RAW, info.GRAY8
    info.directory, info.fileName = f"{path.parent}/", path.name
    info.width = info.height = SIDE
    info.nImages = 1
    imp = java_class("ij.ImagePlus")(path.name, java_class("ij.plugin.FileInfoVirtualStack")(info, False))
    imp.setDisplayRange(0, 255)
    imp.show()
    while imp.getCanvas() is None or not imp.getCanvas().isShowing():
        time.sleep(0.05)
    time.sleep(1.0)
    return imp


def look_at(imp: Any, x: int, y: int) -> None:
    """Magnify so that a click means a pixel."""
    canvas = imp.getCanvas()

    def zoom() -> None:
        size = canvas.getSize()
        canvas.setSourceRect(java_class("java.awt.Rectangle")(x, y, size.width, size.height))
        canvas.setMagnification(1.0)
        canvas.repaint()

    on_event_thread(zoom)
    time.sleep(0.5)


def peak_kb() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
