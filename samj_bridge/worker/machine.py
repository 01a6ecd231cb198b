"""What the machine has: cores, memory, and whether the host still lives. Reads files, starts nothing."""

from __future__ import annotations

import ctypes
import os
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path

__all__ = ["available_bytes", "keep_freed_memory", "leave_with", "peak_bytes", "physical_cores", "processor"]

_CGROUP = Path("/sys/fs/cgroup")


def physical_cores() -> int:
    """Return the number of physical cores that this process may use; at least 1.

    Two threads on one core share its vector units, so that networks gain nothing from the second.
    """
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:
        usable = os.cpu_count() or 1
    cores: set[tuple[str, str]] = set()
    package = ""
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "physical id":
            package = value.strip()
        elif name.strip() == "core id":
            cores.add((package, value.strip()))
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    allowed = max(1, round(int(quota) / int(period))) if quota.isdigit() and period.strip().isdigit() else usable
    return max(1, min(usable, len(cores) or usable, allowed))


def processor() -> str:
    """Return the processor's name; empty where the system does not say."""
    lines = _read(Path("/proc/cpuinfo")).splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def available_bytes() -> int | None:
    """Return how much memory can still be taken without swapping; None where the system does not say."""
    lines = _read(Path("/proc/meminfo")).splitlines()
    amounts = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    limit, used = _read(_CGROUP / "memory.max").strip(), _read(_CGROUP / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        amounts.append(max(0, int(limit) - int(used)))
    if not amounts and sys.platform != "win32" and "SC_PHYS_PAGES" in os.sysconf_names:
        # macOS does not tell what is free; half of what there is keeps the machine usable.
        amounts.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    return min(amounts, default=None)


def peak_bytes() -> int | None:
    """Return the most memory that this process has had so far; None where the system does not say."""
    lines = _read(Path("/proc/self/status")).splitlines()
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    if kilobytes is not None:
        return int(kilobytes) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


def keep_freed_memory() -> bool:
    """Let the allocator keep what networks free for what they allocate next; returns whether it can be told.

    By default glibc gives every large array back to the system and asks for it anew, page by page: a quarter of the
    time of a prompt, whose arrays of a few megabytes come and go. Up to half a gigabyte is kept.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    largest, trim = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
    return bool(mallopt(largest, 32 << 20)) and bool(mallopt(trim, 512 << 20))


def leave_with(host: int, leaving: Callable[[], None] = lambda: None) -> None:
    """End this process when process `host` ends, even where another child of it holds our stdin open.

    `leaving` is called just before.

    Works where Linux gives a handle for a process; elsewhere the end of stdin has to do.
    """
    try:
        handle = os.pidfd_open(host)
    except ProcessLookupError:
        leaving()
        os._exit(0)
    except (AttributeError, OSError):
        return
    threading.Thread(target=_wait_and_leave, args=(handle, leaving), name="host", daemon=True).start()


def _wait_and_leave(handle: int, leaving: Callable[[], None]) -> None:
    select.select([handle], [], [])
    leaving()
    os._exit(0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
