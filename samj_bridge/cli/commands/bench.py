"""``samj-bridge bench``: how fast the installed models are here, what limits them, which one to choose."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from samj_bridge.cli.result import Result, about
from samj_bridge.errors import Cancelled, ModelError, SamjError
from samj_bridge.models import catalog, weights_file
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.session import Prompt, Scene, Session
from samj_bridge.settings import Settings

__all__ = ["run"]

SIDE = 1024
"""Of the image that is encoded; most networks scale an image to this size."""
PROMPTS = 16
PATIENCE_S = 2.0
"""How long people like to wait for an image to open before they click."""


@dataclass(frozen=True)
class _Row:
    """One model's figures."""

    model: str
    device: str
    precision: str
    reason: str
    parameters: int
    load_s: float
    encode_s: float
    box_ms: float
    """One box, from the call to the region, median."""
    boxes_s: float
    """`PROMPTS` boxes in one call."""
    peak_mb: float
    """Most memory that the worker had; 0: the system does not say."""


def run(
    settings: Settings, *, models: Sequence[str], repeats: int, progress: Progress, cancel: CancelToken
) -> Result:
    """Measure models: those named, or all that are installed."""
    rows: list[_Row] = []
    failures: list[SamjError] = []
    chosen = list(models) or _installed(settings)
    for number, name in enumerate(chosen):
        cancel.check()
        notify(progress, ProgressEvent("bench", f"Measuring {name}", number, len(chosen), "models"))
        try:
            rows.append(_measure(name, settings, repeats, progress, cancel))
        except Cancelled:
            raise
        except SamjError as error:
            failures.append(about(error, name))
    lines = [line for row in rows for line in _limits(row)]
    if rows:
        lines += _advice(rows)
    return Result(
        "bench",
        data={"image": [SIDE, SIDE], "models": [asdict(row) for row in rows]},
        tables=[_table(rows)] if rows else [],
        lines=lines,
        failures=failures,
    )


def _installed(settings: Settings) -> list[str]:
    found = []
    for name, entry in catalog(settings).items():
        try:
            weights_file(entry, settings)
        except ModelError:
            continue
        found.append(name)
    return found


def _measure(name: str, settings: Settings, repeats: int, progress: Progress, cancel: CancelToken) -> _Row:
    # Nothing from an earlier run, and nothing for a later one: encodings kept on disk would be no measurement.
    settings = replace(settings, encodings_disk_bytes=0)
    with Session(name, settings=settings, progress=progress, cancel=cancel) as session:
        times = []
        for number in range(repeats + 1):
            # Another image each time: one that was encoded before would cost nothing.
            pixels = _cells(number)
            begun = time.perf_counter()
            scene = session.encode(pixels, cancel=cancel)
            times.append(time.perf_counter() - begun)
        boxes = [Prompt(box=(x, y, x + 60, y + 60)) for x in range(80, 880, 200) for y in range(80, 880, 200)]
        one = _each(scene, boxes, cancel)
        begun = time.perf_counter()
        scene.segment(boxes[:PROMPTS], cancel=cancel)
        together = time.perf_counter() - begun
        loaded, peak = session.loaded, session.stats().get("peak_bytes") or 0
    return _Row(
        name,
        str(loaded["device"]),
        str(loaded["precision"]),
        str(loaded["reason"]),
        int(loaded["parameters"]),
        float(loaded["seconds"]),
        # The first one warms up.
        statistics.median(times[1:]),
        1e3 * statistics.median(one[1:]),
        together,
        peak / 1e6,
    )


def _each(scene: Scene, prompts: Sequence[Prompt], cancel: CancelToken) -> list[float]:
    times = []
    for prompt in prompts:
        begun = time.perf_counter()
        scene.segment(prompt, cancel=cancel)
        times.append(time.perf_counter() - begun)
    return times


def _cells(seed: int) -> NDArray[np.uint16]:
    """Bright discs on noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    image = rng.normal(300, 30, (SIDE, SIDE))
    image[((x % 100 - 50) ** 2 + (y % 100 - 50) ** 2) < 700] += 2000
    return image.clip(0, 65535).astype(np.uint16)


def _table(rows: Sequence[_Row]) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in ("model", "runs on", "parameters", "open image s", "box ms", f"{PROMPTS} boxes s", "memory MB"):
        table.add_column(heading, justify="left" if heading in {"model", "runs on"} else "right")
    for row in rows:
        table.add_row(
            row.model,
            f"{row.device}, {row.precision}",
            f"{row.parameters / 1e6:.1f} M",
            f"{row.encode_s:.2f}",
            f"{row.box_ms:.0f}",
            f"{row.boxes_s:.2f}",
            f"{row.peak_mb:.0f}" if row.peak_mb else "?",
        )
    return table


def _limits(row: _Row) -> list[str]:
    """Say what a model's times are made of, and why it computes as it does."""
    after = (
        f"After {row.encode_s / max(row.box_ms / 1e3, 1e-6):.0f} boxes on an image the clicks cost more than it."
    )
    what = f"{row.model}: opening an image ({row.encode_s:.2f} s) is the network's encoder. {after}"
    return [what, f"{row.model} computes in {row.precision}: {row.reason or 'as asked for'}."]


def _advice(rows: Sequence[_Row]) -> list[str]:
    quick = [row for row in rows if row.encode_s <= PATIENCE_S]
    fastest = min(rows, key=lambda row: row.encode_s)
    if not quick:
        line = f"No model opens an image within {PATIENCE_S:g} s here; the quickest is {fastest.model}."
        return [line, "For single images that is a wait; for many, let them be encoded overnight (they are kept)."]
    largest = max(quick, key=lambda row: row.parameters)
    lines = [f"For clicking on this machine: {largest.model}, the largest that opens an image in {PATIENCE_S:g} s."]
    if len(rows) == 1:
        lines.append("No other model was measured; samj-bridge models list shows what there is, and for what.")
    elif fastest.model != largest.model:
        lines.append(f"For many images: {fastest.model}, the fastest, if it is good enough on yours.")
    return [*lines, "docs/reference/models.md says how good each is on which images: speed is not quality."]
