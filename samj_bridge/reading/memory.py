"""Whether a plane fits into memory, asked before it is read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from samj_bridge.errors import ImageError

__all__ = ["available_bytes", "check_fits"]

_SPARE = 256 * 2**20
"""Left to everything else."""


def check_fits(needed: int, what: str) -> None:
    """Refuse what would not fit.

    Parameters
    ----------
    needed : int
        Bytes at the peak.
    what : str
        What takes them: ``cells.tif, 90,000 x 80,000``.

    Raises
    ------
    ImageError
        With code ``image-too-large``; nothing was read.
    """
    if needed <= _SPARE:
        # Asking costs as much as reading a small plane does.
        return
    there = available_bytes()
    if there is None or needed <= there - _SPARE:
        return
    message = f"{what} needs {needed / 1e9:.1f} GB of memory; {there / 1e9:.1f} GB are free."
    raise ImageError(
        message,
        code="image-too-large",
        hint="Nothing was read. Open the part that you need in ImageJ or Fiji and save it as TIFF, or use a "
        "machine with more memory.",
        needed_bytes=needed,
        free_bytes=there,
    )


def available_bytes() -> int | None:
    """Return the memory that can be had without swapping, a container's limit included; None where nobody says."""
    found = [size for size in (_linux_available(), _container_left(), _windows_available()) if size is not None]
    if not found and hasattr(os, "sysconf"):
        with suppress(ValueError, OSError):
            found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    return min(found) if found else None


def _linux_available() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _container_left() -> int | None:
    with suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup")
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            # The files that were read lately count as used there, but are given up for the asking.
            kept = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
            used = int((folder / "memory.current").read_text(encoding="ascii")) - int(kept.get("inactive_file", 0))
            return max(0, int(limit) - used)
    return None


def _windows_available() -> int | None:
    import ctypes

    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    if kernel is None:
        return None

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
        )

    status = Status(length=ctypes.sizeof(Status))
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.free)
