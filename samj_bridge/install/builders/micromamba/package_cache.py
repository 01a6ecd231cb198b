"""micromamba's package cache: held by one of us at a time, kept free of halves, and asked what is there offline."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from samj_bridge.download import digest_file
from samj_bridge.errors import FileError, NetworkError
from samj_bridge.install.builders.micromamba.unpacked import copied_badly, forget, is_whole, stem_of
from samj_bridge.install.locks.explicit import SUFFIXES, ExplicitLock, LockedPackage
from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.install.specification import current_platform
from samj_bridge.process.locks import Holder, hold_lock
from samj_bridge.progress import CancelToken
from samj_bridge.protocol.folders import Entry, is_file, is_folder, list_folder

__all__ = ["CondaCache", "scan_packages"]

_PLATFORM = re.compile(r"noarch|(linux|osx|win)-[a-z0-9]+")
_DEEPEST = 10
_COMPLETE = Path("info", "repodata_record.json")
"""Written into an unpacked package when all of it is there."""


def scan_packages(folder: Path) -> Iterator[Entry]:
    """Yield every archive, whole or begun, and every unpacked package in a package cache.

    Up to micromamba 2.5 they lie side by side; from 2.6 on in ``<channel>/<platform>/``, where the channel may be
    several folders (``https/conda.anaconda.org/conda-forge``).
    """
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        entries = list_folder(place)
        names = {entry.name for entry in entries}
        for entry in entries:
            if not entry.is_folder:
                if any(suffix in entry.name for suffix in SUFFIXES):
                    yield entry
            elif _PLATFORM.fullmatch(place.name) or _is_package(entry, names):
                yield entry
            elif depth < _DEEPEST and (depth or entry.name != "cache"):
                waiting.append((entry.path, depth + 1))


def _is_package(entry: Entry, beside: set[str]) -> bool:
    return any(entry.name + suffix in beside for suffix in SUFFIXES) or is_folder(entry.path / "info")


class CondaCache:
    """The cache below a root prefix.

    Parameters
    ----------
    root : Path
        micromamba's root prefix.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.packages = root / "pkgs"
        """Folder of archives, and of what was unpacked from them."""

    @contextlib.contextmanager
    def held(self, tell: Callable[[str, str], None], cancel: CancelToken | None) -> Iterator[None]:
        """Hold the cache while the block runs.

        micromamba's own lock waits without a limit, and what two processes do in one cache is mixed up.
        """

        def on_wait(holder: Holder) -> None:
            who = f"process {holder['pid']}" if holder else "another process"
            tell("wait", f"Waiting for {who}, which is using the cache of conda packages.")

        self.root.mkdir(parents=True, exist_ok=True)
        with hold_lock(self.root / "samj.lock", on_wait=on_wait, cancel=cancel):
            yield

    @contextlib.contextmanager
    def tidied(self, lock: ExplicitLock) -> Iterator[None]:
        """Remove what an earlier micromamba left half done before the block, and what it leaves when it fails."""
        self._tidy(lock)
        try:
            yield
        except BaseException:
            self._tidy(lock)
            raise

    def check_complete(self, lock: ExplicitLock) -> None:
        """Raise when a package of `lock` would have to be fetched: neither its archive nor its content is here.

        Raises
        ------
        NetworkError
            With code ``offline``, and the packages in ``details["missing"]``.
        """
        found = self._found()
        missing = [
            package.name
            for package in lock.packages
            if not any(_is_right(path, package) for path in found.get(package.filename, ()))
            and not any(is_whole(path, package) for path in found.get(stem_of(package.filename), ()))
        ]
        if missing:
            shown = f"{len(missing)} of {len(lock.packages)} packages ({', '.join(missing[:3])})"
            message = f"samj-bridge was told to stay offline, and {shown} are not in the cache, or not whole."
            hint = f"Copy {self.packages} from a machine that has them, or unset SAMJ_OFFLINE and try again."
            raise NetworkError(message, code="offline", hint=hint, missing=missing)

    def forget_unpacked(self, lock: ExplicitLock, *, everything: bool) -> bool:
        """Remove unpacked packages of `lock` that can't be linked; tell whether there was one.

        Parameters
        ----------
        everything : bool
            All of them that can be unpacked again; else those that can be seen to have lost their links.
        """
        found = self._found()
        gone = False
        for package in lock.packages:
            whole = any(_is_right(path, package) for path in found.get(package.filename, ()))
            for path in found.get(stem_of(package.filename), ()):
                if copied_badly(path) or (everything and whole):
                    forget(path)
                    gone = True
        return gone

    def solved(self, specification_hash: str, feature: str) -> Path:
        """Return where the list of packages lies that was solved for a specification, if it was."""
        return self.root / "solved" / f"{specification_hash[:12]}-{feature}-{current_platform()}.lock"

    def remember(self, specification_hash: str, feature: str, lock: ExplicitLock) -> None:
        """Keep what was solved, for a time without a network."""
        path = self.solved(specification_hash, feature)
        path.parent.mkdir(exist_ok=True)
        write_text_atomically(path, lock.text)

    def _found(self) -> dict[str, list[Path]]:
        """Return every archive and every unpacked package by its name."""
        found: dict[str, list[Path]] = {}
        for entry in scan_packages(self.packages):
            found.setdefault(entry.name, []).append(entry.path)
        return found

    def _tidy(self, lock: ExplicitLock) -> None:
        wanted = {package.filename: package for package in lock.packages}
        for entry in list(scan_packages(self.packages)):
            path = entry.path
            suffix = next((suffix for suffix in SUFFIXES if entry.name.endswith(suffix)), "")
            if entry.is_folder:
                # micromamba trips over a package that was left half unpacked.
                if not is_file(path / _COMPLETE):
                    shutil.rmtree(path, ignore_errors=True)
                continue
            package = wanted.get(entry.name) if suffix else None
            if suffix and is_file(path.with_name(entry.name.removesuffix(suffix)) / _COMPLETE):
                continue
            # What is whole need not be fetched again. What can't be removed, micromamba speaks of if it matters.
            if package is None or not _is_right(path, package):
                with contextlib.suppress(OSError):
                    path.unlink()


def _is_right(archive: Path, package: LockedPackage) -> bool:
    if not is_file(archive):
        return False
    if not package.sha256:
        return True
    try:
        return digest_file(archive, kinds=()).sha256 == package.sha256
    except FileError:
        # Gone since, or not to be read: it has to be fetched.
        return False
