"""Runs a command, and says in words whatever can end it."""

from __future__ import annotations

import errno
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from samj_bridge.cli.result import EXIT_CANCELLED, EXIT_FAILED, EXIT_USAGE, Result
from samj_bridge.cli.show import Show
from samj_bridge.errors import Cancelled, InputError, SamjError
from samj_bridge.progress import CancelToken

__all__ = ["cancel_on_interrupt", "in_words", "run_command"]

_log = logging.getLogger(__name__)

_GRACE_S = 30.0
_TWICE_S = 1.0


def run_command(show: Show, command: str, body: Callable[[], Result], logs: Callable[[], Path]) -> int:
    """Run a command's body, print what comes of it, and return the exit code.

    ``logs`` says in which folder the traceback of an error goes that nobody foresaw.
    """
    try:
        result = body()
    except (Cancelled, KeyboardInterrupt) as error:
        show.failed(command, error if isinstance(error, Cancelled) else Cancelled("Interrupted."))
        return EXIT_CANCELLED
    except InputError as error:
        show.failed(command, error)
        return EXIT_USAGE
    except SamjError as error:
        show.failed(command, error)
        return EXIT_FAILED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback; it is kept for who mends it
        show.failed(command, in_words(error, logs))
        return EXIT_FAILED
    show.result(result)
    return 0 if result.ok and not result.failures else EXIT_FAILED


def in_words(error: Exception, logs: Callable[[], Path]) -> SamjError:
    """Return an error that nobody foresaw as one with a sentence; its traceback is written to a file."""
    _log.info("unforeseen", exc_info=error)
    if isinstance(error, MemoryError):
        message = "There was not enough memory for this."
        return SamjError(message, code="no-memory", hint="Close other programs, or do less at once.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" ({error.filename})" if error.filename else ""
        return SamjError(f"The disk is full{where}.", code="no-space", hint="Make space, then try again.")
    said = str(error).strip()
    message = f"samj-bridge made a mistake: {type(error).__name__}" + (f", {said}." if said else ".")
    try:
        folder = logs()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "last-error.txt"
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    except (OSError, SamjError):
        return SamjError(message, code="internal", hint="Once more with --verbose shows where. Please report it.")
    return SamjError(message, code="internal", hint=f"Please report it with the file {path}.", log=str(path))


@contextmanager
def cancel_on_interrupt() -> Iterator[CancelToken]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into a cancel that cleans up; a second one ends at once.

    A closed terminal, or ``timeout``, sends its signal twice: what follows within a second counts once. Nobody may
    be there to send another one: a command that never looks at its token is interrupted after half a minute.
    """
    import signal
    import threading
    import time

    token = CancelToken()
    if threading.current_thread() is not threading.main_thread():
        yield token
        return
    hurry = threading.Timer(_GRACE_S, _interrupt, (threading.get_ident(),))
    hurry.daemon = True
    first: list[float] = []

    def stop(number: int, _frame: object) -> None:
        by_hand = number == signal.SIGINT
        if not first:
            first.append(time.monotonic())
            if not by_hand:
                hurry.start()
            token.cancel()
        elif by_hand or time.monotonic() - first[0] > _TWICE_S:
            raise KeyboardInterrupt

    before = {signal.SIGINT: signal.signal(signal.SIGINT, stop)}
    # Windows has no SIGHUP. Who ignores a signal, as nohup does, wants that to stay so.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) not in {signal.SIG_IGN, None}:
            before[number] = signal.signal(number, stop)
    try:
        yield token
    finally:
        hurry.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(thread: int) -> None:
    """Do as Ctrl-C does."""
    import signal

    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, signal.SIGINT)
