"""Ask for room on the disk before an hour of download rather than after it."""

from __future__ import annotations

import shutil
from pathlib import Path

from samj_bridge.errors import NoSpaceError

__all__ = ["check_space"]


def check_space(needed: int, prefix: Path, cache: Path, home: Path) -> None:
    """Raise when the disk of `prefix` is too full for `needed` bytes.

    uv links files from its cache into the environment: on one disk they count once. With the cache on another
    disk each of the two takes all of it.

    Raises
    ------
    NoSpaceError
        With both figures, and nothing done yet.
    """
    for folder in (prefix, cache):
        existing = folder
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        free = shutil.disk_usage(existing).free
        # What is in the cache already need not be written again, and nobody knows how much that is.
        if (folder is prefix and free < needed) or free < 50_000_000:
            message = (
                f"Not enough space: the environment needs about {needed / 1e9:.1f} GB, and the disk of {existing} "
                f"has {free / 1e9:.1f} GB free. Nothing was installed."
            )
            hint = f"Free some space, or choose a folder on another disk with SAMJ_HOME (now {home})."
            raise NoSpaceError(message, hint=hint, needed=needed, free=free, path=str(existing))
