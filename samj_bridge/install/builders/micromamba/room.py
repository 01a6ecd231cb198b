"""Ask for the room that packages take on the disk: as archives, and unpacked, before any of it comes.

A channel's index has the size of an archive and not of what is in it. Real packages unpack to between 3 and 5 times
their archives; 3 is what is asked for, so that nobody is sent away for whom there is room.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.errors import NoSpaceError
from samj_bridge.install.builders.micromamba.package_cache import scan_packages
from samj_bridge.install.builders.micromamba.unpacked import stem_of, unpacked_bytes
from samj_bridge.install.causes import existing_parent
from samj_bridge.install.locks.explicit import ExplicitLock

__all__ = ["UNPACKS_TO", "Room", "check_room", "room_for"]

UNPACKS_TO = 3
"""How many times the size of its archive a package is thought to take unpacked."""
_OWN = 0.1
"""Share of the packages that an environment holds for itself: what can't be a link, records, compiled files."""
_LEAST = 50_000_000


@dataclass(frozen=True)
class Room:
    """Bytes that an installation is thought to write."""

    archives: int
    """To be fetched."""
    unpacked: int
    """To be unpacked in the cache."""
    environment: int
    """In the environment, where that shares nothing with the cache."""

    @property
    def shared(self) -> int:
        """On one disk: files in the environment are links to the cache's."""
        return self.archives + self.unpacked + int(_OWN * self.environment)


def room_for(packages: Path, lock: ExplicitLock, sizes: Mapping[str, int], otherwise: int) -> Room:
    """Return what it takes to install `lock` with what is in a package cache.

    Parameters
    ----------
    packages : Path
        The package cache.
    lock : ExplicitLock
        All packages.
    sizes : mapping
        File name to bytes of the archive, as far as known.
    otherwise : int
        Bytes to count for the whole where the size of a package is not known.
    """
    here: dict[str, int] = {}
    folders: dict[str, Path] = {}
    for entry in scan_packages(packages):
        if entry.is_folder:
            folders[entry.name] = entry.path
        else:
            here[entry.name] = entry.status.st_size
    archives = unpacked = environment = 0
    unknown = False
    for package in lock.packages:
        name = package.filename
        folder = folders.get(stem_of(name))
        if folder is not None:
            environment += unpacked_bytes(folder)
            continue
        size = here[name] if name in here else sizes.get(name, 0)
        unknown |= not size
        archives += 0 if name in here else size
        unpacked += UNPACKS_TO * size
        environment += UNPACKS_TO * size
    if unknown:
        unpacked = max(unpacked, otherwise - archives)
        environment = max(environment, otherwise)
    return Room(archives, unpacked, environment)


def check_room(room: Room, prefix: Path, packages: Path, home: Path) -> None:
    """Raise when there is less room than that on the disk of the cache, or on another one of the environment.

    Raises
    ------
    NoSpaceError
        With both figures, and nothing done yet.
    """
    cache, place = existing_parent(packages), existing_parent(prefix)
    one_disk = cache.stat().st_dev == place.stat().st_dev
    needs = [(cache, room.shared if one_disk else room.archives + room.unpacked)]
    if not one_disk:
        needs.append((place, int((1 + _OWN) * room.environment)))
    for folder, needed in needs:
        free = shutil.disk_usage(folder).free
        if free < max(needed, _LEAST):
            message = (
                f"Not enough space: the packages need about {_size(needed)} ({_size(room.archives)} to be fetched, "
                f"the rest unpacked), and the disk of {folder} has {_size(free)} free. Nothing was installed."
            )
            hint = f"Free some space, or choose a folder on another disk with SAMJ_HOME (now {home})."
            raise NoSpaceError(message, hint=hint, needed=needed, free=free, path=str(folder))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
