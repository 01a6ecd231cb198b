"""Objects followed through stacks with known truth: ``python -m benchmarks.propagation --data FOLDER [--json]``.

Every object is given by its true outline on the plane where it is largest, and followed both ways by one model: by
our projection in its forms, by micro-sam's rule as the facts have it (its projection modes, stop at an IoU of 0.5,
motion smoothed by half in time; the same network), and by the network's memory where it has one.

IoU with the truth at 1, 5, 10 and 20 planes from the prompt, 0 where it was lost. `kept`: planes in a row, from the
prompt on, with an IoU of 0.5 at least, as a part of those there are. `beyond`: planes on which it was followed
although it was gone, for each object. `sw.`: planes on which another object was followed. Milliseconds by plane and
object, all in.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.propagation.stacks import Truth, ellipsoids, movie, stardist
from samj_bridge import Session
from samj_bridge.evaluate import iou
from samj_bridge.geometry.region import Region
from samj_bridge.session.stack.projection import Projection, project
from samj_bridge.session.stack.rules import StopRules, overlap
from samj_bridge.session.stack.stack import Stack
from samj_bridge.session.stack.track import moved

DISTANCES = (1, 5, 10, 20)
Given = dict[int, tuple[int, Region]]
"""Plane and outline by object."""
Found = Iterator[tuple[int, int, Region]]
"""Plane, object, region."""


@dataclass(frozen=True)
class Row:
    """What one way of following does in one stack."""

    stack: str
    model: str
    way: str
    objects: int
    iou: dict[int, float]
    mean_iou: float
    kept: float
    beyond: float
    switches: int
    ms_per_plane_and_object: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with demo and dsb2018")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--planes", type=int, default=40, help="of the rendered stacks")
    parser.add_argument("--python", type=Path, help="the worker's Python, instead of the environment")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    truths = [
        stardist(arguments.data / "demo"),
        ellipsoids(arguments.planes),
        movie(arguments.data, arguments.planes),
    ]
    rows: list[Row] = []
    with Session(arguments.model, python=arguments.python) as session:
        for truth in truths:
            given = prompts(truth)
            for way, follow in ways(bool(session.loaded.get("remembers"))).items():
                rows.append(measured(session, truth, given, arguments.model, way, follow))
                print(line(rows[-1]), file=sys.stderr)
    memory = peaks(arguments.model, arguments.python)
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "peak_mb": memory}, indent=1))
        return
    print("worker's peak memory, MB, by planes: " + ", ".join(f"{n}: {mb:.0f}" for n, mb in memory.items()))
    print(
        f"{'stack':16s} {'way':34s} " + " ".join(f"IoU@{d:<3d}" for d in DISTANCES) + "   all  kept beyond sw.   ms"
    )
    for row in rows:
        print(line(row))


def peaks(model: str, python: Path | None) -> dict[int, float]:
    """Return the worker's peak memory after short and long stacks, each with a worker of its own."""
    found = {}
    truth = ellipsoids(20)
    for planes in (20, 200):
        with Session(model, python=python) as session:
            pixels = [truth.pixels[number % 20] for number in range(planes)]
            with session.encode_stack(pixels) as stack:
                middle = Region.from_mask(truth.labels[10] == truth.labels[10].max())
                for _ in stack.propagate((10, middle), rules=StopRules(0, 0, 0, planes)):
                    pass
            found[planes] = session.stats()["peak_bytes"] / 1e6
    return found


def line(row: Row) -> str:
    """Return a row in words."""
    ious = " ".join(f"{row.iou.get(distance, float('nan')):7.3f}" for distance in DISTANCES)
    kept = f"{row.mean_iou:6.3f} {row.kept:5.2f} {row.beyond:6.1f} {row.switches:3d}"
    return f"{row.stack:16s} {row.way:34s} {ious} {kept} {row.ms_per_plane_and_object:5.0f}  {row.peak_mb:.0f} MB"


def ways(remembers: bool) -> dict[str, Callable[[Stack, Given], Found]]:
    """Return every way of following, by name."""
    found: dict[str, Callable[[Stack, Given], Found]] = {}
    for parts in (("mask", "point"), ("box", "point"), ("box",), ("box", "mask"), ("mask",), ("point",)):
        found[f"ours, {' + '.join(parts)}"] = lambda stack, given, parts=parts: ours(stack, given, parts)
    for name, parts in MICRO_SAM.items():
        found[f"micro-sam's rule, {name}"] = lambda stack, given, parts=parts: micro_sam(stack, given, parts)
    if remembers:
        found["memory"] = lambda stack, given: ours(stack, given, None)
    return found


def ours(stack: Stack, given: Given, parts: tuple[str, ...] | None) -> Found:
    """Follow with samj-bridge."""
    prompts = [(plane, region, number) for number, (plane, region) in given.items()]
    how = None if parts is None else Projection(parts)
    for step in stack.propagate(prompts, engine="memory" if parts is None else "projection", projection=how):
        yield step.plane, step.object, step.region


MICRO_SAM = {
    "single_point": ("point",),
    "box": ("box",),
    "mask": ("box", "mask"),
    "points_and_mask": ("mask", "point"),
}
"""Its projection modes, with the same network and the same prompts as ours."""


def micro_sam(stack: Stack, given: Given, parts: tuple[str, ...]) -> Found:
    """Follow as micro-sam does: outwards, until the IoU with the plane before is below a half; no second look."""
    how = Projection(parts)
    for number, (plane, region) in given.items():
        yield plane, number, region
    for step in (1, -1):
        last = {number: region for number, (_, region) in given.items()}
        motion = dict.fromkeys(given, (0.0, 0.0))
        begun = min if step == 1 else max
        plane = begun(at for at, _ in given.values())
        while 0 <= plane + step < stack.planes and last:
            plane += step
            here = [number for number in last if step * (plane - given[number][0]) > 0]
            there = {number: moved(last[number], motion[number], stack.shape) for number in here}
            asked = [number for number in here if not there[number].is_empty]
            regions = (
                stack.scene(plane).segment([project(there[n], stack.shape, how) for n in asked]) if asked else []
            )
            for number in set(here) - set(asked):
                del last[number]
            for number, region in zip(asked, regions, strict=True):
                if overlap(region, there[number])[1] < 0.5:
                    del last[number]
                    continue
                if stack.axis == "t":
                    shift = np.subtract(region.centroid_xy, last[number].centroid_xy)
                    mixed = 0.5 * np.array(motion[number]) + 0.5 * shift
                    motion[number] = float(mixed[0]), float(mixed[1])
                last[number] = region
                yield plane, number, region


def prompts(truth: Truth) -> Given:
    """Return each object's outline on the plane where it is largest."""
    found: Given = {}
    for number in range(1, int(truth.labels.max()) + 1):
        areas = (truth.labels == number).sum((1, 2))
        if areas.max() >= 30 and (areas > 0).sum() > 2:
            plane = int(areas.argmax())
            found[number] = plane, Region.from_mask(truth.labels[plane] == number)
    return found


def measured(
    session: Session, truth: Truth, given: Given, model: str, way: str, follow: Callable[[Stack, Given], Found]
) -> Row:
    """Follow every object, and compare it with the truth."""
    begun, found = time.perf_counter(), {}
    with session.encode_stack(truth.pixels, truth.axis) as stack:
        for plane, number, region in follow(stack, given):
            found[number, plane] = region
    seconds = time.perf_counter() - begun
    by_distance: dict[int, list[float]] = {}
    kept, beyond, switches = [], 0, 0
    for number, (start, _) in given.items():
        planes = np.flatnonzero((truth.labels == number).any((1, 2)))
        for step in (1, -1):
            going, count, length = True, 0, 0
            for plane in range(start + step, truth.labels.shape[0] if step == 1 else -1, step):
                region = found.get((number, plane))
                there = region is not None and not region.is_empty
                if plane not in planes:
                    beyond += there
                    continue
                iou, other = compared(truth.labels[plane], number, region) if there else (0.0, False)
                switches += other
                by_distance.setdefault(abs(plane - start), []).append(iou)
                going = going and iou >= 0.5
                count, length = count + going, length + 1
            if length:
                kept.append(count / length)
    ious = {distance: float(np.mean(by_distance[distance])) for distance in DISTANCES if distance in by_distance}
    every = [iou for values in by_distance.values() for iou in values]
    return Row(
        truth.name,
        model,
        way,
        len(given),
        ious,
        float(np.mean(every)),
        float(np.mean(kept)),
        beyond / len(given),
        switches,
        1e3 * seconds / max(1, len(found)),
        session.stats()["peak_bytes"] / 1e6,
    )


def compared(labels: np.ndarray, number: int, region: Region) -> tuple[float, bool]:
    """Return the IoU with the object, and whether another one is the one that was found."""
    mask = region.mask(labels.shape)
    true = labels == number
    inside = np.bincount(labels[mask], minlength=number + 1)
    inside[0] = 0
    return iou(region, Region.from_mask(true)), bool(inside.max() > 0 and inside.argmax() != number)


if __name__ == "__main__":
    main()
