"""Which number format networks compute in on this machine: measured once, kept in the cache folder.

bfloat16 multiplies several times faster where the processor has tile units for it (AMX), and slower than float32
where it has only vector instructions (AVX512-BF16): nothing but a measurement tells. On CUDA the card's generation
tells.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from samj_bridge.worker import machine

__all__ = ["Probe", "choose", "known", "probe"]

_log = logging.getLogger(__name__)

LEAST_GAIN = 1.25
"""bfloat16 must multiply this much faster to be chosen: the rest of a network gains nothing or loses by it."""
SIDES = (128, 512)
"""Of the square matrices that are multiplied; the small ones show whether the large ones are worth the time."""
ROUND_S = 0.05
"""Seconds for each format in each of the rounds."""
ROUNDS = 3
FORMAT = 1


@dataclass(frozen=True)
class Probe:
    """What was found for a device."""

    precision: str
    """``float32``, ``bfloat16`` or ``float16``: what ``auto`` stands for."""
    reason: str
    """Why, in a few words with the figures."""
    float32_gflops: float = 0.0
    """Speed of float32 multiplications; 0: not measured."""
    bfloat16_gflops: float = 0.0
    """Speed of bfloat16 multiplications; 0: not measured."""


def choose(family: Any, wanted: str, device: str, cache: Path | None) -> tuple[str, str]:
    """Return the number format for a family's networks on a device, and why; empty where it was asked for."""
    possible = tuple(getattr(family, "PRECISIONS", ("float32",)))
    if wanted != "auto":
        if wanted in possible:
            return wanted, ""
        return "float32", f"this model computes in {' or '.join(possible)} only"
    if possible == ("float32",):
        return "float32", "this model gains nothing from fewer digits"
    found = probe(device, cache)
    if found.precision in possible:
        return found.precision, found.reason
    return "float32", f"this model computes in {' or '.join(possible)} only"


def probe(device: str, cache: Path | None) -> Probe:
    """Return the precision for a device: found in `cache`, or measured now (a third of a second) and put there."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        return _of_cuda(device)
    if kind == "mps":
        return Probe("float32", "bfloat16 is not complete on Apple's graphics, and float32 is the reference")
    found = known(device, cache)
    if found is None:
        found = _measured()
        _keep(found, device, cache)
    return found


def known(device: str, cache: Path | None) -> Probe | None:
    """Return what was measured before on this machine, with this torch and as many threads."""
    if device.partition(":")[0] != "cpu":
        return probe(device, cache)
    try:
        content = json.loads(_file(cache).read_text(encoding="utf-8")) if cache is not None else {}
        return Probe(**content[_key(device)])
    except (OSError, ValueError, KeyError, TypeError):
        # Missing, damaged, or of another version: measuring again costs next to nothing.
        return None


def _of_cuda(device: str) -> Probe:
    major, minor = torch.cuda.get_device_capability(device)
    if major >= 8:
        return Probe("bfloat16", f"the card (compute capability {major}.{minor}) multiplies it in tensor cores")
    if major >= 7:
        return Probe("float16", f"the card (compute capability {major}.{minor}) has tensor cores for it only")
    return Probe("float32", f"the card (compute capability {major}.{minor}) has no tensor cores")


def _measured() -> Probe:
    speeds = dict.fromkeys((torch.float32, torch.bfloat16), 0.0)
    try:
        for side in SIDES:
            speeds = _speeds(side)
            if speeds[torch.bfloat16] < speeds[torch.float32] / 4:
                # No instruction for it at all: large matrices would take seconds.
                break
    except RuntimeError as error:
        return Probe("float32", f"bfloat16 can't be multiplied here: {error}")
    plain, half = speeds[torch.float32], speeds[torch.bfloat16]
    faster = half >= LEAST_GAIN * plain
    ratio = f"{half / plain:.1f} times as fast as" if half > plain / 2 else f"{plain / half:.0f} times slower than"
    reason = f"bfloat16 multiplies {ratio} float32 here ({half:.1f} against {plain:.1f} GFLOP/s)"
    return Probe("bfloat16" if faster else "float32", reason, round(plain, 1), round(half, 1))


def _speeds(side: int) -> dict[torch.dtype, float]:
    """Return GFLOP/s of square products: the best of some rounds, in turns, so that no other program decides."""
    matrices = {kind: torch.randn(side, side).to(kind) for kind in (torch.float32, torch.bfloat16)}
    speeds = dict.fromkeys(matrices, 0.0)
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for kind, matrix in matrices.items():
                count, begun, spent = 0, time.perf_counter(), 0.0
                while spent < ROUND_S:
                    matrix @ matrix
                    count, spent = count + 1, time.perf_counter() - begun
                speeds[kind] = max(speeds[kind], 2e-9 * side**3 * count / spent)
    return speeds


def _keep(found: Probe, device: str, cache: Path | None) -> None:
    if cache is None:
        return
    path = _file(cache)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content = dict(content)
    except (OSError, ValueError, TypeError):
        content = {}
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({**content, _key(device): asdict(found)}, indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        _log.warning("the measured precision could not be kept in %s: %s", path, error)


def _key(device: str) -> str:
    threads = torch.get_num_threads()
    return f"{FORMAT} {device} {machine.processor() or platform.processor()} torch {torch.__version__} x{threads}"


def _file(cache: Path) -> Path:
    return cache / "precision.json"
