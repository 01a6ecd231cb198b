"""Memory that two processes have for themselves: pages of files are not counted, the system can take them back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.large.rows import Row

if TYPE_CHECKING:
    from benchmarks.large.mosaics import Mosaics
    from samj_bridge import Session

__all__ = ["Watch", "array_in_memory", "everything_rows"]

WHOLE_PX = 4096
"""Side of the part that is searched as one image as well."""


class Watch:
    """Notes the most that host and worker have together, whenever progress is told."""

    def __init__(self, session: Session) -> None:
        self.pids = (os.getpid(), int(session.stats()["pid"]))
        self.before = self.most = self.now()

    def now(self) -> float:
        """Return how many MB they have."""
        return sum(_anonymous_mb(pid) for pid in self.pids)

    def __call__(self, _event: Any = None) -> None:
        """Look now."""
        self.most = max(self.most, self.now())


def array_in_memory(there: Mosaics, session: Session) -> Iterator[Row]:
    """Measure what a prompt on an array of the largest size takes besides the array."""
    from samj_bridge import Prompt

    array = np.array(np.load(there.large, mmap_mode="r"))
    watch = Watch(session)
    with session.encode(array, progress=watch) as scene:
        watch()
        scene.segment(Prompt(box=(500, 500, 540, 540)), progress=watch)
        watch()
    grown, note = watch.most - watch.before, f"an array of {array.nbytes / 2**20:.0f} MB"
    yield Row(
        f"memory for a prompt on an array of {there.side:,} in memory", grown, "MB", "<= 150", grown <= 150, note
    )


def everything_rows(there: Mosaics) -> Iterator[Row]:
    """Everything mode on 10,000 x 10,000: time beside a part of it as one image, AP50, memory."""
    from benchmarks.everything.__main__ import opened, search

    image, labels = np.load(there.middle, mmap_mode="r"), np.load(there.labels, mmap_mode="r")
    crop = np.s_[:WHOLE_PX, :WHOLE_PX]
    part = np.ascontiguousarray(image[crop])
    with opened(whole=True) as session:
        whole = search(session, part, labels[crop])
    with opened(whole=False) as session:
        watch = Watch(session)
        blocks = search(session, part, labels[crop], progress=watch)
        small, watch.most = watch.most, 0.0
        large = search(session, image, labels, progress=watch)
    times = whole.per_mpx / large.per_mpx
    note = f"{whole.per_mpx:.2f} and {large.per_mpx:.2f} s for a megapixel"
    yield Row("everything: processor time as one image beside block by block", times, "x", ">= 3", times >= 3, note)
    apart = whole.ap50 - blocks.ap50
    note = f"{whole.ap50:.3f} and {blocks.ap50:.3f}; {large.ap50:.3f} on all of it"
    yield Row(f"AP50 of {WHOLE_PX:,} as one image less block by block", apart, "", "<= .01", apart <= 0.01, note)
    grown, note = watch.most - small, f"{small:.0f} and {watch.most:.0f} MB, with the objects as a list"
    yield Row(f"everything: memory on 10,000 above that on {WHOLE_PX:,}", grown, "MB", "<= 150", grown <= 150, note)


def _anonymous_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024
