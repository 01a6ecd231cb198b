"""Everything mode on large images: ``python -m benchmarks.everything --data FOLDER [--side N] [--json]``.

A mosaic of real nuclei is searched block by block, and a part of it as earlier builds searched all of it: as one
image (the starter without tiles). Processor time of the worker for each megapixel, both in one run, and AP50, which
is TP / (TP + FP + FN) at an IoU above .5 with the mosaic's labels.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data_sets import pictures
from samj_bridge import Region, Session, Settings
from samj_bridge.models import find_model
from samj_bridge.progress import Progress, ignore_progress
from samj_bridge.session.connection.launcher import Launcher

PIECE = 256
"""Side of the pieces that mosaics are made of."""


@dataclass(frozen=True)
class Searched:
    """One search."""

    side: int
    cpu_s: float
    """Processor time of the worker."""
    ap50: float
    objects: int
    found: int
    peak_mb: float
    """Most memory that the worker took so far."""

    @property
    def per_mpx(self) -> float:
        """Processor time for a megapixel."""
        return self.cpu_s / (self.side**2 / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with dsb2018")
    parser.add_argument("--side", type=int, default=10_000, help="searched block by block")
    parser.add_argument("--whole", type=int, default=4096, help="part of it that is searched as one image as well")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ["SAMJ_ENCODINGS_DISK_BYTES"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        image, labels = mosaic(Path(folder), arguments.data, arguments.side)
        part = np.s_[: arguments.whole, : arguments.whole]
        with opened(whole=True) as session:
            whole = search(session, np.ascontiguousarray(image[part]), labels[part])
        with opened(whole=False) as session:
            blocks = search(session, np.ascontiguousarray(image[part]), labels[part])
            large = search(session, image, labels)
    if arguments.json:
        print(json.dumps({"whole": asdict(whole), "blocks": asdict(blocks), "large": asdict(large)}))
        return
    for name, one in (("as one image", whole), ("block by block", blocks), ("block by block", large)):
        figures = f"{one.per_mpx:6.2f} s CPU for a megapixel, AP50 {one.ap50:.4f}, {one.found} of {one.objects}"
        print(f"{one.side:>6} pixels, {name:<15} {figures}, worker's peak {one.peak_mb:.0f} MB")
    times = whole.per_mpx / large.per_mpx
    print(f"{'ok  ' if times >= 3 else 'MISS'} processor time, one image beside blocks: {times:.2f} x  >= 3")
    apart = whole.ap50 - blocks.ap50
    print(f"{'ok  ' if apart <= 0.01 else 'MISS'} AP50 as one image less block by block: {apart:.4f}  <= .01")


@contextmanager
def opened(*, whole: bool) -> Iterator[Session]:
    settings, python = Settings.from_environment(), os.environ.get("SAMJ_BENCHMARK_PYTHON")
    if not whole:
        with Session("starter", device="cpu", **({"python": Path(python)} if python else {})) as session:
            yield session
        return
    from samj_bridge.install import ensure_environment

    known = Path(python) if python else ensure_environment(settings).python
    entry = replace(find_model("starter", settings), family="whole")
    family = Path(__file__).with_name("whole_starter.py")
    with Session(
        entry,
        settings=settings,
        device="cpu",
        launcher=Launcher(known, settings, dict(os.environ), ("--family", f"whole={family}")),
    ) as session:
        yield session


def mosaic(folder: Path, data: Path, side: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return an image of pieces of 256 pixels of real images, turned at random, and its labels; both on disk."""
    found = (picture for picture in pictures(data, "val") if picture.modality == "fluorescence")
    pieces = [one for one in found if min(one.pixels.shape[:2]) >= PIECE and one.pixels.ndim == 2]
    random, count = np.random.default_rng(side), 0
    image = np.lib.format.open_memmap(folder / "image.npy", "w+", np.uint8, (side, side))
    labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.int32, (side, side))
    for y in range(0, side, PIECE):
        for x in range(0, side, PIECE):
            one, turn = pieces[random.integers(len(pieces))], int(random.integers(4))
            way = int(random.choice([-1, 1]))
            place = slice(y, min(side, y + PIECE)), slice(x, min(side, x + PIECE))
            size = slice(place[0].stop - y), slice(place[1].stop - x)
            image[place] = np.rot90(one.pixels[:PIECE, :PIECE], turn)[:, ::way][size]
            numbers = np.rot90(one.labels[:PIECE, :PIECE], turn)[:, ::way][size]
            labels[place] = np.where(numbers > 0, numbers + count, 0)
            count += int(numbers.max())
    return image, labels


def search(
    session: Session, image: NDArray[Any], labels: NDArray[Any], progress: Progress = ignore_progress
) -> Searched:
    """Find everything; the time counts encoding and search."""
    pid = int(session.stats()["pid"])
    began = cpu_of(pid)
    with session.encode(image) as scene:
        found = scene.everything(progress=progress)
    cpu_s = cpu_of(pid) - began
    score, objects = ap50(labels, found)
    return Searched(image.shape[0], cpu_s, score, objects, len(found), (session.stats()["peak_bytes"] or 0) / 2**20)


def ap50(labels: NDArray[Any], regions: Iterable[Region]) -> tuple[float, int]:
    """Return AP50 and how many true objects there are; a true object is found once."""
    count = int(labels.max())
    areas = np.zeros(count + 1, np.int64)
    for top in range(0, labels.shape[0], 1024):
        areas += np.bincount(labels[top : top + 1024].ravel(), minlength=count + 1)
    hit, total = np.zeros(count + 1, bool), 0
    for region in regions:
        total += 1
        mask, (x, y) = region.crop()
        under = labels[y : y + mask.shape[0], x : x + mask.shape[1]][mask]
        numbers, shared = np.unique(under[under > 0], return_counts=True)
        best = shared * 2 > areas[numbers] + np.count_nonzero(mask) - shared
        hit[numbers[best]] = True
    objects, true = int(np.count_nonzero(areas[1:])), int(hit.sum())
    return true / max(1, objects + total - true), objects


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
