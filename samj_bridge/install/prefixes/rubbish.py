"""What on the disk nobody needs: old and half-made builds, caches."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.install.prefixes.environment import find_built, folders_of, prefixes_of, read_marker
from samj_bridge.install.prefixes.sweep import is_held, remove_prefix
from samj_bridge.process.locks import is_locked, try_lock
from samj_bridge.protocol.folders import folder_size, list_folder
from samj_bridge.settings import Settings

__all__ = ["Rubbish", "find_rubbish", "remove_rubbish"]


@dataclass(frozen=True)
class Rubbish:
    """Something that can go."""

    kind: str
    """``old build``, ``half-made build`` or ``cache``."""
    path: Path
    """What goes."""
    size_bytes: int
    """What that frees: files that are linked from elsewhere stay there and don't count."""


def find_rubbish(settings: Settings, *, caches: bool = False) -> list[Rubbish]:
    """Return what nobody needs, and with `caches` also what can be fetched or computed again."""
    found = []
    for folder in folders_of(settings):
        current = find_built(folder, folder.name)
        for prefix in prefixes_of(folder):
            if (current is None or prefix != current.prefix) and not is_held(prefix):
                kind = "old build" if read_marker(prefix, folder.name) else "half-made build"
                if kind == "half-made build" and is_locked(folder / "lock"):
                    # Somebody is just making it.
                    continue
                found.append(Rubbish(kind, prefix, folder_size(prefix, freed=True)))
    if caches:
        found += [
            Rubbish(
                "cache",
                entry.path,
                folder_size(entry.path, freed=True) if entry.is_folder else entry.status.st_size,
            )
            for entry in list_folder(settings.cache_dir)
            # A running worker reads its code from there, and it is small.
            if entry.path != settings.bundles_dir
        ]
    return found


def remove_rubbish(found: list[Rubbish]) -> list[Rubbish]:
    """Remove what `find_rubbish` found; return what is gone. What somebody is working on stays."""
    gone = []
    for item in found:
        if item.kind == "cache":
            with _cache_is_free(item.path) as free:
                if free:
                    shutil.rmtree(item.path, ignore_errors=True)
                    with contextlib.suppress(OSError):
                        # A file, or a link: what it leads to is somebody else's.
                        item.path.unlink(missing_ok=True)
                    gone += [item] if not os.path.lexists(item.path) else []
            continue
        with try_lock(item.path.parent / "lock") as got:
            current = find_built(item.path.parent, item.path.parent.name)
            if got and (current is None or current.prefix != item.path) and remove_prefix(item.path):
                gone.append(item)
    return gone


@contextlib.contextmanager
def _cache_is_free(folder: Path) -> Iterator[bool]:
    """Hold the lock of micromamba's cache; no other cache is ever in the middle of something that would break."""
    if folder.name != "micromamba":
        yield True
        return
    with try_lock(folder / "samj.lock") as got:
        yield got
