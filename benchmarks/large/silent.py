"""How long a call says nothing, and how long it goes on when it was cancelled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.large.ask import opened
from benchmarks.large.rows import Row
from samj_bridge import CancelToken, Prompt
from samj_bridge.errors import Cancelled

if TYPE_CHECKING:
    from benchmarks.large.mosaics import Mosaics

__all__ = ["silence"]

_SIDE = 4096
_MOST_S = 2.0


class _Gaps:
    """Notes when something was told."""

    def __init__(self) -> None:
        self.times = [time.monotonic()]

    def __call__(self, _event: Any = None) -> None:
        self.times.append(time.monotonic())

    @property
    def longest(self) -> float:
        return float(np.diff([*self.times, time.monotonic()]).max())


def silence(there: Mosaics) -> Iterator[Row]:
    """Ask a click of which the starter is unsure, which looks from farther away; stop it and everything.

    The image is noise: the click climbs to the coarsest level. By the clock, of the machine as it is.
    """
    noise = np.random.default_rng(3).integers(0, 256, (_SIDE, _SIDE), np.uint8)
    prompt = Prompt(points=[(_SIDE // 2, _SIDE // 2)])
    with opened() as session:
        gaps = _Gaps()
        scene = session.encode(noise, progress=gaps)
        before = session.stats()["encoded"]
        scene.segment(prompt, progress=gaps)
        longest = gaps.longest
        tiles = session.stats()["encoded"] - before
        note = f"{tiles} tiles, {len(gaps.times)} messages, {gaps.times[-1] - gaps.times[0]:.1f} s in all"
        yield Row(
            f"longest silence of an unsure click at {_SIDE:,}", longest, "s", "<= 2", longest <= _MOST_S, note
        )

        real = np.ascontiguousarray(np.load(there.middle, mmap_mode="r")[:_SIDE, :_SIDE])
        calls = {
            "a click": lambda told, token: session.encode(noise).segment(prompt, progress=told, cancel=token),
            "everything": lambda told, token: session.encode(real).everything(progress=told, cancel=token),
        }
        for what, call in calls.items():
            waits = [_stopped(call, stop_at) for stop_at in (1, 3, 8, 20)]
            most = max(waits)
            note = f"at message 1, 3, 8, 20: {', '.join(f'{wait:.2f}' for wait in waits)} s"
            yield Row(f"longest from cancel to the end of {what}", most, "s", "<= 2", most <= _MOST_S, note)


def _stopped(call: Any, stop_at: int) -> float:
    token, heard, asked = CancelToken(), 0, 0.0

    def hear(_event: Any) -> None:
        nonlocal heard, asked
        heard += 1
        if heard == stop_at:
            asked = time.monotonic()
            token.cancel()

    try:
        call(hear, token)
    except Cancelled:
        return time.monotonic() - asked
    # It had said all that it says before: nothing was left to be stopped.
    return 0.0
