"""Frames that a client sends before it asks for a run through them: few, small, in a folder of the server's own."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from samj_bridge.errors import InputError

__all__ = ["Uploads"]

_FOLDER = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_FILE = re.compile(r"[0-9]{1,7}\.jpe?g", re.IGNORECASE)
_MOST_FOLDERS = 4
_MOST_FILES = 4000
_MOST_BYTES = 1 << 30
_KEPT_S = 3600.0


class _Readable(Protocol):
    async def read(self, size: int = -1, /) -> bytes: ...


class Uploads:
    """Folders of frames by the names that clients give them. Nothing is ever written anywhere else.

    A name is taken only if it is plain letters, digits and dashes; old folders go when there are too many.
    """

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="samj-serve-"))
        self._folders: OrderedDict[str, tuple[float, int, int]] = OrderedDict()
        self._lock = threading.Lock()

    async def keep(self, folder: str, name: str, file: _Readable) -> str:
        """Keep a frame; returns its name.

        Raises
        ------
        InputError
            ``bad-name``, or ``too-much``.
        """
        if not _FOLDER.fullmatch(folder) or not _FILE.fullmatch(name):
            message = f"{folder!r:.80} and {name!r:.80} are no names for an upload."
            hint = "A folder's name is letters, digits and dashes; a frame's is its number, as 007.jpg."
            raise InputError(message, code="bad-name", hint=hint)
        data = await file.read()
        await run_in_threadpool(self._write, folder, name, data)
        return name

    def frames(self, name: str) -> list[Path]:
        """Return the frames of a folder in the order of their numbers; empty: there is no such folder."""
        folder = self.folder(name)
        return [] if folder is None else sorted(folder.iterdir(), key=lambda path: int(path.stem))

    def folder(self, name: str) -> Path | None:
        """Return the folder of that name; None: there is none."""
        with self._lock:
            return self._root / name if name in self._folders else None

    def drop(self, name: str) -> None:
        """Remove a folder, if there is one of that name."""
        with self._lock:
            if self._folders.pop(name, None) is not None:
                shutil.rmtree(self._root / name, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _write(self, folder: str, name: str, data: bytes) -> None:
        now = time.monotonic()
        with self._lock:
            new = folder not in self._folders
            for old, (begun, _, _) in list(self._folders.items()):
                crowded = new and len(self._folders) >= _MOST_FOLDERS
                if old != folder and (crowded or now - begun > _KEPT_S):
                    del self._folders[old]
                    shutil.rmtree(self._root / old, ignore_errors=True)
            begun, files, size = self._folders.get(folder, (now, 0, 0))
            total = sum(other for _, _, other in self._folders.values())
            if files >= _MOST_FILES or total + len(data) > _MOST_BYTES:
                message = f"There are {files} frames here already, and {total / 1e6:.0f} MB in all."
                raise InputError(message, code="too-much", hint="Take fewer or smaller frames.")
            (self._root / folder).mkdir(exist_ok=True)
            try:
                (self._root / folder / name).write_bytes(data)
            except OSError:
                # Half a frame would take up what little space there is.
                (self._root / folder / name).unlink(missing_ok=True)
                raise
            self._folders[folder] = (begun, files + 1, size + len(data))
