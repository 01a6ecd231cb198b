"""Work for a worker that nobody asks anything: begun after a pause, and given up as soon as somebody does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from samj_bridge.errors import SamjError
from samj_bridge.progress import CancelToken

__all__ = ["IdleWork"]

_log = logging.getLogger(__name__)

PAUSE_S = 0.3
"""Seconds without a call after which the worker is taken to be idle: longer than from one prompt to the next."""


class IdleWork:
    """One piece of work at a time; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: CancelToken | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def offer(self, steps: Iterable[Callable[[CancelToken], None]]) -> None:
        """Do these steps one by one when nobody has asked for a while, instead of what was offered before.

        A step may raise any `SamjError`: nobody waits for it, and what it did not do is done when it is needed.
        """
        self.interrupt()
        with self._lock:
            if self._closed:
                return
            token = CancelToken()
            thread = threading.Thread(target=_do, args=(steps, token), name="idle work", daemon=True)
            self._token, self._thread = token, thread
            thread.start()

    def interrupt(self) -> None:
        """Give up what is being done, unless this is called by it."""
        with self._lock:
            if self._thread is not threading.current_thread() and self._token is not None:
                self._token.cancel()
                self._token = self._thread = None

    def close(self) -> None:
        """Give up what is being done, and take no more."""
        with self._lock:
            self._closed = True
        self.interrupt()


def _do(steps: Iterable[Callable[[CancelToken], None]], token: CancelToken) -> None:
    woken = threading.Event()
    token.on_cancel(woken.set)
    woken.wait(PAUSE_S)
    try:
        for step in steps:
            if token.cancelled:
                return
            step(token)
    except SamjError as error:
        _log.debug("idle work ended: %s", error)
