"""A download with sha256 over loopback beside ``curl -o``: `benchmarks.download` has the other lines."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.download import MB, curl, hashes_of, ours, running_server
from benchmarks.waits.given import Given
from benchmarks.waits.rows import Row

__all__ = ["rows"]

_SIZE = 500 * MB


def rows(given: Given) -> Iterator[Row]:
    """Measure http, hashed as the catalog asks for most large files."""
    hashes, nobody = hashes_of(_SIZE)[:1], Path()
    with running_server(None) as host:
        url = f"{host}/{_SIZE}/0"
        curl(f"{host}/{50 * MB}/0", nobody, given.folder)
        turns = []
        for _ in range(2 * given.rounds):
            theirs = curl(url, nobody, given.folder)
            turns.append((ours(url, _SIZE, hashes, nobody, given.folder), theirs))
    mine = statistics.median(one["mb_per_s"] for one, _ in turns)
    other = statistics.median(each for _, each in turns)
    spent = statistics.median(one["cpu_s"] for one, _ in turns)
    note = f"{spent:.2f} s of processor; ours hashes and flushes to the disk, curl does neither"
    yield Row("download with sha256 over loopback, beside curl -o", mine, other, "MB/s", 0.8, note, least=True)
