"""Callbacks that raise change nothing, but `Cancelled` stops; a cancel reaches all who asked to hear of it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import pytest

from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.progress import CancelToken, ProgressEvent, looking, notify


def bad(*what: object) -> None:
    raise RuntimeError(*what)


def test_what_a_callback_raises_is_kept_for_the_log_once_per_kind(caplog: pytest.LogCaptureFixture) -> None:
    def other(*what: object) -> None:
        raise SamjError("a user's own error")

    with caplog.at_level(logging.DEBUG, "samj_bridge.progress"):
        for number in range(50):
            notify(bad, number)
            notify(other, ProgressEvent("x", "y"))
    loud = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(loud) == 2
    assert all(record.exc_info for record in loud)
    assert len(caplog.records) == 100


def test_cancelled_and_what_is_no_exception_pass(caplog: pytest.LogCaptureFixture) -> None:
    def stop(kind: type[BaseException]) -> None:
        raise kind("enough")

    for kind in (Cancelled, KeyboardInterrupt, SystemExit):
        with pytest.raises(kind):
            notify(stop, kind)
        with pytest.raises(kind), looking():
            stop(kind)
    notify(None, 1)
    assert caplog.records == []


def test_a_log_that_fails_changes_nothing_either() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("the disk of the log is full")

    log = logging.getLogger("samj_bridge.progress")
    log.addHandler(handler := Broken())
    try:
        notify(lambda: int("no number"))
    finally:
        log.removeHandler(handler)


def test_a_cancel_calls_all_whatever_one_of_them_raises() -> None:
    token, called = CancelToken(), []

    def stop() -> None:
        called.append("stop")
        raise Cancelled("I was first")

    token.on_cancel(bad)
    token.on_cancel(stop)
    forget = token.on_cancel(lambda: called.append("forgotten"))
    token.on_cancel(lambda: called.append("last"))
    forget()
    token.cancel()
    token.cancel()
    assert called == ["stop", "last"]
    # Too late, and still called, once.
    token.on_cancel(bad)
    token.on_cancel(lambda: called.append("late"))()
    assert called == ["stop", "last", "late"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals between threads")
def test_a_cancel_from_a_signal_handler_never_waits_for_the_thread_that_it_interrupts() -> None:
    token, heard = CancelToken(), []
    before = signal.signal(signal.SIGALRM, lambda *_: token.cancel())
    try:
        # As if the signal came while this thread registers something.
        with token._lock:
            os.kill(os.getpid(), signal.SIGALRM)
            token._callbacks.append(lambda: heard.append(1))
        token.on_cancel(lambda: heard.append(2))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert token.cancelled
    assert heard == [1, 2]


def test_many_threads_register_while_another_cancels_and_each_is_called_once() -> None:
    for _ in range(50):
        token, called, ready = CancelToken(), [], threading.Barrier(5)

        def register(token=token, called=called, ready=ready):  # type: ignore[no-untyped-def]
            ready.wait()
            for number in range(20):
                token.on_cancel(lambda number=number: called.append(number))

        threads = [threading.Thread(target=register) for _ in range(4)]
        for thread in threads:
            thread.start()
        ready.wait()
        token.cancel()
        for thread in threads:
            thread.join()
        assert sorted(called) == sorted(list(range(20)) * 4)
