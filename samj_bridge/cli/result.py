"""What a command returns, and how it is shown: as text for people or as one JSON object for machines."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from samj_bridge.errors import Cancelled, InputError, SamjError
from samj_bridge.progress import CancelToken, ProgressEvent

__all__ = ["EXIT_CANCELLED", "EXIT_FAILED", "EXIT_USAGE", "Result", "Show", "cancel_on_interrupt", "run_command"]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 130

ENVELOPE_VERSION = 1

_log = logging.getLogger(__name__)


@dataclass
class Result:
    """Outcome of a command."""

    command: str
    """Name of the command, as typed."""
    data: dict[str, Any] = field(default_factory=dict)
    """What ``--json`` prints under ``data``."""
    lines: list[str] = field(default_factory=list)
    """Sentences for people; rich markup."""
    tables: list[Table] = field(default_factory=list)
    """Tables for people, shown before the sentences."""
    failures: list[SamjError] = field(default_factory=list)
    """What went wrong without stopping the rest."""
    ok: bool = True
    """False makes the exit code 1 even without a failure."""


class Show:
    """The two consoles: standard output for data, standard error for talk.

    Parameters
    ----------
    json_output : bool
        One JSON object on standard output and nothing else.
    quiet : bool
        No progress, even on a terminal.
    """

    def __init__(self, *, json_output: bool = False, quiet: bool = False) -> None:
        self.json_output = json_output
        # Without a terminal there is no width to fit: paths must not be broken in two.
        self.out = Console(file=sys.stdout, highlight=False, **_wide(sys.stdout.isatty()))
        self.talk = Console(file=sys.stderr, highlight=False, **_wide(sys.stderr.isatty()))
        self._bars = self.talk.is_terminal and not quiet and not json_output

    @contextmanager
    def progress(self) -> Iterator[Callable[[ProgressEvent], None]]:
        """Show progress bars while the block runs; yields what takes the events. Quiet without a terminal."""
        if not self._bars:
            yield _log_event
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
        )
        bars = Progress(*columns, console=self.talk, transient=True)
        task = bars.add_task("", total=None, amount="")

        def show(event: ProgressEvent) -> None:
            # Not before there is something to show: until then a command may ask questions on the terminal.
            bars.start()
            bars.update(
                task,
                description=escape(event.message),
                completed=event.done,
                total=event.total,
                amount=_amount(event),
            )

        try:
            yield show
        finally:
            bars.stop()

    def result(self, result: Result) -> None:
        """Print a result."""
        if self.json_output:
            self._envelope(result.command, result.data, result.failures, ok=result.ok and not result.failures)
            return
        for table in result.tables:
            self.out.print(table)
        for line in result.lines:
            self.out.print(line)
        for failure in result.failures:
            self.error(failure)

    def error(self, error: SamjError) -> None:
        """Print an error: what happened, then what to do."""
        self.talk.print(f"[bold red]{escape(error.message)}[/]")
        if error.hint:
            self.talk.print(escape(error.hint))

    def failed(self, command: str, error: SamjError) -> None:
        """Print the error that ended a command."""
        if self.json_output:
            self._envelope(command, {}, [error], ok=False)
        else:
            self.error(error)

    def _envelope(self, command: str, data: dict[str, Any], errors: list[SamjError], *, ok: bool) -> None:
        envelope = {
            "version": ENVELOPE_VERSION,
            "command": command,
            "ok": ok,
            "data": data,
            "errors": [error.to_dict() for error in errors],
        }
        # Written, not printed through rich: a machine's line is never wrapped or coloured.
        sys.stdout.write(json.dumps(envelope, default=str, allow_nan=False) + "\n")
        sys.stdout.flush()


def run_command(show: Show, command: str, body: Callable[[], Result]) -> int:
    """Run a command's body, print what comes of it, and return the exit code."""
    try:
        result = body()
    except Cancelled as error:
        show.failed(command, error)
        return EXIT_CANCELLED
    except KeyboardInterrupt:
        show.failed(command, Cancelled("Interrupted."))
        return EXIT_CANCELLED
    except InputError as error:
        show.failed(command, error)
        return EXIT_USAGE
    except SamjError as error:
        show.failed(command, error)
        return EXIT_FAILED
    show.result(result)
    return 0 if result.ok and not result.failures else EXIT_FAILED


@contextmanager
def cancel_on_interrupt() -> Iterator[CancelToken]:
    """Turn the first Ctrl-C into a cancel that cleans up; the second one ends at once."""
    import signal
    import threading

    token = CancelToken()
    if threading.current_thread() is not threading.main_thread():
        yield token
        return

    def interrupted(_number: int, _frame: object) -> None:
        if token.cancelled:
            raise KeyboardInterrupt
        token.cancel()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)


def _amount(event: ProgressEvent) -> str:
    if event.unit == "bytes":
        done = f"{event.done / 1e6:.0f}"
        return f"{done} of {event.total / 1e6:.0f} MB" if event.total else f"{done} MB"
    if event.unit:
        return f"{event.done:.0f} of {event.total:.0f} {event.unit}" if event.total else ""
    return ""


def _log_event(event: ProgressEvent) -> None:
    _log.info("%s: %s", event.stage, event.message)


def _wide(terminal: bool) -> dict[str, Any]:
    return {} if terminal else {"width": 240, "soft_wrap": True}
