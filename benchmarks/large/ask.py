"""Asks one box of a large image, or for everything, in a process of its own: ``python ask.py IMAGE.npy [OUT]``.

Its memory is measured, or it runs the code of an earlier checkout. So it needs nothing but what that has, too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from samj_bridge import Prompt, Session, Settings

__all__ = ["ask", "ask_everything", "cpu_of", "opened", "peak_mb"]


def ask(image: Any) -> dict[str, float]:
    """Ask one box in the middle of an image; returns processor seconds and peak memory of both processes."""
    with opened() as session:
        pid = int(session.stats()["pid"])
        began, host = cpu_of(pid), time.process_time()
        scene = session.encode(image)
        side = image.shape[0]
        scene.segment(Prompt(box=(side // 2, side // 2, side // 2 + 40, side // 2 + 40)))
        figures = {"cpu_s": cpu_of(pid) - began + time.process_time() - host}
        return figures | {"host_mb": peak_mb(os.getpid()), "worker_mb": peak_mb(pid)}


def ask_everything(image: Any, out: Path) -> dict[str, float]:
    """Search for everything, and write the outlines: all corners, corners a ring, rings an object."""
    with opened() as session:
        pid = int(session.stats()["pid"])
        began, host = cpu_of(pid), time.process_time()
        found = session.encode(image).everything()
        figures = {"cpu_s": cpu_of(pid) - began + time.process_time() - host}
        rings = [ring for region in found for ring in region.rings]
        np.savez(
            out,
            corners=np.concatenate(rings),
            rings=[len(ring) for ring in rings],
            objects=[len(region.rings) for region in found],
        )
        return figures | {"host_mb": peak_mb(os.getpid()), "worker_mb": peak_mb(pid)}


@contextmanager
def opened() -> Iterator[Session]:
    # Nothing is kept from one run to the next, and nothing is encoded that is not asked for.
    os.environ.update(SAMJ_ENCODINGS_DISK_BYTES="0", SAMJ_AHEAD="0")
    known = Settings.__dataclass_fields__
    if "ahead" not in known:
        os.environ.pop("SAMJ_AHEAD")
    python = os.environ.get("SAMJ_BENCHMARK_PYTHON")
    with Session("starter", device="cpu", **({"python": Path(python)} if python else {})) as session:
        # The first image pays for what networks make ready once.
        blank = np.random.default_rng(0).integers(0, 255, (1024, 1024), np.uint8)
        session.encode(blank).segment(Prompt(box=(500, 500, 540, 540)))
        yield session


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    pixels = np.load(sys.argv[1], mmap_mode="r")
    print(json.dumps(ask_everything(pixels, Path(sys.argv[2])) if len(sys.argv) > 2 else ask(pixels)))
