"""What a uv of ours is unpacking in the user's cache: written down while it runs, removed when it was left there.

Other programs of the user unpack in the same cache, under names of the same kind, and not every uv holds a lock
while it does. So a temporary folder counts as ours only when a process of ours was seen with a file open in it.
Linux tells (``/proc``); elsewhere nothing is removed (``uv cache prune`` does it). See docs/decisions/0021.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.process.locks import hold_lock, try_lock
from samj_bridge.progress import CancelToken, looking
from samj_bridge.protocol.folders import list_folder

__all__ = ["Unpacking", "remove_left"]

_PROCESSES = Path("/proc")
_PAUSE_S = 0.3
_KNOWN_S = 5.0
_NOTE = ".json"

Identity = tuple[int, int]


class Unpacking:
    """The temporary entries of one uv of ours.

    Parameters
    ----------
    cache : Path
        uv's cache.
    notes : Path
        Folder below ``SAMJ_HOME`` for the note of what is ours: it is there while uv runs, and for whoever comes
        after a process that was killed.
    """

    def __init__(self, cache: Path, notes: Path) -> None:
        self._cache = cache
        self._notes = notes
        self._note = notes / f"{os.getpid()}-{uuid.uuid4().hex[:8]}{_NOTE}"
        self._group = 0
        self._seen: dict[str, Identity] = {}
        # Reentrant: Ctrl-C cancels from a signal handler, which looks once more.
        self._lock = threading.RLock()
        self._looked = 0.0
        self._members: list[int] = []
        self._asked = 0.0

    @contextlib.contextmanager
    def watched(self, cancel: CancelToken | None = None) -> Iterator[Unpacking]:
        """Look after a uv that runs in the block; what it has left at its end is removed."""
        forget = cancel.on_cancel(self._look_again) if cancel is not None else lambda: None
        with contextlib.ExitStack() as stack:
            # Whether or not a note can be kept, uv is to run.
            with looking():
                self._notes.mkdir(parents=True, exist_ok=True)
                remove_left(self._notes)
                stack.enter_context(hold_lock(self._note.with_suffix(".lock")))
            try:
                yield self
            finally:
                forget()
                with looking():
                    # Ours was killed, which is not to say that it has closed its files by now.
                    _remove(self._cache, self._seen, ended=self._members)
                    self._note.unlink(missing_ok=True)

    def started(self, group: int) -> None:
        """Take note of the process group in which uv runs."""
        self._group = group

    def look(self, *, always: bool = False) -> list[Path]:
        """See what uv has open now; return what of all that was seen is still there.

        `always` also looks when the last look was a moment ago.
        """
        with self._lock:
            now = time.monotonic()
            if self._group and (always or now - self._looked > _PAUSE_S):
                self._looked = now
                self._find(now)
            return [self._cache / name for name, identity in self._seen.items() if self._is(name, identity)]

    def _look_again(self) -> None:
        # Asked before uv is killed: what it has open then is what it leaves. So that it opens nothing after the
        # look, it stands still from here to its end; all but the leader, which kills the others if we go first.
        with self._lock:
            self._members = _members(self._group) if self._group else []
            for number in self._members:
                if number != self._group:
                    with contextlib.suppress(OSError):
                        os.kill(number, signal.SIGSTOP)
            self.look(always=True)

    def _find(self, now: float) -> None:
        # The leader alone is not the whole of it: uv is started by it, and on a busy machine a while later.
        if len(self._members) < 2 or now - self._asked > _KNOWN_S:
            self._members, self._asked = _members(self._group), now
        found = {name for number in self._members for name in _open_below(number, self._cache)}
        new = {name: identity for name in found - self._seen.keys() if (identity := _identity(self._cache / name))}
        if new:
            self._seen |= new
            note = {"cache": os.path.realpath(self._cache), "entries": self._seen}
            write_text_atomically(self._note, json.dumps(note))

    def _is(self, name: str, identity: Identity) -> bool:
        return _identity(self._cache / name) == identity


def remove_left(notes: Path) -> None:
    """Remove what processes that are gone have noted as theirs, and the notes."""
    for entry in list_folder(notes):
        if not entry.name.endswith(_NOTE) or entry.name.startswith("."):
            continue
        with try_lock(entry.path.with_suffix(".lock")) as free:
            if free:
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                    note = json.loads(entry.path.read_text(encoding="utf-8"))
                    seen = {str(name): (int(one), int(two)) for name, (one, two) in note["entries"].items()}
                    _remove(Path(note["cache"]), seen)
                with contextlib.suppress(OSError):
                    entry.path.unlink()


def _remove(cache: Path, seen: dict[str, Identity], *, ended: Collection[int] = ()) -> None:
    left = [name for name, identity in seen.items() if _is_temporary(name) and _identity(cache / name) == identity]
    # Whoever has something open there is at work, whatever the note says.
    others = [number for number in _numbers() if number not in ended] if left else []
    used = {name for number in others for name in _open_below(number, cache)}
    for name in left:
        if name in used:
            continue
        path = cache / name
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()


def _is_temporary(name: str) -> bool:
    return name.startswith(".tmp") and Path(name).name == name


def _identity(path: Path) -> Identity | None:
    """Return what tells an entry from another one that has its name later."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _members(group: int) -> list[int]:
    found = []
    for number in _numbers():
        with contextlib.suppress(OSError, ValueError, IndexError):
            # After the program's name, which may hold anything: state, parent, group.
            words = (_PROCESSES / str(number) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(words[2]) == group:
                found.append(number)
    return found


def _numbers() -> list[int]:
    return [int(entry.name) for entry in list_folder(_PROCESSES) if entry.name.isdigit()]


def _open_below(number: int, cache: Path) -> set[str]:
    """Return the temporary entries of `cache` in which a process has something open."""
    root = os.path.realpath(cache) + os.sep
    names = set()
    descriptors = _PROCESSES / str(number) / "fd"
    for entry in list_folder(descriptors):
        with contextlib.suppress(OSError):
            target = os.readlink(entry.path)  # noqa: PTH115 (thousands of times)
            if target.startswith(root):
                names.add(target[len(root) :].partition(os.sep)[0])
    return {name for name in names if _is_temporary(name)}
