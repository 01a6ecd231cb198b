"""How fast image files are read, beside the libraries alone, and what one plane of a long movie costs.

::

    python -m benchmarks.reading

Each way runs in a process of its own, several times, the best of them counts: files are in the system's cache,
imports are not counted. Times are those of the processor, all threads together, so that a busy machine does not
spoil the ratios. The memory is the growth of the process's peak.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile

_TIMED = """
import resource, sys, time
path, plane = sys.argv[1], int(sys.argv[2])
{imports}
import numpy, tifffile, imagecodecs, PIL.Image
import samj_bridge.reading.tiff
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
times, before = [], peak()
for _ in range({repeats}):
    start = time.process_time()
    pixels = {call}
    times.append(1e3 * (time.process_time() - start))
    del pixels
print(min(times), peak() - before)
"""
_OURS = (
    "from samj_bridge.reading import read_image",
    "read_image(path, plane=plane if plane >= 0 else None).pixels",
)
_TIFFFILE = ("from tifffile import imread", "imread(path, key=max(plane, 0))")
_PILLOW = ("from PIL import Image", "numpy.asarray(Image.open(path))")


def measure(way: tuple[str, str], path: Path, plane: int = -1, repeats: int = 5) -> tuple[float, float]:
    """Return the best time in milliseconds and the memory in MB."""
    imports, call = way
    program = _TIMED.format(imports=imports, call=call, repeats=repeats)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(plane)], capture_output=True, text=True, check=True
    )
    time_ms, memory = done.stdout.split()
    return float(time_ms), float(memory)


def cells(size: int) -> np.ndarray:
    """Return a picture that compresses as a camera's does: smooth, with noise in the low bits."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    picture = 2_000 + 1_500 * np.sin(x / 37) * np.sin(y / 23) + rng.normal(0, 20, (size, size))
    return picture.astype(np.uint16)


def one_picture(folder: Path) -> None:
    path = folder / "large.tif"
    for name, options in (("", {}), (", predictor", {"predictor": 2}), (", tiles", {"tile": (256, 256)})):
        tifffile.imwrite(path, cells(4096), compression="lzw", metadata=None, **options)
        ours, theirs, pillow = (measure(way, path, repeats=3)[0] for way in (_OURS, _TIFFFILE, _PILLOW))
        print(
            f"4096 x 4096, 16 bits, LZW{name}: {ours:.0f} ms; tifffile with imagecodecs {theirs:.0f} ms "
            f"({ours / theirs:.2f} times), Pillow {pillow:.0f} ms ({ours / pillow:.2f} times)"
        )


def one_plane(folder: Path, size: int) -> None:
    plane = cells(size)
    path = folder / "movie.tif"
    kinds = {
        "ImageJ": {"imagej": True, "metadata": {"axes": "TYX"}},
        "OME": {"ome": True, "metadata": {"axes": "TYX"}},
        "pages": {"metadata": None},
        "pages, LZW": {"metadata": None, "compression": "lzw"},
        "tifffile": {},
    }
    for name, options in kinds.items():
        head = {key: options.pop(key) for key in ("imagej", "ome") if key in options}
        with tifffile.TiffWriter(path, **head) as writer:
            shape = {} if name.startswith("pages") else {"shape": (800, size, size), "dtype": np.uint16}
            if shape:
                writer.write(iter([plane] * 800), **shape, photometric="minisblack", **options)
            else:
                for _page in range(800):
                    writer.write(plane, photometric="minisblack", **options)
        for at in (0, 400):
            ours, memory = measure(_OURS, path, at, repeats=40)
            theirs, _memory = measure(_TIFFFILE, path, at, repeats=40)
            print(
                f"plane {at} of 800, {size} x {size}, 16 bits, {name}: {ours:.1f} ms and {memory:.1f} MB; "
                f"tifffile's imread(key={at}) {theirs:.1f} ms ({ours / theirs:.2f} times)"
            )
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the files are written; 420 MB")
    parser.add_argument("--size", type=int, default=512, help="pixels along each side of the movie's planes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        one_picture(Path(folder))
        one_plane(Path(folder), given.size)


if __name__ == "__main__":
    main()
