"""ROIs of every kind, made at random in a real ImageJ, and what ImageJ says of the file that it wrote of them.

``python tests/fiji/roi_maker.py --seconds 3600`` compares as long as it is told to; the test does it for a while.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jpype
import numpy as np
from numpy.typing import NDArray

from samj_bridge.export.roi_file import RoiFile, parse_roi
from samj_bridge.export.roi_kinds import NoArea, bounds_of, rings_of
from samj_bridge.fiji import from_roi, java_class, start_imagej
from samj_bridge.geometry.region import Region

AREAS = [
    "polygon", "sub-pixel polygon", "rectangle", "sub-pixel rectangle", "oval", "sub-pixel oval", "round rectangle",
    "ellipse", "rotated rectangle", "composite", "curves",
]  # fmt: skip
OTHERS = ["line", "arrow", "polyline", "freehand line", "angle", "points", "text", "pasted image"]
NAMES = ["", "cell 1", "noyau é 漢 🔬", "0002-0050-0140", 'a "b" \\c', "x" * 300]
CLASSES = ["", "axon", "axon é", "漢", 'a "b"', "a: b = c #!"]


class Maker:
    """Makes ROIs; equal seeds, equal ROIs."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def roi(self, kind: str) -> Any:
        """Return a ROI of a kind, with what a user may have given it."""
        roi = self._shape(kind, self._vertices())
        rng = self.rng
        if rng.random() < 0.8:
            roi.setName(str(rng.choice(NAMES)))
        place = rng.integers(4)
        if place == 1:
            roi.setPosition(int(rng.integers(0, 1000)))
        elif place == 2:
            roi.setPosition(*(int(one) for one in rng.integers(0, 100_000, 3)))
        if rng.random() < 0.1:
            roi.setGroup(int(rng.integers(0, 256)))
        if rng.random() < 0.5:
            roi.setStrokeWidth(float(rng.integers(0, 9)))
        if rng.random() < 0.5:
            roi.setProperty("class", str(rng.choice(CLASSES)))
            roi.setProperty("score", str(float(rng.random())))
        return roi

    def _vertices(self) -> NDArray[np.float64]:
        rng = self.rng
        size = rng.choice([3, 10, 40, 150])
        vertices = rng.uniform(0, size, (int(rng.integers(3, 14)), 2))
        steps = rng.choice([0, 1, 1, 2, 4])
        if steps:
            vertices = np.round(vertices * steps) / steps
        return vertices + rng.choice([0, 0, 0, -40, -4000, 1000, 32_700, 40_000, 60_500, 65_530, 100_000], 2)

    def _shape(self, kind: str, v: NDArray[np.float64]) -> Any:
        (x, y), far = v[0], jpype.JDouble(v[1, 0])
        w, h = (float(one) for one in np.abs(v[1] - v[0]) + 0.5)
        place, whole = (jpype.JDouble(x), jpype.JDouble(y)), (int(x), int(y))
        if kind in {"composite", "curves"}:
            return self._composite(v) if kind == "composite" else self._curves(v)
        if kind.endswith(("rectangle", "oval", "text", "image", "ellipse")):
            size = (jpype.JDouble(w), jpype.JDouble(h))
            makers = {
                "rectangle": lambda: _gui("Roi")(*whole, int(w + 1), int(h + 1)),
                "sub-pixel rectangle": lambda: _gui("Roi")(*place, *size),
                "oval": lambda: _gui("OvalRoi")(*whole, int(w + 1), int(h + 1)),
                "sub-pixel oval": lambda: _gui("OvalRoi")(*place, *size),
                "round rectangle": lambda: _gui("Roi")(*whole, int(w + 1), int(h + 1), int(self.rng.integers(1,
                60))), "ellipse": lambda: _gui("EllipseRoi")(*place, far, jpype.JDouble(v[1, 1]),
                self._ratio()), "rotated rectangle": lambda: _gui("RotatedRectRoi")(*place, far,
                jpype.JDouble(v[1, 1] + 1), self._width()), "text": lambda: _gui("TextRoi")(*whole, "a text"),
                "pasted image": lambda: _gui("ImageRoi")(*whole, java_class("ij.process.ByteProcessor")(7, 5)),
            }  # fmt: skip
            return makers[kind]()
        if kind in {"line", "arrow"}:
            return _gui("Line" if kind == "line" else "Arrow")(*place, far, jpype.JDouble(v[1, 1]))
        return self._polygon(kind, v)

    def _ratio(self) -> Any:
        return jpype.JDouble(self.rng.uniform(0, 1.1))

    def _width(self) -> Any:
        return jpype.JDouble(self.rng.uniform(0.1, 80))

    def _polygon(self, kind: str, v: NDArray[np.float64]) -> Any:
        roi = _gui("Roi")
        if kind == "points":
            points = _gui("PointRoi")(_floats(v[:, 0]), _floats(v[:, 1]), len(v))
            if self.rng.random() < 0.5:
                counters = [int(one) for one in self.rng.integers(0, 500, len(v)) * 256]
                points.setCounters(jpype.JArray(jpype.JInt)(counters))
            return points
        lines = {"polyline": roi.POLYLINE, "freehand line": roi.FREELINE, "angle": roi.ANGLE}
        if kind in lines:
            v = v[:3]
            return _gui("PolygonRoi")(_floats(v[:, 0]), _floats(v[:, 1]), len(v), lines[kind])
        if kind == "sub-pixel polygon":
            how = int(self.rng.choice([roi.POLYGON, roi.FREEROI]))
            return _gui("PolygonRoi")(_floats(v[:, 0]), _floats(v[:, 1]), len(v), how)
        how = int(self.rng.choice([roi.POLYGON, roi.FREEROI, roi.TRACED_ROI]))
        whole = [jpype.JArray(jpype.JInt)(np.round(v[:, axis]).astype(np.int32)) for axis in (0, 1)]
        return _gui("PolygonRoi")(*whole, len(v), how)

    def _composite(self, v: NDArray[np.float64]) -> Any:
        roi = self._part(v)
        for _ in range(int(self.rng.integers(1, 4))):
            other = v[0] + self.rng.permutation(v - v[0]) + np.round(self.rng.uniform(-5, 5, 2))
            roi = (roi.xor, getattr(roi, "or_", roi.xor), getattr(roi, "not_", roi.xor))[self.rng.integers(3)](
                self._part(other)
            )
        return roi

    def _part(self, v: NDArray[np.float64]) -> Any:
        kinds = [kind for kind in AREAS if kind not in {"composite", "curves"}]
        return _gui("ShapeRoi")(self._shape(str(self.rng.choice(kinds)), v))

    def _curves(self, v: NDArray[np.float64]) -> Any:
        numbers: list[float] = [0, *v[0]]
        spread = np.ptp(v, axis=0).max() + 1
        for _ in range(int(self.rng.integers(1, 5))):
            kind = int(self.rng.integers(1, 4))
            numbers += [kind, *(v[0] + self.rng.uniform(0, spread, (kind, 2))).ravel()]
            if self.rng.random() < 0.2:
                numbers += [4, 0, *(v[0] + self.rng.uniform(0, spread, 2))]
        if self.rng.random() < 0.8:
            numbers.append(4)
        return _gui("ShapeRoi")(_floats(np.array(numbers)))


def _gui(name: str) -> Any:
    return java_class(f"ij.gui.{name}")


def _floats(numbers: NDArray[np.float64]) -> Any:
    return jpype.JArray(jpype.JFloat)(np.ascontiguousarray(numbers, np.float32))


def saved(roi: Any) -> bytes:
    """Return the file that ImageJ writes of a ROI."""
    return np.asarray(java_class("ij.io.RoiEncoder").saveAsByteArray(roi)).astype(np.int8).tobytes()


def opened(data: bytes) -> Any:
    """Return the ROI that ImageJ reads."""
    return java_class("ij.io.RoiDecoder")(jpype.JArray(jpype.JByte)(np.frombuffer(data, np.int8)), "x.roi").getRoi()


def differences(data: bytes) -> list[str]:
    """Return in what our reading of a ROI file differs from ImageJ's own."""
    ours = parse_roi(data, "x.roi")
    theirs = opened(data)
    if theirs is None:
        return [] if ours.kind == "nothing" else ["a ROI that ImageJ does not see"]
    # ImageJ forgets the name of a pasted image.
    wrong = [] if ours.name == str(theirs.getName()) or ours.kind == "pasted image" else ["name"]
    if ours.kind == "point":
        wrong += _points(ours, theirs)
    else:
        position = (int(theirs.getCPosition()), int(theirs.getZPosition()), int(theirs.getTPosition()))
        wrong += [] if ((0, ours.index, 0) if ours.index else ours.position) == position else ["position"]
    wrong += [] if ours.group == int(theirs.getGroup()) else ["group"]
    wrong += _pixels(ours, theirs)
    return wrong


def _points(ours: RoiFile, theirs: Any) -> list[str]:
    places = theirs.getFloatPolygon()
    there = np.stack([np.array(axis[: places.npoints]) for axis in (places.xpoints, places.ypoints)], axis=1)
    wrong = [] if np.allclose(ours.vertices, there, rtol=1e-6) else ["points"]
    indices = [int(theirs.getPointPosition(number)) for number in range(len(there))]
    own = [ours.index] * len(there) if ours.point_indices is None else ours.point_indices.tolist()
    return wrong if own == indices or ours.position != (0, 0, 0) else [*wrong, "points' planes"]


def _pixels(ours: RoiFile, theirs: Any) -> list[str]:
    text = isinstance(theirs, (_gui("TextRoi"), _gui("ImageRoi")))
    try:
        region = Region(rings_of(ours))
    except NoArea:
        region = Region(())
    except ValueError as error:
        refused[str(error).translate({ord(digit): None for digit in "0123456789"})] += 1
        return []
    if text or not bool(theirs.isArea()):
        return [] if region.is_empty else ["an area that is none"]
    expected = from_roi(theirs)
    if not region.is_empty:
        bounds = theirs.getBounds()
        box = (int(bounds.x), int(bounds.y), int(bounds.x + bounds.width), int(bounds.y + bounds.height))
        if bounds_of(ours) != box:
            return ["bounds"]
    pairs = zip(region.rings, expected.rings, strict=False)
    same = len(region.rings) == len(expected.rings) and all(np.array_equal(one, other) for one, other in pairs)
    return [] if same else ["pixels"]


refused: Counter[str] = Counter()
"""What was refused in words, without numbers."""


def compare(seed: int, seconds: float, rounds: int = 10**9) -> tuple[int, dict[str, list[bytes]]]:
    """Make ROIs of each kind, `rounds` times or while there is time; return how many, and the files that differ."""
    maker, done, wrong = Maker(seed), 0, dict[str, list[bytes]]()
    end = time.monotonic() + seconds
    while time.monotonic() < end and rounds > 0:
        rounds -= 1
        for kind in AREAS + OTHERS:
            roi = maker.roi(kind)
            try:
                data = saved(roi)
            except jpype.JException:
                # ImageJ 1.54p's own encoder fails on a set of points now and then: no file, nothing to compare.
                if kind != "points":
                    raise
                refused["by ImageJ's encoder"] += 1
                continue
            for difference in differences(data):
                wrong.setdefault(f"{kind}: {difference}", []).append(data)
            done += 1
    return done, wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, default=Path("roi-differences"), help="folder for files that differ")
    options = parser.parse_args()
    start_imagej(headless=True)
    done, wrong = compare(options.seed, options.seconds)
    counts = {what: len(files) for what, files in wrong.items()}
    print(json.dumps({"seed": options.seed, "compared": done, "refused": refused, "different": counts}))
    for what, files in wrong.items():
        options.keep.mkdir(exist_ok=True)
        (options.keep / f"{what.replace(': ', '-').replace(' ', '_')}.roi").write_bytes(files[0])
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
