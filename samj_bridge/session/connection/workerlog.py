"""The worker's stderr in a file that stays small; nothing that goes wrong with it may stop the work."""

from __future__ import annotations

import logging
import logging.handlers
import threading
from pathlib import Path

__all__ = ["WorkerLog"]

_LARGEST = 1 << 20
_KEPT = 2


class WorkerLog:
    """Appends lines to ``worker.log`` in a folder, which is made when the first line comes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "worker.log"
        self._lock = threading.Lock()
        self._handler: logging.Handler | None = None
        self._closed = False

    def write(self, line: str) -> None:
        """Append a line; a full disk or a folder without permission is silently put up with."""
        with self._lock:
            if self._closed:
                return
            if self._handler is None:
                self._handler = _open(self.path)
            record = logging.LogRecord("worker", logging.INFO, "", 0, line, None, None)
            self._handler.handle(record)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            if self._handler is not None:
                self._handler.close()


class _QuietHandler(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Ignore it: the log is a help, not a condition."""


def _open(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _QuietHandler(path, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8", errors="replace")
    except OSError:
        return logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s [%(process)d] %(message)s"))
    return handler
