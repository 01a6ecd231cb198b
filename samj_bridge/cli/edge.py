"""The edge of the command line: whatever happens ends in words and an exit code, with ``--json`` in one object.

Usage errors, ``--help``, Ctrl-C while Python still reads its modules, a standard output that is closed, full, or
can't spell a name: a program that asked for JSON gets it all the same, and exit code 0 only when it got the whole
answer.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import typer

from samj_bridge.cli.result import EXIT_CANCELLED, EXIT_FAILED, EXIT_USAGE
from samj_bridge.cli.running import in_words
from samj_bridge.cli.show import Show, envelope
from samj_bridge.cli.streams import fill_closed, keep_talk
from samj_bridge.errors import Cancelled, InputError, SamjError
from samj_bridge.settings import Settings

__all__ = ["run_app"]


def run_app(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the command line; return its exit code.

    Parameters
    ----------
    app : typer.Typer
        All commands.
    arguments : sequence of str
        As typed, without the program's name.
    """
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    json_output = "--json" in arguments[:end]
    # It may stand anywhere, and where no command takes it: before one, beside --version, in place of one.
    arguments = [*(item for item in arguments[:end] if item != "--json"), *arguments[end:]]
    _prepare_streams(json_output=json_output)
    # click puts another in its place once a pipe is closed.
    output = sys.stdout
    try:
        code = _run(app, arguments, json_output)
        output.flush()
    except OSError as error:
        return _unheard(error, output)
    return code


def _run(app: typer.Typer, arguments: Sequence[str], json_output: bool) -> int:
    command = ""
    try:
        code = app(args=list(arguments), prog_name="samj-bridge", standalone_mode=False) or 0
        problem: SamjError | None = Cancelled("Interrupted.") if code == EXIT_CANCELLED else None
    except KeyboardInterrupt:
        code, problem = EXIT_CANCELLED, Cancelled("Interrupted.")
    except SystemExit as end:
        code, problem = end.code if isinstance(end.code, int) else EXIT_FAILED * bool(end.code), None
    except SamjError as error:
        code, problem = EXIT_USAGE if isinstance(error, InputError) else EXIT_FAILED, error
    except OSError as error:
        if error.errno == errno.EPIPE or _is_streams(error):
            raise
        code, problem = EXIT_FAILED, in_words(error, _logs)
    except Exception as error:  # noqa: BLE001 - typer's own errors can't be named: it brings click along or not
        if not hasattr(error, "format_message"):
            code, problem = EXIT_FAILED, in_words(error, _logs)
        elif type(error).__name__ == "NoArgsIsHelpError" and not json_output:
            # typer printed the help.
            return EXIT_USAGE
        else:
            code, command, problem = EXIT_USAGE, _command(error), _usage(error)
    aside = sys.stdout
    if isinstance(aside, _Aside):
        if not aside.answered:
            _answer(aside, command, problem, code)
        aside.tell_rest()
    elif problem is not None and not isinstance(problem, Cancelled):
        Show().failed(command, problem)
    return code


def _answer(aside: _Aside, command: str, problem: SamjError | None, code: int) -> None:
    """Give the one object where no command did: after a usage error, or for help."""
    if problem is None and code:
        message = "The command ended without an answer."
        problem = SamjError(message, code="no-answer", hint="See: samj-bridge --help")
    data = {}
    if problem is None:
        data["text"], aside.text = aside.text.strip(), ""
    aside.answer(envelope(command, data, [problem] if problem else [], ok=not code))


def _usage(error: Any) -> InputError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "samj-bridge"
    if type(error).__name__ == "NoArgsIsHelpError":
        message = f"{path} was called without a command."
    else:
        message = str(error.format_message()).strip()
    return InputError(message, code="usage", hint=f"See: {path} --help")


def _command(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return "" if context is None else str(context.command_path).partition(" ")[2]


def _logs() -> Path:
    return Settings.from_environment().logs_dir


class _Aside(io.TextIOBase):
    """Stands in for standard output while a machine listens: only the answer goes there, all else is put aside."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream, self.answered, self.text = stream, False, ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def answer(self, line: str) -> None:
        """Write the answer; there is one only."""
        if not self.answered:
            self.answered = True
            self.stream.write(line)
            self.stream.flush()

    def tell_rest(self) -> None:
        """Say on standard error what was printed besides."""
        sys.stderr.write(self.text)
        self.text = ""


class _Closed(io.TextIOBase):
    """Stands in for a standard output that was closed before the program began."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "standard output is closed") if text else AssertionError

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


def _prepare_streams(*, json_output: bool) -> None:
    fill_closed()
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the very end
    if sys.stdout is None:
        sys.stdout = _Closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal can't spell is shown with escapes: it is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    keep_talk()
    if json_output:
        sys.stdout = _Aside(_own_stream(sys.stdout))


def _own_stream(stream: Any) -> IO[str]:
    """Return standard output for the answer alone: what Java or a library writes to it goes to standard error."""
    with suppress(OSError, io.UnsupportedOperation):
        if stream.fileno() == 1:
            stream.flush()
            own = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
            os.dup2(2, 1)
            return own
    return stream  # type: ignore[no-any-return]


def _is_streams(error: OSError) -> bool:
    """Whether standard output itself is what failed: the error then names no file."""
    return error.filename is None and error.errno in (errno.ENOSPC, errno.EBADF, errno.EIO)


def _unheard(error: OSError, output: Any) -> int:
    """Say that the answer could not be given; whoever closed a pipe knows it."""
    if error.errno != errno.EPIPE:
        with suppress(OSError):
            reason = error.strerror or str(error)
            sys.stderr.write(
                f"The answer could not be written to standard output: {reason}. What was done is done.\n"
            )
            sys.stderr.flush()
    # Python would try once more at its end, and complain: what is left goes nowhere.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        with suppress(OSError):
            stream = output.stream if isinstance(output, _Aside) else output
            os.dup2(nowhere.fileno(), stream.fileno())
        with suppress(OSError):
            os.dup2(nowhere.fileno(), 1)
    return EXIT_FAILED
