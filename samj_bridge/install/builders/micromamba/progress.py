"""What can be seen of a running micromamba, which tells nothing itself: its cache and the prefix filling."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from samj_bridge.install.builders.micromamba.package_cache import scan_packages
from samj_bridge.install.locks.explicit import SUFFIXES, ExplicitLock
from samj_bridge.progress import Progress, ProgressEvent, notify
from samj_bridge.protocol.folders import list_folder

__all__ = ["CondaProgress", "Watch"]


class Watch:
    """Tells how long nothing has happened.

    Parameters
    ----------
    silent_s : float
        Seconds without any change that are too many.
    """

    def __init__(self, silent_s: float) -> None:
        self.silent_s = silent_s
        self._seen: object = None
        self._since = time.monotonic()

    def stalled(self, seen: object) -> bool:
        """Take what is to be seen now; True when it has been the same for too long."""
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since > self.silent_s


class CondaProgress:
    """Looks at the disk and reports how far the packages of a lock are.

    Parameters
    ----------
    progress : callable
        Told of each step.
    cache : Path
        micromamba's package cache.
    prefix : Path
        Where the packages go.
    lock : ExplicitLock
        All packages.
    sizes : mapping
        File name to bytes; where they are not known, packages are counted.
    """

    def __init__(
        self, progress: Progress, cache: Path, prefix: Path, lock: ExplicitLock, sizes: Mapping[str, int]
    ) -> None:
        self._progress = progress
        self._cache = cache
        self._prefix = prefix
        self._packages = lock.packages
        self._sizes = sizes if all(sizes.get(package.filename) for package in lock.packages) else {}
        self._done = 0.0
        self._last: tuple[str, float] = ("", -1.0)

    @property
    def downloading(self) -> bool:
        """Whether archives are still missing: then a silent server is why nothing happens."""
        files = self._files()
        return any(not self._here(package.filename, files) for package in self._packages)

    def tick(self) -> object:
        """Report, and return something that changes whenever anything happens."""
        files = self._files()
        linked = self._linked()
        if linked:
            self._tell("install", f"Installing: {linked} of {len(self._packages)} packages.", linked, "packages")
        else:
            self._fetched(files)
        return (tuple(sorted(files.items())), linked)

    def _fetched(self, files: Mapping[str, int]) -> None:
        here = {package.filename for package in self._packages if self._here(package.filename, files)}
        waiting = [package for package in self._packages if package.filename not in here]
        if not waiting:
            self._tell("install", f"All {len(self._packages)} packages are here; installing them.", 0, "packages")
            return
        if self._sizes:
            done = sum(self._sizes[name] for name in here)
            done += sum(min(_size(files, item.filename), self._sizes[item.filename]) for item in waiting)
        else:
            done = len(here)
        running = [package.name for package in waiting if _size(files, package.filename)]
        what = ", ".join((running or [package.name for package in waiting])[:3])
        # Never backwards: an archive that was wrong is fetched once more.
        self._done = max(self._done, done)
        self._tell("download", f"Downloading {what}.", self._done, "bytes" if self._sizes else "packages")

    def _tell(self, stage: str, message: str, done: float, unit: str) -> None:
        if (stage + message, done) == self._last:
            return
        self._last = (stage + message, done)
        total = sum(self._sizes.values()) if unit == "bytes" else len(self._packages)
        notify(self._progress, ProgressEvent(stage, message, done, total, unit))

    def _files(self) -> dict[str, int]:
        return {entry.name: entry.status.st_size for entry in scan_packages(self._cache)}

    def _here(self, filename: str, files: Mapping[str, int]) -> bool:
        """Tell whether the archive was unpacked, or is complete."""
        stem = next((filename[: -len(suffix)] for suffix in SUFFIXES if filename.endswith(suffix)), filename)
        wanted = self._sizes.get(filename)
        return stem in files or (wanted is not None and files.get(filename) == wanted)

    def _linked(self) -> int:
        return sum(entry.name.endswith(".json") for entry in list_folder(self._prefix / "conda-meta"))


def _size(files: Mapping[str, int], filename: str) -> int:
    """Return the bytes that came of an archive, under whatever name it has until it is complete."""
    return max((size for name, size in files.items() if name.startswith(filename)), default=0)
