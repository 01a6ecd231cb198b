"""Many prompts at a time on a CPU: one thread for each core, each prompt on one of them.

A prompt's arrays fit into a core's cache, and half of its steps are too small for two cores: two prompts side by
side take much less time than one after the other on all cores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

__all__ = ["each", "one_thread"]

_Part = TypeVar("_Part")
_Found = TypeVar("_Found")


def each(
    ask: Callable[[_Part], _Found], parts: Sequence[_Part], device: str, check: Callable[[float], None]
) -> Iterator[_Found]:
    """Yield ``ask(part)`` for every part, in their order; `check` hears the fraction done and may raise.

    Where there is one core, or the device is no CPU, one after the other in this thread.
    """
    threads = min(torch.get_num_threads(), len(parts))
    if threads < 2 or device != "cpu":
        for index, part in enumerate(parts):
            check(index / len(parts))
            yield ask(part)
        return
    with _pool(threads) as pool:
        waiting = [pool.submit(_quietly, ask, part) for part in parts]
        try:
            for index, item in enumerate(waiting):
                check(index / len(parts))
                yield item.result()
        finally:
            for item in waiting:
                item.cancel()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let this thread compute on one core, as each of several prompts does: the digits are then the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _quietly(ask: Callable[[_Part], _Found], part: _Part) -> _Found:
    # Holds for one thread only, so each has to say it.
    with torch.inference_mode():
        return ask(part)


def _pool(threads: int) -> ThreadPoolExecutor:
    before = torch.get_num_threads()
    gate = threading.Barrier(threads + 1)

    def begin() -> None:
        # The number holds for this thread and for those that torch hasn't seen yet: this one is shown to it first,
        # and all have begun before the number is put back.
        torch.get_num_threads()
        torch.set_num_threads(1)
        gate.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="prompt", initializer=begin)
    for _ in range(threads):
        pool.submit(lambda: None)
    gate.wait()
    torch.set_num_threads(before)
    return pool
