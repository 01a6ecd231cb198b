"""Which device the networks run on, and what it has left. The one module besides the families that needs torch."""

from __future__ import annotations

import torch

from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker import machine

__all__ = [
    "TORCH_VERSION",
    "available_bytes",
    "best",
    "choose",
    "is_out_of_memory",
    "release_unused",
    "threads",
    "use_threads",
]

TORCH_VERSION = str(torch.__version__)
"""Version of torch."""

_TEXTS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def best() -> str:
    """Return the fastest device there is: ``cuda``, ``mps`` or ``cpu``."""
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def choose(name: str) -> str:
    """Return the device to use for a name; ``auto`` is the best one.

    Raises
    ------
    OperationFailed
        ``device-unavailable``: unknown, or not in this machine.
    """
    if name == "auto":
        return best()
    kind, _, index = name.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if kind in there and (not index or index.isdigit()) and int(index or 0) < there[kind]:
        return name
    message = f"The device {name!r} is not available; the best here is {best()!r}."
    raise OperationFailed(FailureCode.DEVICE_UNAVAILABLE, message, hint="Use the device 'auto' or 'cpu'.")


def available_bytes(device: str) -> int | None:
    """Return the memory that a network on the device can still take; None where nobody knows."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return machine.available_bytes()


def use_threads(count: int) -> int:
    """Let networks use `count` threads; 0: one per physical core. Returns the number."""
    count = count or machine.physical_cores()
    torch.set_num_threads(count)
    return count


def threads() -> int:
    """Return how many threads networks use."""
    return int(torch.get_num_threads())


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, in numpy, in torch on the CPU, or on a GPU."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _TEXTS)


def release_unused() -> None:
    """Give the memory that torch keeps for later back to the system."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
