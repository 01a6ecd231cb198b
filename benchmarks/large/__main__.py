"""Large images: ``python -m benchmarks.large --data FOLDER [--against COMMIT] [--json]``.

A mosaic of real images with known nuclei, on disk as a memory map: how long the first prompt takes beside one tile,
what it takes beside an earlier build, memory, a thousand boxes, and whether small objects are found as well as in a
crop. Ratios of processor time, worker and host together, in one run: they hold on a machine that does other things.

``--against`` names a commit of an earlier version (60bb5a1 is the last one before tiles), or a checkout of it:
it is asked the same. ``SAMJ_BENCHMARK_PYTHON`` names the Python of an environment that is there already.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.large.ask import cpu_of, opened
from benchmarks.large.earlier import against_rows, asked
from benchmarks.large.mosaics import Mosaics, nuclei_of
from benchmarks.large.private_memory import array_in_memory, everything_rows
from benchmarks.large.rows import Row
from benchmarks.large.silent import silence
from samj_bridge import Prompt, Region, Session
from samj_bridge.evaluate import iou
from samj_bridge.reading import open_pyramid

if TYPE_CHECKING:
    from samj_bridge.geometry.tiling import Tiling
    from samj_bridge.session.scene import Scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with dsb2018")
    parser.add_argument("--against", default="", help="commit of an earlier version, or a checkout of it")
    parser.add_argument("--side", type=int, default=20_000, help="of the largest image")
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument(
        "--only", default="", help="by comma: first, files, memory, boxes, accuracy, silence, everything, against"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    parts = {
        "first": lambda there: first_prompt(np.load(there.large, mmap_mode="r"), "memory map"),
        "files": in_files,
        "memory": memory,
        "boxes": lambda there: many_boxes(there, arguments.boxes),
        "accuracy": accuracy,
        "silence": silence,
        "everything": everything_rows,
        "against": lambda there: against_rows(there, arguments.against) if arguments.against else [],
    }
    wanted = arguments.only.split(",") if arguments.only else list(parts)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        there = Mosaics(Path(folder), arguments.data, arguments.side)
        for part in wanted:
            for row in parts[part](there):
                rows.append(row)
                if not arguments.json:
                    mark = "ok  " if row.met else "MISS"
                    print(
                        f"{mark} {row.what:<66} {row.value:9.3f} {row.unit:<6} {row.target}  {row.note}", flush=True
                    )
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}))


class Clock:
    """Processor time of worker and host together."""

    def __init__(self, session: Session) -> None:
        self.pid = int(session.stats()["pid"])

    def now(self) -> float:
        """Return the seconds used so far."""
        return cpu_of(self.pid) + time.process_time()


def one_tile(session: Session, image: Any, clock: Clock, count: int = 5) -> float:
    """Return the processor time of encoding one tile as an image of its own, in the mean."""
    side = int(session.loaded["tile_px"])
    total = 0.0
    for number in range(count):
        crop = np.ascontiguousarray(image[number * side : (number + 1) * side, :side])
        began = clock.now()
        session.encode(crop)
        total += clock.now() - began
    return total / count


def first_prompt(image: Any, what: str) -> Iterator[Row]:
    side = image.shape[0]
    with opened() as session:
        clock = Clock(session)
        pixels = image if hasattr(image, "__getitem__") else image.read(0, 0, 0, 5 * 1024, 1024)
        tile = one_tile(session, pixels, clock)
        totals, prompts = [], []
        for number in range(5):
            at = (side * (number + 1)) // 7
            began = clock.now()
            scene = session.encode(image)
            looked = clock.now()
            scene.segment(Prompt(box=(at, at, at + 40, at + 40)))
            totals.append(clock.now() - began)
            prompts.append(clock.now() - looked)
        mean, last = float(np.median(totals)), float(np.median(prompts))
    where, note = f"first prompt at {side:,}, {what}", f"one tile {tile:.2f} s CPU"
    yield Row(f"{where}, opening included", mean / tile, "x", "<= 1.3", mean <= 1.3 * tile, note)
    yield Row(f"{where}, opened before", last / tile, "x", "<= 1.3", last <= 1.3 * tile, note)


def in_files(there: Mosaics) -> Iterator[Row]:
    for what, path in there.files():
        with open_pyramid(path) as image:
            yield from first_prompt(image, what)


def memory(there: Mosaics) -> Iterator[Row]:
    small, large = (asked(path) for path in (there.small, there.large))
    peaks = [figures["host_mb"] + figures["worker_mb"] for figures in (small, large)]
    grown = peaks[1] - peaks[0]
    note = f"{peaks[0]:.0f} and {peaks[1]:.0f} MB; host {small['host_mb']:.0f} and {large['host_mb']:.0f}"
    yield Row(f"peak memory at {there.side:,} above that at 2,000", grown, "MB", "<= 150", grown <= 150, note)

    with opened() as session:
        yield from array_in_memory(there, session)


def many_boxes(there: Mosaics, count: int) -> Iterator[Row]:
    image = np.load(there.middle, mmap_mode="r")
    random = np.random.default_rng(0)
    corners = random.integers(0, 9_950, (count, 2))
    prompts = [Prompt(box=(x, y, x + 40, y + 40)) for x, y in corners.tolist()]
    with opened() as session:
        clock = Clock(session)
        tile = one_tile(session, image, clock)
        scene = session.encode(image)
        tiling = tiles_of(scene)
        tiles = {tiling.of(tuple(map(float, prompt.box or ()))) for prompt in prompts}  # type: ignore[arg-type]
        before, began = session.stats()["encoded"], clock.now()
        scene.segment(prompts)
        all_of_it, encoded = clock.now() - began, session.stats()["encoded"] - before
        # What prompts cost without encoding: the same ones on tiles that are still there.
        again = [
            prompt for prompt in prompts if tiling.of(tuple(map(float, prompt.box or ()))) in sorted(tiles)[-60:]
        ]  # type: ignore[arg-type]
        began = clock.now()
        scene.segment(again)
        each = (clock.now() - began) / len(again)
    sum_of_parts = len(tiles) * tile + count * each
    note = f"{len(tiles)} tiles x {tile:.2f} s, {count} prompts x {each * 1000:.0f} ms"
    yield Row(
        f"{count} boxes over 10,000, beside the sum of the parts",
        all_of_it / sum_of_parts,
        "x",
        "<= 1.15",
        all_of_it <= 1.15 * sum_of_parts,
        note,
    )
    yield Row(
        "tiles encoded for them, beside tiles touched",
        encoded / len(tiles),
        "x",
        "1",
        encoded == len(tiles),
        f"{encoded}",
    )


def accuracy(there: Mosaics) -> Iterator[Row]:
    image, labels = np.load(there.middle, mmap_mode="r"), np.load(there.labels, mmap_mode="r")
    nuclei = list(nuclei_of(labels, 48))
    scores: dict[str, list[float]] = {"large": [], "crop": [], "border": [], "middle": []}
    with opened() as session:
        scene = session.encode(image)
        for x, y, label in nuclei:
            scores["large"].append(_iou(scene, (x, y), label, labels, (0, 0)))
            crop = slice(y - 256, y + 256), slice(x - 256, x + 256)
            alone = session.encode(np.ascontiguousarray(image[crop]), ranges=scene.ranges)
            scores["crop"].append(_iou(alone, (256, 256), label, labels, (x - 256, y - 256)))
        tiling = tiles_of(scene)
        half = tiling.side // 2
        for x, y, label in nuclei[:24]:
            for name, place in (("middle", 2 * half), ("border", 2 * half + half // 2)):
                # The same nucleus, in the middle of a tile, and where the next tile begins to be nearer.
                view = image[y - place : y - place + 4 * half, x - place : x - place + 4 * half]
                if min(view.shape) < 4 * half or min(x, y) < place:
                    continue
                moved = session.encode(view, ranges=scene.ranges)
                scores[name].append(_iou(moved, (place, place), label, labels, (x - place, y - place)))
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    apart = means["crop"] - means["large"]
    note = f"{means['large']:.3f} and {means['crop']:.3f}, n = {len(nuclei)}"
    yield Row(
        "IoU of 40-pixel nuclei by point: crop of 512 less mosaic of 10,000",
        apart,
        "",
        "<= .01",
        apart <= 0.01,
        note,
    )
    apart = means["middle"] - means["border"]
    note = f"{means['middle']:.3f} and {means['border']:.3f}, n = {len(scores['border'])}"
    yield Row(
        "IoU in the middle of a tile less that at its core's border", apart, "", "<= .005", apart <= 0.005, note
    )


def tiles_of(scene: Scene) -> Tiling:
    if scene.tiling is None:
        raise AssertionError
    return scene.tiling


def _iou(scene: Scene, xy: tuple[int, int], label: int, labels: Any, origin: tuple[int, int]) -> float:
    (region,) = scene.segment(Prompt(points=[xy]))
    if region.is_empty:
        return 0.0
    # The labels do not fit in memory: what is further out is not of this nucleus.
    x0, y0, x1, y1 = (np.array(region.bbox_xyxy) + np.tile(origin, 2)).tolist()
    left, top = max(0, x0 - 64), max(0, y0 - 64)
    around = np.asarray(labels[top : y1 + 64, left : x1 + 64]) == label
    return iou(Region.from_mask(around, origin_xy=(left - origin[0], top - origin[1])), region)


if __name__ == "__main__":
    main()
