"""Bring a file to the disk while more of it is still coming."""

from __future__ import annotations

import os
import threading

__all__ = ["Flusher"]

_STEP = 16 << 20


class Flusher:
    """Has a file brought to the disk every 16 MiB, on a thread of its own.

    Otherwise most of a large file waits in memory until the fsync at its end, and whoever fetched it waits as long
    as the disk takes for all of it.

    Parameters
    ----------
    descriptor : int
        Of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._due = threading.Semaphore(0)
        self._error: OSError | None = None
        self._closing = False
        self._asked_at = 0
        self._thread: threading.Thread | None = None

    def wrote(self, count: int) -> None:
        """Say how many bytes there are by now.

        Raises
        ------
        OSError
            The disk refused some of those before.
        """
        self._complain()
        # Windows lets a file be written or flushed, one after the other: nothing is won there.
        if count - self._asked_at >= _STEP and os.name == "posix":
            self._asked_at = count
            if self._thread is None:
                # One of its own: whoever cancels closes the file at once, and does not wait for a slow disk.
                own = os.dup(self._descriptor)
                self._thread = threading.Thread(target=self._work, args=(own,), name="samj-flush", daemon=True)
                self._thread.start()
            self._due.release()

    def finish(self) -> None:
        """Bring the rest to the disk; returns when all of it is there.

        Raises
        ------
        OSError
            The disk refused some of it.
        """
        self.close()
        if self._thread is not None:
            self._thread.join()
        # The system tells an error of writing once only: if the thread was told, nobody else will be.
        self._complain()
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let the thread end, without waiting for it."""
        self._closing = True
        self._due.release()

    def _complain(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self, descriptor: int) -> None:
        try:
            while self._due.acquire() and not self._closing:
                os.fsync(descriptor)
        except OSError as error:
            self._error = error
        finally:
            os.close(descriptor)
