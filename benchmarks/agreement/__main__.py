"""Our measures beside StarDist's matching and Cellpose's metrics: where these two agree, ours must agree with them.

::

    pip install --target OTHERS --no-deps stardist cellpose numba llvmlite tqdm csbdeep
    python -m benchmarks.agreement OTHERS

Only the two files with the measures are loaded, without torch. Exits with 1 where both agree and ours differs. What
differs by less than a millionth is equal: Cellpose computes in single precision. At the end, the time for 2,000
objects in 2,048 x 2,048 at ten thresholds.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.evaluate import THRESHOLDS, match

Labels = NDArray[np.int32]
EXACT = [step / 20 for step in range(10, 20)]


def main() -> None:
    stardist, cellpose = load(Path(sys.argv[1]))
    wrong = 0
    print(f"{'labels':<42}{'ours':>9}{'StarDist':>10}{'Cellpose':>10}   (mean over .5 to .95)")
    for name, true, found in cases():
        ours = [one.accuracy for one in match(true, found, THRESHOLDS)]
        theirs = [attempt(measure, true, found) for measure in (stardist, cellpose)]
        agree = all(isinstance(one, list) for one in theirs) and np.allclose(*theirs, rtol=0, atol=1e-6)
        same = agree and np.allclose(ours, theirs[0], rtol=0, atol=1e-6)
        wrong += agree and not same
        told = [f"{np.mean(one):.4f}" if isinstance(one, list) else one for one in (ours, *theirs)]
        verdict = "" if same else "OURS DIFFERS" if agree else "they differ"
        print(f"{name:<42}{told[0]:>9}{told[1]:>10}{told[2]:>10}   {verdict}")
    times(stardist, cellpose)
    sys.exit(1 if wrong else 0)


def load(folder: Path) -> tuple[Callable[..., list[float]], Callable[..., list[float]]]:
    """Return their accuracies at our thresholds as functions of true and found labels."""
    # At the end: what they share with us is ours.
    sys.path.append(str(folder))
    csbdeep, utils = types.ModuleType("csbdeep"), types.ModuleType("csbdeep.utils")

    def _raise(error: Exception) -> None:
        raise error

    vars(utils)["_raise"] = _raise
    sys.modules |= {"csbdeep": csbdeep, "csbdeep.utils": utils}
    package = types.ModuleType("cellpose")
    package.__path__ = [str(folder / "cellpose")]
    package.utils = types.ModuleType("cellpose.utils")  # type: ignore[attr-defined]
    sys.modules |= {"cellpose": package, "cellpose.utils": package.utils}  # type: ignore[attr-defined]
    matching = _module("their_matching", folder / "stardist" / "matching.py")
    metrics = _module("cellpose.metrics", folder / "cellpose" / "metrics.py")

    def by_stardist(true: Labels, found: Labels) -> list[float]:
        return [one.accuracy for one in matching.matching(true, found, thresh=EXACT)]

    def by_cellpose(true: Labels, found: Labels) -> list[float]:
        return [float(value) for value in metrics.average_precision(true, found, threshold=EXACT)[0]]

    return by_stardist, by_cellpose


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def attempt(measure: Callable[..., list[float]], true: Labels, found: Labels) -> list[float] | str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return measure(true.copy(), found.copy())
    except Exception as error:  # noqa: BLE001 - whatever they make of such labels is told
        return type(error).__name__[:9]


def cases() -> Iterator[tuple[str, Labels, Labels]]:
    chance = np.random.default_rng(3)
    nothing = np.zeros((60, 60), np.int32)
    squares = grid(60, 12)
    yield "both empty", nothing, nothing
    yield "nothing found", squares, nothing
    yield "nothing there", nothing, squares
    yield "equal", squares, squares
    yield "gaps in the numbering", squares * 7, squares * 3
    yield "no background", squares + 1, squares + 1
    pieces = squares.copy()
    pieces[pieces == 2] = 1
    yield "one label in two pieces", pieces, squares
    for over, of in ((1, 2), (11, 20), (3, 5), (13, 20), (7, 10), (3, 4), (4, 5), (17, 20), (9, 10), (19, 20)):
        one, part = np.zeros((1, 40), np.int32), np.zeros((1, 40), np.int32)
        one[0, :of], part[0, :over] = 1, 1
        yield f"an IoU of exactly {over}/{of}", one, part
    for number in range(20):
        true = grid(400, int(chance.integers(9, 30)))
        yield f"moved and cut at random, {number}", true, disturbed(true, chance)


def grid(side: int, step: int) -> Labels:
    """Return squares with a gap of a quarter between them."""
    y, x = np.mgrid[:side, :side]
    across = -(-side // step)
    inside = (y % step < 3 * step // 4) & (x % step < 3 * step // 4)
    return np.where(inside, (y // step) * across + x // step + 1, 0).astype(np.int32)


def disturbed(labels: Labels, chance: np.random.Generator) -> Labels:
    """Return labels of which some are gone, and the others are moved by some pixels."""
    moved = np.roll(labels, chance.integers(-3, 4, 2), (0, 1))
    gone = chance.random(moved.max() + 1) < 0.2
    moved[gone[moved]] = 0
    rows = chance.random(moved.shape) < 0.05
    moved[rows] = 0
    numbers = np.cumsum(np.bincount(moved.ravel(), minlength=moved.max() + 1) > 0) - 1
    return numbers[moved].astype(np.int32)


def times(stardist: Callable[..., list[float]], cellpose: Callable[..., list[float]]) -> None:
    true = grid(2048, 45)
    found = disturbed(true, np.random.default_rng(5))

    def ours(one: Labels, other: Labels) -> list[float]:
        return [at.accuracy for at in match(one, other, THRESHOLDS)]

    spent = {"ours": [], "StarDist": [], "Cellpose": []}  # type: dict[str, list[float]]
    for _ in range(4):
        for name, measure in (("ours", ours), ("StarDist", stardist), ("Cellpose", cellpose)):
            begun = time.process_time()
            measure(true, found)
            spent[name].append(time.process_time() - begun)
    # The first time compiles.
    best = {name: min(runs[1:]) for name, runs in spent.items()}
    told = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in best.items())
    print(f"{true.max()} objects in 2,048 x 2,048, processor time: {told}; ", end="")
    print(f"ours takes {best['ours'] / best['StarDist']:.2f} of StarDist's (target .5)")


if __name__ == "__main__":
    main()
