"""The same questions, put to an earlier version: in processes of their own, with that version's code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.everything.__main__ import ap50
from benchmarks.large.rows import Row
from samj_bridge import Region

if TYPE_CHECKING:
    from benchmarks.large.mosaics import Mosaics

__all__ = ["against_rows", "asked"]

_ROOT = Path(__file__).resolve().parents[2]
_SIDE = 4096
"""Side of what is searched for everything: the earlier version has it as one image."""


def asked(path: Path, checkout: Path | None = None, out: Path | None = None) -> dict[str, float]:
    """Ask one box of an image, or with `out` for everything; by the code of another checkout, if one is named."""
    code = _ROOT if checkout is None else checkout
    command = [sys.executable, str(Path(__file__).with_name("ask.py")), str(path)]
    done = subprocess.run(
        command if out is None else [*command, str(out)],
        env={**os.environ, "PYTHONPATH": str(code.resolve())},
        capture_output=True,
        text=True,
        check=False,
        cwd=path.parent,
    )
    if done.returncode:
        words = f"Asking {code} failed:\n{done.stderr}"
        raise SystemExit(words)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def against_rows(there: Mosaics, named: str) -> Iterator[Row]:
    """Compare the first prompt at 10,000, and everything: the earlier version's processor time beside ours."""
    with _checkout(named, there.folder) as checkout:
        ours, theirs = asked(there.middle), asked(there.middle, checkout)
        times = theirs["cpu_s"] / ours["cpu_s"]
        note = f"{theirs['cpu_s']:.1f} and {ours['cpu_s']:.2f} s; {theirs['worker_mb']:.0f} MB in its worker"
        yield Row(
            "first prompt at 10,000: processor time of the earlier build", times, "x", ">= 50", times >= 50, note
        )

        part, labels = there.folder / "part.npy", np.load(there.labels, mmap_mode="r")[:_SIDE, :_SIDE]
        np.save(part, np.load(there.middle, mmap_mode="r")[:_SIDE, :_SIDE])
        figures, scores = [], []
        for code in (checkout, None):
            out = there.folder / "found.npz"
            figures.append(asked(part, code, out))
            scores.append(ap50(labels, _regions(out))[0])
        times, apart = figures[0]["cpu_s"] / figures[1]["cpu_s"], scores[0] - scores[1]
        note = ", ".join(f"{one['cpu_s'] / (_SIDE**2 / 1e6):.2f} s" for one in figures) + " for a megapixel"
        what = f"everything on {_SIDE:,}: processor time of the earlier build"
        yield Row(what, times, "x", ">= 3", times >= 3, note)
        note = f"{scores[0]:.3f} and {scores[1]:.3f}"
        yield Row("AP50 of the earlier build less ours on the same", apart, "", "<= .01", apart <= 0.01, note)


@contextmanager
def _checkout(named: str, folder: Path) -> Iterator[Path]:
    if (Path(named) / "samj_bridge").is_dir():
        yield Path(named)
        return
    command = ["git", "-C", str(_ROOT), "archive", f"{named}^{{commit}}"]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory(dir=folder) as sources:
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(sources, filter="data")
        yield Path(sources)


def _regions(path: Path) -> Iterator[Region]:
    with np.load(path) as file:
        corners, lengths, counts = file["corners"], file["rings"], file["objects"]
    rings = np.split(corners, np.cumsum(lengths)[:-1])
    for last, count in zip(np.cumsum(counts).tolist(), counts.tolist(), strict=True):
        yield Region(tuple(rings[last - count : last]), shape=(_SIDE, _SIDE))
