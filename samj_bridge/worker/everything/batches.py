"""Points asked together, fewer of them when memory runs out."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.worker.families.base import Proposals, SoftMask

__all__ = ["propose"]

_log = logging.getLogger(__name__)


class _Both:
    """The proposals of two halves of the points; implements ``Proposals``."""

    def __init__(self, first: Proposals, second: Proposals) -> None:
        self.scores = np.concatenate([first.scores, second.scores])
        self._first, self._second, self._count = first, second, len(first.scores)

    def soft(self, n: int, k: int, low: float) -> SoftMask:
        """See ``Proposals.soft``."""
        return self._first.soft(n, k, low) if n < self._count else self._second.soft(n - self._count, k, low)


def propose(
    ask: Callable[[Any, NDArray[np.float64], Callable[[float], None]], Proposals],
    encoding: Any,
    points_xy: NDArray[np.float64],
    check: Callable[[float], None],
) -> Proposals:
    """Return what ``ProposingModel.propose`` does, asked by halves where memory is short for all points at once.

    Raises
    ------
    MemoryError, RuntimeError
        Memory does not suffice for a single point.
    """
    try:
        return ask(encoding, points_xy, check)
    except (MemoryError, RuntimeError) as error:
        if len(points_xy) < 2 or not _is_out_of_memory(error):
            raise
    # Outside the handler, where the frames that held the big arrays are gone.
    gc.collect()
    _log.warning("memory ran out with %d points at once; trying half of them", len(points_xy))
    half = len(points_xy) // 2
    first = propose(ask, encoding, points_xy[:half], check)
    return _Both(first, propose(ask, encoding, points_xy[half:], check))


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    # Only here: a RuntimeError of a network means that torch is there.
    from samj_bridge.worker import devices

    if not devices.is_out_of_memory(error):
        return False
    devices.release_unused()
    return True
