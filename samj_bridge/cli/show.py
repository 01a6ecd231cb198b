"""How results are shown: as text for people, or as one JSON object for machines.

Here, and nowhere else, text meets rich: a string is a string there.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from samj_bridge.cli.result import Result, seen, styled
from samj_bridge.errors import SamjError
from samj_bridge.progress import ProgressEvent

__all__ = ["Show", "envelope", "is_asked_for_json"]

ENVELOPE_VERSION = 1

_log = logging.getLogger(__name__)


def envelope(command: str, data: dict[str, Any], errors: list[SamjError], *, ok: bool) -> str:
    """Return what ``--json`` prints: one line."""
    content = {
        "version": ENVELOPE_VERSION,
        "command": command,
        "ok": ok,
        "data": data,
        "errors": [error.to_dict() for error in errors],
    }
    return json.dumps(content, default=str, allow_nan=False) + "\n"


def is_asked_for_json() -> bool:
    """Return whether the command line was asked for JSON, wherever ``--json`` stood: only the answer is printed."""
    return hasattr(sys.stdout, "answer")


class Show:
    """The two consoles: standard output for data, standard error for talk.

    Parameters
    ----------
    json_output : bool
        One JSON object on standard output and nothing else.
    quiet : bool
        No progress, even on a terminal.
    progress_lines : bool
        Every step as a line of JSON on standard error, for a program that shows it in its own way.
    """

    def __init__(self, *, json_output: bool = False, quiet: bool = False, progress_lines: bool = False) -> None:
        self.json_output = json_output
        self._lines = progress_lines
        # Without a terminal there is no width to fit: paths must not be broken in two.
        self.out = _Console(file=sys.stdout, highlight=False, **_wide(sys.stdout.isatty()))
        self.talk = _Console(file=sys.stderr, highlight=False, **_wide(sys.stderr.isatty()))
        self._bars = self.talk.is_terminal and not quiet and not json_output

    @contextmanager
    def progress(self) -> Iterator[Callable[[ProgressEvent], None]]:
        """Show progress bars while the block runs; yields what takes the events. Quiet without a terminal."""
        if self._lines:
            yield _LineTeller()
            return
        if not self._bars:
            yield _log_event
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeElapsedColumn(),
        )
        bars = Progress(*columns, console=self.talk, transient=True)
        task = bars.add_task("", total=None, amount="")

        def show(event: ProgressEvent) -> None:
            # Not before there is something to show: until then a command may ask questions on the terminal.
            bars.start()
            bars.update(
                task,
                description=seen(event.message),
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
            ok = result.ok and not result.failures
            self._machine(envelope(result.command, result.data, result.failures, ok=ok))
            return
        for table in result.tables:
            self.out.print(table)
        for line in result.lines:
            self.out.print(line)
        for failure in result.failures:
            self.error(failure)

    def error(self, error: SamjError) -> None:
        """Print an error: what happened, then what to do."""
        self.talk.print(styled((error.message, "bold red")))
        if error.hint:
            self.talk.print(error.hint)

    def failed(self, command: str, error: SamjError) -> None:
        """Print the error that ended a command."""
        if self.json_output:
            self._machine(envelope(command, {}, [error], ok=False))
        else:
            self.error(error)

    @staticmethod
    def _machine(line: str) -> None:
        # Written, not printed through rich: a machine's line is never wrapped or coloured.
        answer = getattr(sys.stdout, "answer", sys.stdout.write)
        answer(line)
        sys.stdout.flush()


class _Console(Console):
    """A console to which a string is a string."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(seen(text), **{**options, "markup": False, "emoji": False})


class _LineTeller:
    """Writes events as lines; of those that differ in numbers only, ten in a second: nobody reads more."""

    def __init__(self) -> None:
        self._last = ("", "")
        self._next = 0.0

    def __call__(self, event: ProgressEvent) -> None:
        what, now = (event.stage, event.message), time.monotonic()
        if what == self._last and now < self._next and event.done != event.total:
            return
        self._last, self._next = what, now + 0.1
        sys.stderr.write(json.dumps({"progress": vars(event)}, allow_nan=False) + "\n")
        sys.stderr.flush()


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
