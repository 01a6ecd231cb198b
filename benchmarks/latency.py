"""Times and memory of the main job: ``python -m benchmarks.latency [--json]``.

Every figure that depends on the machine stands beside a stock measurement of the same run (``import torch``, a
plain copy), as a ratio. Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from samj_bridge import Prompt, Scene, Session, Settings
from samj_bridge.install import ensure_environment, environment_variables
from samj_bridge.session.connection.client import Client
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.session.images import BlockPool, plane_of, shared_view


@dataclass(frozen=True)
class Row:
    """One figure with its target."""

    what: str
    value: float
    unit: str
    target: float
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its target."""
        return self.value <= self.target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    rows = measure(arguments.repeats)
    if arguments.json:
        print(json.dumps({"rows": [{**asdict(row), "met": row.met} for row in rows]}))
        return
    for row in rows:
        mark = "ok  " if row.met else "MISS"
        print(f"{mark} {row.what:<58} {row.value:8.2f} {row.unit:<9} target {row.target:g}  {row.note}")


def measure(repeats: int) -> list[Row]:
    """Measure everything; needs the environment (made if missing)."""
    # An image kept on disk by an earlier run would not be encoded at all.
    settings = replace(Settings.from_environment(), encodings_disk_bytes=0)
    environment = ensure_environment(settings)
    rows = [worker_start(Launcher(environment.python, settings, environment_variables(environment)))]
    with Session("starter", settings=settings, environment=environment) as session:
        rows += network(session, repeats)
        rows.append(Row("host memory, no JVM", _resident_mb(), "MB", 150))
    rows.append(hand_over(repeats))
    return rows


def worker_start(launcher: Launcher) -> Row:
    """Time from nothing to `hello`, against ``import torch`` in the same environment; alternating."""

    def import_torch() -> None:
        subprocess.run([launcher.python, "-I", "-c", "import torch"], check=True, env=dict(launcher.variables))

    ours, stock = [], []
    for number in range(6):
        stock.append(_seconds(import_torch))
        start = time.perf_counter()
        service = launcher.start()
        Client(service, silence_s=120, log="").greet(None)
        ours.append(time.perf_counter() - start)
        service.close()
        if number == 0:  # the first one reads the files into the system's cache
            ours.clear()
            stock.clear()
    mine, plain = statistics.median(ours), statistics.median(stock)
    return Row("worker start to hello / import torch", mine / plain, "x", 2.5, f"({mine:.2f} s / {plain:.2f} s)")


def network(session: Session, repeats: int) -> list[Row]:
    """Encode 1024 x 1024 and prompt it, with the share of what is not the network."""
    rng = np.random.default_rng(1)
    encodes = []
    for _ in range(max(3, repeats // 3)):
        pixels = _cells(rng)
        start = time.perf_counter()
        scene = session.encode(pixels)
        encodes.append(1e3 * (time.perf_counter() - start))
    corners = [(x, y) for x in range(40, 940, 180) for y in range(40, 940, 180)] * max(1, repeats // 5)
    boxes = [Prompt(box=(x, y, x + 40, y + 36)) for x, y in corners]
    points = [Prompt(points=[(x + 20, y + 18)]) for x, y in corners]
    scene.segment([boxes[0], points[0]])
    box_ms, box_around_ms = _each(session, scene, boxes)
    point_ms, _ = _each(session, scene, points)
    return [
        Row("encode 1024 x 1024, median", statistics.median(encodes), "ms", 350),
        Row("box to Region on a warm session, median", box_ms, "ms", 15),
        Row("point to Region on a warm session, median", point_ms, "ms", 15),
        Row("of a box: everything around the network, median", box_around_ms, "ms", 3),
    ]


def _each(session: Session, scene: Scene, prompts: list[Prompt]) -> tuple[float, float]:
    """Return the medians of the whole time per prompt, and of the part that is not the network's, in ms."""
    whole, around = [], []
    for prompt in prompts:
        before = session.stats()["network_seconds"]
        start = time.perf_counter()
        scene.segment(prompt)
        seconds = time.perf_counter() - start
        whole.append(1e3 * seconds)
        around.append(1e3 * (seconds - (session.stats()["network_seconds"] - before)))
    return statistics.median(whole), statistics.median(around)


def hand_over(repeats: int) -> Row:
    """Copy a 2048 x 2048 uint16 image into shared memory that exists, against one memcpy of it."""
    pixels = np.random.default_rng(2).integers(0, 65535, (2048, 2048), dtype=np.uint16)
    target = np.empty_like(pixels)
    pool = BlockPool()

    def copy() -> None:
        np.copyto(target, pixels)

    def hand() -> None:
        plane = plane_of(pixels)
        with pool.lend(plane.nbytes) as loan:
            plane.copy_into(shared_view(loan, plane))
            loan.describe(plane)
            loan.reusable = True

    copy()
    hand()
    pairs = [(_seconds(copy), _seconds(hand)) for _ in range(max(20, repeats))]
    pool.close()
    stock = statistics.median(pair[0] for pair in pairs)
    ours = statistics.median(pair[1] for pair in pairs)
    note = f"({1e3 * ours:.2f} ms / {1e3 * stock:.2f} ms)"
    return Row("hand over 2048 x 2048 uint16 / one memcpy", ours / stock, "x", 2.5, note)


def _cells(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Blurred bright ellipses on noise: 1024 x 1024 uint16."""
    y, x = np.mgrid[:1024, :1024]
    image = rng.normal(300, 30, (1024, 1024))
    for cx, cy in rng.integers(30, 990, (120, 2)):
        ys, xs = slice(max(0, cy - 40), cy + 40), slice(max(0, cx - 40), cx + 40)
        image[ys, xs] += 2000 / (1 + np.exp((np.hypot(x[ys, xs] - cx, 1.3 * (y[ys, xs] - cy)) - 18) / 1.5))
    return image.clip(0, 65535).astype(np.uint16)


def _seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _resident_mb() -> float:
    """Resident memory of this process; without psutil, so that the benchmark needs nothing but samj-bridge."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
