"""Accuracy of the starter model: ``python -m benchmarks.starter_accuracy --data DIR [--split val] [--json]``.

Every labelled object of a split is prompted as a user would, and the best-scored answer is compared with
it. Prompts:

- box: the tight box of the object; box_dilated: each of its sides 0, 1 or 2 px further out, at random;
- point: the maximum of the object's distance transform (outside the image counts as outside the object);
- clicks_3: point, then two more clicks, each at the maximum of the distance transform of the largest error
  region of the answer before (positive where the object was missed, negative where too much was taken); the
  mask before goes along with each further click, as it does in the plugin;
- point_best_of_3: point, the best of the three candidates by true IoU: how often the right answer is on
  offer;
- point_whole (fibres only): point, the largest candidate whose predicted IoU is at least 0.3: what a user
  who asks for the whole gets.

Sets: nuclei; sem_axon; sem_fibre (components of axon and myelin of at least 100 px with exactly one axon:
those in which fibres have merged are left out). mean_iou is over objects, mean_iou_images over images'
means. The prompt is the only hint: no size, no class.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.data_sets import Picture, pictures
from samj_bridge.evaluate import as_objects, iou, regions_of
from samj_bridge.geometry.region import Region
from samj_bridge.models import weights_file

SEED = 3
WHOLE_LEAST_SCORE = 0.3
PROMPTS = ("box", "box_dilated", "point", "clicks_3", "point_best_of_3", "point_whole")
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Hint:
    """A prompt; whole numbers name a pixel."""

    box: Box | None = None
    points: tuple[tuple[int, int], ...] = ()
    negative: tuple[tuple[int, int], ...] = ()
    before: Any = None
    """The answer before, as the segmenter gave it."""


@dataclass(frozen=True)
class Answer:
    """One candidate."""

    region: Region
    source: Any
    """What the segmenter wants back in ``Hint.before``."""


class Segmenter(Protocol):
    """What the benchmark drives: the product through its public session, or the network directly."""

    def encode(self, pixels: NDArray[np.uint8]) -> Any:
        """Encode an image."""

    def segment(self, scene: Any, hints: Sequence[Hint], candidates: int) -> list[list[Answer]]:
        """Answer each hint with candidates, best score first."""


class SessionSegmenter:
    """The public API."""

    def __init__(self, session: Any):
        self._session = session

    def encode(self, pixels: NDArray[np.uint8]) -> Any:
        """Encode through the session."""
        return self._session.encode(pixels)

    def segment(self, scene: Any, hints: Sequence[Hint], candidates: int) -> list[list[Answer]]:
        """Segment all hints in one call."""
        from samj_bridge import Prompt

        prompts = [
            Prompt(box=h.box, points=list(h.points), negative=list(h.negative), mask=h.before) for h in hints
        ]
        found = scene.segment(prompts, candidates=candidates)
        groups = [found[i * candidates : (i + 1) * candidates] for i in range(len(hints))]
        return [[Answer(region, None if region.is_empty else region) for region in group] for group in groups]


class DirectSegmenter:
    """The network without worker or session, for use in a Python that has torch."""

    def __init__(self, weights: Path):
        from samj_bridge.worker.families import starter
        from samj_bridge.worker.families.base import BuildSpec

        self._model = starter.build(BuildSpec(weights))

    def encode(self, pixels: NDArray[np.uint8]) -> Any:
        """Stretch grey images as the product does, then encode."""
        image = pixels.astype(np.float32)
        low, high = (0.0, 255.0) if pixels.ndim == 3 else np.percentile(image, (0.1, 99.9))
        image = np.clip((image - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
        return self._model.encode(image.reshape(*image.shape[:2], -1), lambda _: None)

    def segment(self, scene: Any, hints: Sequence[Hint], candidates: int) -> list[list[Answer]]:
        """Decode hint by hint."""
        from samj_bridge.worker.families.base import PromptArrays

        out = []
        for hint in hints:
            mask, origin = hint.before or (None, (0, 0))
            box = None if hint.box is None else tuple(float(v) for v in hint.box)
            prompt = PromptArrays(box, _centres(hint.points), _centres(hint.negative), mask, origin)
            found = self._model.decode(scene, prompt, candidates)
            out.append([_answer(candidate.mask, candidate.origin_xy, candidate.score) for candidate in found])
        return out


def _answer(mask: Mask, origin_xy: tuple[int, int], score: float) -> Answer:
    return Answer(Region.from_mask(mask, origin_xy=origin_xy, score=score), (mask, origin_xy))


def _centres(points: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    return np.asarray(points, np.float32).reshape(-1, 2) + np.float32(0.5)


def centre(mask: Mask) -> tuple[int, int]:
    """Pixel (x, y) of a mask's largest distance to the outside."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(x), int(y)


def correct(hint: Hint, target: Region, answer: Answer) -> Hint:
    """Click at the centre of the largest error region; the same hint if nothing is wrong."""
    boxes = np.array([region.bbox_xyxy for region in (target, answer.region) if not region.is_empty])
    x0, y0 = boxes[:, :2].min(axis=0).tolist()
    x1, y1 = boxes[:, 2:].max(axis=0).tolist()
    true, found = (region.within((x0, y0, x1, y1)) for region in (target, answer.region))
    best: tuple[int, bool, Mask] | None = None
    for positive, wrong in ((True, true & ~found), (False, found & ~true)):
        marks, count = ndimage.label(wrong)
        if count:
            sizes = np.bincount(marks.ravel())[1:]
            if best is None or sizes.max() > best[0]:
                best = (int(sizes.max()), positive, marks == 1 + sizes.argmax())
    if best is None:
        return hint
    x, y = centre(best[2])
    point = (x + x0, y + y0)
    if best[1]:
        return Hint(points=(*hint.points, point), negative=hint.negative, before=answer.source)
    return Hint(points=hint.points, negative=(*hint.negative, point), before=answer.source)


def measure(segmenter: Segmenter, picture: Picture, wanted: Sequence[str] = PROMPTS) -> dict[str, list[float]]:
    """IoU of every object of a picture, per prompt."""
    rng = np.random.default_rng((SEED, zlib.crc32(picture.id.encode())))
    found = regions_of(as_objects(picture.labels))
    if not found:
        return {}
    scene = segmenter.encode(picture.pixels)
    tight = [Hint(box=t.bbox_xyxy) for t in found]
    out: dict[str, list[float]] = {"box": _first(segmenter, scene, found, tight)}
    moves = rng.integers(0, 3, (len(found), 4)) * np.array([-1, -1, 1, 1])
    height, width = picture.labels.shape
    loose = np.clip(np.array([t.bbox_xyxy for t in found]) + moves, 0, (width, height) * 2).tolist()
    out["box_dilated"] = _first(segmenter, scene, found, [Hint(box=tuple(box)) for box in loose])
    if set(wanted) <= {"box", "box_dilated"}:
        return out
    hints = []
    for target in found:
        mask, (x0, y0) = target.crop()
        x, y = centre(mask)
        hints.append(Hint(points=((x + x0, y + y0),)))
    three = segmenter.segment(scene, hints, 3)
    pairs = zip(found, three, strict=True)
    out["point_best_of_3"] = [max(iou(t, a.region) for a in answers) for t, answers in pairs]
    if picture.name == "sem_fibre":
        out["point_whole"] = [iou(t, _whole(answers).region) for t, answers in zip(found, three, strict=True)]
    answers = [group[0] for group in segmenter.segment(scene, hints, 1)]
    out["point"] = [iou(t, a.region) for t, a in zip(found, answers, strict=True)]
    for _ in range(2):
        hints = [correct(h, t, a) for h, t, a in zip(hints, found, answers, strict=True)]
        answers = [group[0] for group in segmenter.segment(scene, hints, 1)]
    out["clicks_3"] = [iou(t, a.region) for t, a in zip(found, answers, strict=True)]
    return out


def _first(segmenter: Segmenter, scene: Any, found: Sequence[Region], hints: Sequence[Hint]) -> list[float]:
    answers = segmenter.segment(scene, hints, 1)
    return [iou(t, group[0].region) for t, group in zip(found, answers, strict=True)]


def _whole(answers: Sequence[Answer]) -> Answer:
    likely = [a for a in answers if (a.region.score or 0) >= WHOLE_LEAST_SCORE] or list(answers[:1])
    return max(likely, key=lambda a: a.region.area)


def rows_of(results: Sequence[tuple[Picture, dict[str, list[float]]]]) -> list[dict[str, Any]]:
    """Summarise: one row per set, modality and prompt, and one per set and prompt with modality "all"."""
    groups: dict[tuple[str, str, str], list[list[float]]] = defaultdict(list)
    for picture, by_prompt in results:
        for prompt, values in by_prompt.items():
            groups[picture.name, picture.modality, prompt].append(values)
            groups[picture.name, "all", prompt].append(values)
    rows = []
    for (name, modality, prompt), images in groups.items():
        values = np.concatenate(images)
        rows.append(
            {
                "set": name,
                "modality": modality,
                "prompt": prompt,
                "objects": int(values.size),
                "mean_iou": round(float(values.mean()), 4),
                "mean_iou_images": round(float(np.mean([np.mean(v) for v in images])), 4),
                "at_50": round(float((values >= 0.5).mean()), 4),
                "at_75": round(float((values >= 0.75).mean()), 4),
            }
        )
    sets = {"nuclei": 0, "sem_axon": 1, "sem_fibre": 2}
    return sorted(
        rows, key=lambda r: (sets[r["set"]], r["modality"] != "all", r["modality"], PROMPTS.index(r["prompt"]))
    )


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Lay rows out for reading."""
    heads = ("set", "modality", "prompt", "objects", "mean_iou", "mean_iou_images", "at_50", "at_75")
    cells = [heads] + [
        tuple(f"{row[h]:.3f}" if isinstance(row[h], float) else str(row[h]) for h in heads) for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    lines = []
    for line in cells:
        texts = [
            text.ljust(w) if i < 3 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(texts))
    return "\n".join(lines)


@contextmanager
def _segmenter(weights: Path | None, *, direct: bool) -> Iterator[Segmenter]:
    if direct:
        if weights is None:
            from samj_bridge.models import find_model

            weights = weights_file(find_model("starter"))
        yield DirectSegmenter(weights)
        return
    from samj_bridge import Session

    with Session("starter") as session:
        yield SessionSegmenter(session)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.starter_accuracy", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with dsb2018/ or sem_axon/ or both")
    parser.add_argument("--split", default="val")
    parser.add_argument("--json", action="store_true", help='print {"rows": [...]} and nothing else')
    parser.add_argument(
        "--direct", action="store_true", help="drive the network without a worker; needs torch here"
    )
    parser.add_argument("--weights", type=Path, help="other weights, with --direct")
    parser.add_argument("--every", type=int, default=1, help="measure every n-th image only, for a quick look")
    parser.add_argument("--set", action="append", help="only this set; may be repeated")
    given = parser.parse_args(arguments)
    chosen = [p for p in pictures(given.data, given.split) if not given.set or p.name in given.set]
    results = []
    with _segmenter(given.weights, direct=given.direct) as segmenter:
        for number, picture in enumerate(chosen):
            if number % given.every == 0 or picture.name != "nuclei":
                results.append((picture, measure(segmenter, picture)))
                print(f"{len(results)} {picture.name} {picture.id}", file=sys.stderr)
    rows = rows_of(results)
    print(json.dumps({"rows": rows}, indent=1) if given.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
