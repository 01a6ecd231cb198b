"""Whose turn it is to work on an environment: one process does, the others wait and show how far that one is.

::

    envs/samj/lock            held by whoever makes or removes environments
    envs/samj/progress.json   its last step; for those who wait, and gone when it is done
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from samj_bridge.process.locks import Holder, hold_lock
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, looking, notify

__all__ = ["BOARD_NAME", "take_turn"]

BOARD_NAME = "progress.json"
_PAUSE_S = 0.2


@contextlib.contextmanager
def take_turn(folder: Path, name: str, progress: Progress, cancel: CancelToken | None) -> Iterator[Progress]:
    """Be the only one to work on environment `name` while the block runs.

    Parameters
    ----------
    folder : Path
        The folder of all its builds.
    name : str
        Its name, for messages.
    progress : callable
        Told whom it waits for, and that one's steps, with stage ``wait``.
    cancel : CancelToken, optional
        Ends the waiting.

    Yields
    ------
    Progress
        To be told of every step of the block: passes it on to `progress`, and to those who wait.

    Raises
    ------
    FileError
        The lock can't be taken.
    Cancelled
        `cancel` was set while waiting.
    """
    board = folder / BOARD_NAME
    shown: list[str] = []

    def on_wait(holder: Holder) -> None:
        who = (
            f"process {holder['pid']} on {holder['host']}, since {holder['since']}" if holder else "another process"
        )
        notify(progress, ProgressEvent("wait", f"Waiting for {who}, which is working on the environment {name}."))

    def on_tick() -> None:
        step = _read(board)
        if step is not None and str(step) not in shown[-1:]:
            shown.append(str(step))
            notify(progress, step)

    with hold_lock(folder / "lock", on_wait=on_wait, on_tick=on_tick, cancel=cancel):
        try:
            yield _Board(board, progress).tell
        finally:
            with contextlib.suppress(OSError):
                board.unlink()


class _Board:
    """Writes the last step down, now and then: nobody needs each of them."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path = path
        self._progress = progress
        self._lock = threading.Lock()
        self._last: tuple[str, float] = ("", 0.0)

    def tell(self, event: ProgressEvent) -> None:
        with self._lock:
            stage, when = self._last
            now = time.monotonic()
            if event.stage != stage or now - when > _PAUSE_S:
                self._last = (event.stage, now)
                self._write(event)
        notify(self._progress, event)

    def _write(self, event: ProgressEvent) -> None:
        temporary = self._path.with_name(f".{self._path.name}")
        # Only for those who wait: no reason to fail when it can't be written.
        with contextlib.suppress(OSError), looking():
            temporary.write_text(json.dumps({"pid": os.getpid(), **asdict(event)}), encoding="utf-8")
            temporary.replace(self._path)


def _read(board: Path) -> ProgressEvent | None:
    try:
        values = json.loads(board.read_text(encoding="utf-8"))
        total = values["total"]
        return ProgressEvent(
            "wait",
            f"Process {values['pid']}: {values['message']}",
            float(values["done"]),
            None if total is None else float(total),
            str(values["unit"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
