"""Accuracy of everything mode: ``python -m benchmarks.everything_accuracy --data DIR [--split val] [--json]``.

Every picture of a split is segmented without any prompt, through the public session, and what comes is matched with
the labels: at an IoU threshold t an object counts as found (TP) when a region overlaps it by t or more; regions
left over are FP, objects left over FN. An image's score at t is TP / (TP + FP + FN) (the measure of the 2018 Data
Science Bowl; Caicedo et al. 2019, doi 10.1038/s41592-019-0612-7); mSA is the mean over t = .5, .55, ... .95 and
then over images, AP50 the mean over images at t = .5. For two methods without learning and a trial network see
docs/explanation/starter-model.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data_sets import Picture, pictures
from samj_bridge import Region, Session
from samj_bridge.evaluate import THRESHOLDS, match


@dataclass(frozen=True)
class Scored:
    """One picture's result."""

    picture: Picture
    scores: tuple[float, ...]
    """TP / (TP + FP + FN) at each of `THRESHOLDS`."""
    found: int
    objects: int
    points: int
    """Points that the network was asked with."""
    seconds: float


def score(labels: NDArray[np.int32], regions: Sequence[Region]) -> tuple[float, ...]:
    """Match regions with labels at every threshold; an image without objects and regions scores 1."""
    return tuple(one.accuracy for one in match(labels, regions, THRESHOLDS))


def measure(session: Session, picture: Picture, options: dict[str, Any]) -> Scored:
    """Segment a picture and score it."""
    begun = time.perf_counter()
    with session.encode(picture.pixels) as scene:
        found = scene.everything(**options)
    seconds = time.perf_counter() - begun
    points = int(found.counts["points"])
    scores = score(picture.labels, found)
    return Scored(picture, scores, len(found), int(picture.labels.max()), points, seconds)


def rows_of(results: Sequence[Scored]) -> list[dict[str, Any]]:
    """Means by set, and by modality within the nuclei."""
    groups: dict[str, list[Scored]] = defaultdict(list)
    for result in results:
        groups[result.picture.name].append(result)
        if result.picture.name == "nuclei":
            groups[f"nuclei, {result.picture.modality}"].append(result)
    rows = []
    for name, members in groups.items():
        scores = np.array([member.scores for member in members])
        rows.append(
            {
                "set": name,
                "images": len(members),
                "mSA": float(scores.mean()),
                "AP50": float(scores[:, 0].mean()),
                "objects": sum(member.objects for member in members),
                "found": sum(member.found for member in members),
                "points": sum(member.points for member in members),
                "seconds": sum(member.seconds for member in members),
            }
        )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as text."""
    names = list(rows[0])
    cells = [names, *([f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with dsb2018 and sem_axon")
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--mode", default="fast", choices=("fast", "exact"))
    parser.add_argument(
        "--set", action="append", help="only this set (nuclei, sem_axon, sem_fibre); may be repeated"
    )
    parser.add_argument("--every", type=int, default=1, help="only every n-th image, for a quick look")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=NUMBER", help="of everything mode")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    options: dict[str, Any] = {"mode": given.mode}
    options |= {name: json.loads(value) for name, value in (item.split("=") for item in given.option)}
    chosen = [p for p in pictures(given.data, given.split) if p.name in (given.set or ["nuclei"])][:: given.every]
    if not chosen:
        print(f"There are no pictures of the split {given.split} in {given.data}.", file=sys.stderr)
        return 1
    with Session(given.model) as session:
        results = []
        for number, picture in enumerate(chosen, 1):
            results.append(measure(session, picture, options))
            print(f"{number}/{len(chosen)} {picture.id} {np.mean(results[-1].scores):.3f}", file=sys.stderr)
    rows = rows_of(results)
    print(json.dumps({"model": given.model, "options": options, "rows": rows}) if given.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
