"""A process with one build's session in it, that is told what to do and measure; and that process itself.

It runs the code of an earlier checkout too, so it needs nothing but what that has.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.waits.given import Build, Cost

__all__ = ["SPOTS", "Asked", "asking", "discs"]

SPOTS = [(x, y) for y in range(150, 950, 100) for x in range(150, 950, 100)]
"""Middles of whole discs."""


def discs(seed: int, side: int = 1024) -> Any:
    """Return bright discs, 30 pixels across, on noise: a (Y, X) array of uint16, another one for each seed."""
    import numpy as np

    y, x = np.mgrid[:side, :side]
    image = np.random.default_rng(seed).normal(300, 30, (side, side))
    image[((x % 100 - 50) ** 2 + (y % 100 - 50) ** 2) < 230] += 2000
    return image.clip(0, 65535).astype(np.uint16)


class Asked:
    """The process as its caller has it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, what: str, **more: Any) -> dict[str, float]:
        """Have it do something, and return its figures."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what, **more}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            message = f"the process that was to do {what!r} has ended"
            raise RuntimeError(message)
        figures: dict[str, float] = json.loads(line)
        return figures

    def cost(self, what: str, **more: Any) -> Cost:
        """Return what it took."""
        from benchmarks.waits.given import Cost

        found = self.tell(what, **more)
        return Cost(found["wall"], found["cpu"])


@contextmanager
def asking(build: Build, python: Path) -> Iterator[Asked]:
    """Start such a process with a build; its workers run with `python`."""
    command = [sys.executable, __file__, str(python)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=build.environ()
    ) as process:
        try:
            yield Asked(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


class _Asking:
    """What the process does."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._session: Any = None
        self._scene: Any = None

    def close(self) -> dict[str, float]:
        """End the worker."""
        if self._session is not None:
            self._session.close()
        self._session = self._scene = None
        return {}

    def open(self) -> dict[str, float]:
        """Start a worker, which loads the starter; its memory is told."""
        from samj_bridge import Session

        self._session = Session("starter", device="cpu", python=self._python)
        return self.memory()

    def memory(self) -> dict[str, float]:
        """Return the worker's resident memory, and what of it is its own, in MB."""
        lines = Path(f"/proc/{self._pid()}/status").read_text(encoding="utf-8").splitlines()
        found = {
            name: int(rest.split()[0]) / 1024
            for name, _, rest in (line.partition(":") for line in lines)
            if name in {"VmRSS", "RssAnon", "VmHWM"}
        }
        return {"mb": found["VmRSS"], "own_mb": found["RssAnon"], "peak_mb": found["VmHWM"]}

    def encode(self, seed: int) -> dict[str, float]:
        """Encode an image."""
        pixels = self._pixels(seed)
        return self._measured(lambda: self._encode(pixels))

    def cold(self, seed: int) -> dict[str, float]:
        """Open a session, encode an image, ask one click."""
        pixels = self._pixels(seed)
        began, host = time.perf_counter(), time.process_time()
        self.open()
        self._encode(pixels)
        self._prompt(point=True, spot=(150, 150))
        wall = time.perf_counter() - began
        return {"wall": wall, "cpu": time.process_time() - host + _cpu_of(self._pid())}

    def points(self, count: int, seed: int) -> dict[str, float]:
        """Ask so many clicks one by one; the median of them."""
        return self._each(count, seed, point=True)

    def boxes(self, count: int, seed: int) -> dict[str, float]:
        """Ask so many boxes."""
        return self._each(count, seed, point=False)

    def _each(self, count: int, seed: int, *, point: bool) -> dict[str, float]:
        import numpy as np

        rng = np.random.default_rng(seed)
        walls = []

        def all_of_them() -> None:
            for number in range(count):
                x, y = SPOTS[number % len(SPOTS)]
                began = time.perf_counter()
                self._prompt(point=point, spot=(x + float(rng.uniform(-4, 4)), y + float(rng.uniform(-4, 4))))
                walls.append(time.perf_counter() - began)

        cost = self._measured(all_of_them)
        return {"wall": statistics.median(walls), "cpu": cost["cpu"] / count}

    def _prompt(self, *, point: bool, spot: tuple[float, float]) -> None:
        from samj_bridge import Prompt

        x, y = spot
        prompt = Prompt(points=[(x, y)]) if point else Prompt(box=(x - 20, y - 20, x + 20, y + 20))
        (region,) = self._scene.segment(prompt)
        assert region.area > 100

    def _encode(self, pixels: Any) -> None:
        self._scene = self._session.encode(pixels)

    def _pixels(self, seed: int) -> Any:
        return discs(seed)

    def _measured(self, work: Callable[[], object]) -> dict[str, float]:
        pid = self._pid()
        began, host, worker = time.perf_counter(), time.process_time(), _cpu_of(pid)
        work()
        wall = time.perf_counter() - began
        return {"wall": wall, "cpu": time.process_time() - host + _cpu_of(pid) - worker}

    def _pid(self) -> int:
        return int(self._session.stats()["pid"])


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    # What an open program has imported long before its user clicks.
    from samj_bridge import Prompt, Session  # noqa: F401

    asked = _Asking(Path(sys.argv[1]))
    try:
        for line in sys.stdin:
            order = json.loads(line)
            figures = getattr(asked, order.pop("what"))(**order)
            print(json.dumps(figures), flush=True)
    finally:
        asked.close()


if __name__ == "__main__":
    main()
