"""TIFFs of every kind that tifffile can write, read by us and by a real ImageJ: the same pixels, or a refusal.

``python tests/fuzz_tiff.py --minutes 60`` looks for longer than the suite does; it prints the seeds that differ,
and ``--seed N`` tries one of them alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from samj_bridge.errors import FileError, SamjError
from samj_bridge.reading import Description, Taken, describe_image, read_image

COMPRESSIONS = (None, None, None, "lzw", "lzw", "deflate", "adobe_deflate", "packbits", "zstd", "lzma", "jpeg")
DTYPES = (*["u1", "u2", "i2", "f4", "?", "i4"] * 3, "i1", "u4", "f8", "f2", "u8", "i8")


@dataclass
class Recipe:
    """A file's making."""

    seed: int
    data: NDArray[Any] = field(repr=False)
    """Planes as written: outer axes, Y, X and perhaps samples."""
    axes: str
    """Letters of the outer axes; pages without a word are ``Q``."""
    flavour: str
    options: dict[str, Any]
    thumbnail: str = ""

    @property
    def samples(self) -> int:
        return int(self.options.get("samples", 1))

    def __str__(self) -> str:
        options = {key: value for key, value in self.options.items() if key not in {"colormap", "metadata"}}
        words = f"{self.flavour} {self.axes} {self.data.shape} {self.data.dtype}"
        return f"seed {self.seed}: {words} {options} {self.thumbnail}"


def recipe_of(seed: int) -> Recipe:
    """Return the recipe of a number."""
    rng = np.random.default_rng(seed)
    pick = lambda items: items[int(rng.integers(len(items)))]  # noqa: E731
    flavour = pick(("plain", "plain", "plain", "shaped", "appended", "imagej", "imagej", "ome"))
    dtype = np.dtype(pick(("u1", "u1", "u2", "f4") if flavour == "imagej" else DTYPES))
    compression = pick(COMPRESSIONS)
    samples = pick((1, 1, 1, 1, 2, 3, 3, 4, 5))
    if flavour == "imagej":
        samples = pick((1, 1, 1, 3)) if dtype == "u1" else 1
    if compression == "jpeg":
        dtype, samples = np.dtype("u1"), pick((1, 3))
    if dtype == "?":
        samples = 1
    size = (int(rng.integers(2, 40)), int(rng.integers(2, 40)))  # tifffile drops axes of one
    options: dict[str, Any] = {"compression": compression, "byteorder": pick(("<", ">"))}
    options["photometric"] = _photometric(pick, dtype, samples, flavour, compression)
    if options["photometric"] == "separated":
        samples = 4
    if options["photometric"] == "palette":
        options["colormap"] = _table(rng, pick, 2 ** (8 * dtype.itemsize))
    if samples > 1:
        options["samples"] = samples
        options["planarconfig"] = pick(("contig", "contig", "separate")) if flavour != "imagej" else "contig"
        if compression == "jpeg":
            options["planarconfig"] = "contig"
    if compression in {"lzw", "deflate", "adobe_deflate", "zstd"} and dtype != "?":
        options["predictor"] = pick((None, None, 2 if dtype.kind in "iu" else 3))
    if rng.random() < 0.08:
        options["tile"] = (16, 16)
    elif rng.random() < 0.6:
        options["rowsperstrip"] = int(rng.integers(1, size[0] + 1))
    if flavour not in {"imagej"}:
        options["bigtiff"] = bool(rng.random() < 0.05)
    axes, counts = _outer(rng, pick, flavour)
    shape = (*counts, *size, *((samples,) if samples > 1 else ()))
    extra = ("reduced after", "reduced after", "other size", "reduced, as large", "as large")
    thumbnail = pick(("",) * 15 + extra) if flavour in {"plain", "shaped"} else ""
    return Recipe(seed, _pixels(rng, shape, dtype), axes, flavour, options, thumbnail)


def write(recipe: Recipe, folder: Path) -> Path:
    """Write a recipe's file."""
    options = {
        key: value for key, value in recipe.options.items() if key not in {"samples", "byteorder", "bigtiff"}
    }
    data = recipe.data
    if recipe.options.get("planarconfig") == "separate":
        data = np.moveaxis(data, -1, -3)
    path = folder / f"{recipe.seed}{'.ome' if recipe.flavour == 'ome' else ''}.tif"
    head = {"byteorder": recipe.options["byteorder"], "bigtiff": recipe.options.get("bigtiff", False)}
    if recipe.flavour == "imagej":
        del head["bigtiff"]
        samples = "S" if recipe.samples > 1 else ""
        tifffile.imwrite(path, data, imagej=True, metadata={"axes": f"{recipe.axes}YX{samples}"}, **head, **options)
    elif recipe.flavour == "ome":
        inner = {"contig": "YXS", "separate": "SYX"}.get(recipe.options.get("planarconfig", ""), "YX")
        tifffile.imwrite(path, data, ome=True, metadata={"axes": f"{recipe.axes}{inner}"}, **head, **options)
    elif recipe.flavour == "shaped":
        tifffile.imwrite(path, data, **head, **options)
    elif recipe.flavour == "appended":
        for plane in data.reshape(-1, *data.shape[len(recipe.axes) :]):
            more = {"append": True} if path.exists() else head
            tifffile.imwrite(path, plane, **more, **options)
    else:
        with tifffile.TiffWriter(path, **head) as writer:
            for plane in data.reshape(-1, *data.shape[len(recipe.axes) :]):
                writer.write(plane, metadata=None, **options)
    if recipe.thumbnail:
        with tifffile.TiffWriter(path, append=True) as writer:
            inner = recipe.data.shape[len(recipe.axes) :][:2]
            small = np.zeros(inner if "as large" in recipe.thumbnail else (5, 7), np.uint8)
            writer.write(small, subfiletype=int("reduced" in recipe.thumbnail), metadata=None)
    return path


@dataclass
class Outcome:
    """What came of one file."""

    kind: str
    """``same``, ``refused``, ``imagej does not open it``, ``known``, ``different`` or ``crash``."""
    what: str = ""


def compare(recipe: Recipe, path: Path) -> Outcome:
    """Read a file both ways."""
    try:
        description = describe_image(path)
        planes = _ours(recipe, path, description)
    except SamjError as error:
        return Outcome("refused", f"{error.message}")
    except Exception as error:
        return Outcome("crash", f"{type(error).__name__}: {error}")
    try:
        theirs = _theirs(path)
    except FileError as error:
        wrong = _against_written(recipe, planes)
        if wrong:
            return Outcome("different", f"not what was written: {wrong}")
        misread = error.message.partition(" holds: it ")[2]
        return Outcome("known", misread) if misread else Outcome("imagej does not open it")
    if recipe.thumbnail and len(theirs) < len(planes):
        # Pages of another size hide all but the first of a stack from ImageJ.
        planes = planes[: len(theirs)]
    wrong = _differs(planes, theirs)
    return Outcome("different", wrong) if wrong else Outcome("same")


def _ours(recipe: Recipe, path: Path, description: Description) -> list[NDArray[Any]]:
    """Return all planes, channel by channel, in the order of the file's pages."""
    series = next(item for item in description.series if not item.thumbnail)
    if recipe.thumbnail and series.axes == "I":
        # The page that was added may be one more plane.
        return [plane for number in range(series.planes) for plane in _channels(read_image(path, plane=number))]
    counts = dict(zip(recipe.axes, recipe.data.shape, strict=False))
    letters = [axis for axis in recipe.axes if counts[axis] > 1]
    planes = []
    for place in np.ndindex(*(counts[axis] for axis in letters)):
        at = dict(zip(letters, place, strict=True))
        if set(letters) <= set("TZC") and series.axes != "I" and "C" not in series.axes:
            where = {axis.lower(): at[axis] for axis in "TZ" if axis in at}
            taken = read_image(path, channels=at.get("C"), **where)
        else:
            number = 0
            for axis in letters:
                number = number * counts[axis] + at[axis]
            taken = read_image(path, plane=number if letters else None)
        planes += _channels(taken)
    return planes


def _channels(taken: Taken) -> list[NDArray[Any]]:
    if taken.pixels.ndim == 3 and not taken.rgb:
        return [taken.pixels[..., channel] for channel in range(taken.pixels.shape[2])]
    return [taken.pixels]


def _theirs(path: Path) -> list[NDArray[Any]]:
    from samj_bridge.fiji import open_image, pixels_of

    imp = open_image(path)
    planes = []
    for index in range(1, int(imp.getStackSize()) + 1):
        c, z, t = (int(value) for value in imp.convertIndexToPosition(index))
        planes.append(pixels_of(imp, c=c, z=z, t=t))
    if int(imp.getBitDepth()) == 16 and bool(imp.getLocalCalibration().isSigned16Bit()):
        planes = [plane.astype(np.int32) - 32_768 for plane in planes]
    imp.close()
    return planes


def _differs(ours: list[NDArray[Any]], theirs: list[NDArray[Any]]) -> str:
    if len(ours) != len(theirs):
        return f"{len(ours)} planes, ImageJ has {len(theirs)}"
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        mine, yours = one, other
        if mine.shape != yours.shape:
            return f"plane {number} is {mine.shape}, ImageJ's {yours.shape}"
        if yours.dtype == np.float32:
            mine = mine.astype(np.float32)
        if not np.array_equal(mine, yours, equal_nan=yours.dtype.kind == "f"):
            bad = int((mine != yours).sum())
            values = f"{mine.ravel()[:6]}, ImageJ {yours.ravel()[:6]}"
            return f"{bad} of {mine.size} numbers of plane {number} differ: {values}"
    return ""


def _against_written(recipe: Recipe, ours: list[NDArray[Any]]) -> str:
    """Compare with what was written, where the numbers themselves are shown."""
    if recipe.options["photometric"] not in {"minisblack", "rgb"} or recipe.options["compression"] == "jpeg":
        return ""
    if recipe.samples > 1 or recipe.data.dtype == np.bool_:
        return ""
    written = recipe.data.reshape(-1, *recipe.data.shape[len(recipe.axes) :])
    one_more = len(written) + ("as large" in recipe.thumbnail)
    if len(ours) not in {len(written), one_more}:
        return f"{len(ours)} planes of {len(written)}"
    same = all(np.array_equal(one, other, equal_nan=True) for one, other in zip(ours, written, strict=False))
    return "" if same else "other numbers"


def _photometric(pick: Any, dtype: Any, samples: int, flavour: str, compression: str | None) -> str:
    if compression == "jpeg":
        return "minisblack" if samples == 1 else pick(("rgb", "ycbcr"))
    if samples >= 3:
        return (
            "rgb"
            if flavour == "imagej"
            else pick(("rgb", "rgb", "minisblack", "separated" if dtype == "u1" else "rgb"))
        )
    if samples == 2:
        return "minisblack"
    if flavour == "imagej":
        return pick(("minisblack", "minisblack", "miniswhite"))
    choices = ["minisblack", "minisblack", "miniswhite"]
    if dtype == "u1":
        choices += ["palette"]
    return str(pick(choices))


def _table(rng: np.random.Generator, pick: Any, length: int) -> NDArray[np.uint16]:
    ramp = (np.arange(length) * 65_535 // (length - 1)).astype(np.uint16)
    zero = np.zeros_like(ramp)
    tables = [
        np.stack([ramp] * 3),
        np.stack([65_535 - ramp] * 3),
        np.stack([zero, ramp, zero]),
        rng.integers(0, 65_536, (3, length)).astype(np.uint16),
        np.stack([rng.permutation(ramp)] * 3),
        np.stack([np.minimum(ramp * 2.0, 65_535), np.clip(ramp * 2.0 - 65_535, 0, 65_535), ramp]).astype(np.uint16),
    ]
    return np.asarray(pick(tables), np.uint16)


def _outer(rng: np.random.Generator, pick: Any, flavour: str) -> tuple[str, tuple[int, ...]]:
    if flavour == "imagej":
        axes = pick(("", "", "T", "Z", "C", "TZ", "ZC", "TC", "TZC"))
    elif flavour == "ome":
        axes = pick(("", "", "T", "Z", "C", "TZ", "ZC", "CZ", "TZC", "CTZ"))
    else:
        axes = pick(("", "", "Q"))
    return axes, tuple(int(rng.integers(2, 4)) for _axis in axes)


def _pixels(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    if dtype == "?":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "f":
        return (rng.normal(0, 1000, shape)).astype(dtype)
    info = np.iinfo(dtype)
    low, high = (info.min, info.max) if dtype.itemsize < 4 else (max(info.min, -(2**40)), min(info.max, 2**40))
    return rng.integers(low, high, shape, endpoint=True, dtype=np.int64).astype(dtype)


def run(
    seeds: Any, folder: Path, until: float, say: Callable[[str], None] = lambda line: None
) -> tuple[Counter[str], list[str]]:
    """Try recipes until a time of `time.monotonic`; return how many came to what, and what must not be.

    What must not be is said at once too, so that a look for an hour can be watched.
    """
    counts: Counter[str] = Counter()
    bad: list[str] = []
    for seed in seeds:
        if time.monotonic() > until:
            break
        recipe = recipe_of(seed)
        try:
            path = write(recipe, folder)
        except Exception as error:
            counts[f"tifffile does not write it ({type(error).__name__})"] += 1
            continue
        outcome = compare(recipe, path)
        path.unlink()
        counts[outcome.kind] += 1
        if outcome.kind in {"refused", "known"}:
            counts[f"  {outcome.kind}: {outcome.what[:50].replace(path.name, 'it')}"] += 1
        unexpected = outcome.kind == "refused" and not recipe.thumbnail
        if outcome.kind in {"different", "crash"} or unexpected:
            bad.append(f"{recipe}: {outcome.kind}: {outcome.what}")
            say(bad[-1])
        if sum(counts.values()) % 5_000 == 0:
            say(f"seed {seed}: {len(bad)} differ so far")
    return counts, bad


def main() -> int:
    """Look for longer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--start", type=int, default=1_000_000, help="first seed")
    parser.add_argument("--seed", type=int, help="one seed alone")
    given = parser.parse_args()
    from samj_bridge.fiji import start_imagej

    start_imagej(headless=True)
    seeds: Any = range(given.start, given.start + 10**9) if given.seed is None else [given.seed]
    with tempfile.TemporaryDirectory() as folder:
        until = time.monotonic() + 60 * given.minutes
        counts, bad = run(seeds, Path(folder), until, say=lambda line: print(line, flush=True))
    for what, count in sorted(counts.items()):
        print(f"{count:7d} {what}")
    print(f"{len(bad)} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
