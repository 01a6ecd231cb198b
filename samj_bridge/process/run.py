"""Run a child process to its end: output line by line, a deadline, cancel, and nothing left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from samj_bridge.errors import SamjError
from samj_bridge.process import guard
from samj_bridge.progress import CancelToken, notify

__all__ = ["Finished", "kill_tree", "run"]

_KEPT_LINES = 5_000
_GUARD = Path(guard.__file__)


@dataclass(frozen=True)
class Finished:
    """What a child left behind."""

    returncode: int
    """Exit status; negative: the signal that ended it."""
    stdout: tuple[str, ...]
    """Its last lines on standard output (5,000 unless asked for more)."""
    stderr: tuple[str, ...]
    """Its last lines on standard error (5,000 unless asked for more)."""
    timed_out: bool = False
    """Whether it was killed because its time was up."""


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    on_start: Callable[[int], None] | None = None,
    tick_s: float = 0.5,
    timeout_s: float | None = None,
    cancel: CancelToken | None = None,
    kept_lines: int = _KEPT_LINES,
) -> Finished:
    """Run `command` in a process group of its own and wait for it.

    However this function ends, every process of the group has ended too; also when this very process is
    killed, see `samj_bridge.process.guard`.

    Parameters
    ----------
    command : sequence
        Program and arguments; no shell.
    env : mapping
        All variables of the child; `clean_environ` makes good ones.
    cwd : Path, optional
        Where it runs; this process's own working folder by default.
    on_line : callable, optional
        Called with each line on standard error, without its line end, on a thread of its own. Bytes that are
        not UTF-8 arrive as replacement characters.
    on_tick : callable, optional
        Called every `tick_s` seconds on the calling thread.
    on_start : callable, optional
        Called once with the number of the process group. What any of the three raises is kept for the log and
        changes nothing; `Cancelled`, and what is no `Exception`, kills the group and is raised here.
    timeout_s : float, optional
        Seconds after which the group is killed.
    cancel : CancelToken, optional
        Kills the group when set.
    kept_lines : int
        How many of the last lines of each output are kept.

    Raises
    ------
    Cancelled
        `cancel` was set, or a callback raised it; the group has been killed.
    SamjError
        With code ``cannot-start``: there is no such program, or it may not be run.
    """
    if cancel is not None:
        cancel.check()
    process = _start(command, env, cwd)
    lines: tuple[deque[str], deque[str]] = (deque(maxlen=kept_lines), deque(maxlen=kept_lines))
    ended = threading.Event()
    stopped: list[BaseException] = []

    def listen(line: str) -> None:
        # The child's pipe is read to its end whatever happens: a child that can't write any more dies of it.
        try:
            if not stopped:
                notify(on_line, line)
        except BaseException as error:  # noqa: BLE001 (raised where the child is waited for)
            stopped.append(error)
            ended.set()

    readers = [
        threading.Thread(target=_read, args=(process.stdout, lines[0], None), daemon=True),
        threading.Thread(target=_read, args=(process.stderr, lines[1], listen), daemon=True),
    ]
    waiter = threading.Thread(target=_wait, args=(process, ended), daemon=True)
    forget: Callable[[], None] = lambda: None  # noqa: E731
    timed_out = False
    try:
        for thread in (*readers, waiter):
            thread.start()
        notify(on_start, process.pid)
        if cancel is not None:
            forget = cancel.on_cancel(lambda: kill_tree(process))
        timed_out = not _wait_for(ended, timeout_s, on_tick, tick_s)
    finally:
        forget()
        # The leader may have ended before others of its group: they hold the pipes and the files they write.
        kill_tree(process)
        waiter.join(10)
        process.wait()
        for reader in readers:
            reader.join(10)
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()
    if stopped:
        raise stopped[0]
    if cancel is not None:
        cancel.check()
    if process.returncode == guard.CANNOT_START and lines[1] and lines[1][0].startswith(guard.PREFIX):
        raise _cannot_start(str(command[0]), lines[1][0].removeprefix(guard.PREFIX))
    return Finished(process.returncode, tuple(lines[0]), tuple(lines[1]), timed_out)


def kill_tree(process: subprocess.Popen[Any]) -> None:
    """Kill a process that `run` started, and all that it started in turn. Harmless when they have ended."""
    if sys.platform == "win32":
        # NB: written from the documentation, not yet run.
        if process.poll() is None:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], check=False, capture_output=True)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _start(command: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None) -> subprocess.Popen[bytes]:
    arguments = [str(part) for part in command]
    # Inside an embedded Python, sys.executable may be empty or the program that embeds it: go without the guard.
    interpreter = sys.executable if Path(sys.executable or "none").stem.lower().startswith("python") else ""
    guarded = [interpreter, "-I", "-S", str(_GUARD), *arguments] if interpreter else arguments
    # CREATE_NEW_PROCESS_GROUP: the console's Ctrl-C is for samj-bridge, which then ends the child itself.
    flags = 0x200 if sys.platform == "win32" else 0
    try:
        return subprocess.Popen(
            guarded,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            creationflags=flags,
        )
    except OSError as error:
        raise _cannot_start(arguments[0], error.strerror or str(error)) from error


def _cannot_start(program: str, reason: str) -> SamjError:
    message = f"{program} can't be started: {reason.rstrip('.')}."
    return SamjError(message, code="cannot-start", hint="Check that the program exists and may be run.")


def _read(pipe: IO[bytes], lines: deque[str], listen: Callable[[str], None] | None) -> None:
    with pipe:
        # Programs end progress lines with a carriage return.
        for raw in pipe:
            for line in raw.decode("utf-8", errors="replace").splitlines():
                lines.append(line)
                if listen is not None:
                    listen(line)


def _wait(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    if hasattr(os, "waitid"):
        # Not collected yet: while the leader is a zombie, its number can't become another group's.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
    ended.set()


def _wait_for(
    ended: threading.Event, timeout_s: float | None, on_tick: Callable[[], None] | None, tick_s: float
) -> bool:
    left_s = float("inf") if timeout_s is None else timeout_s
    while left_s > 0:
        slice_s = min(left_s, tick_s if on_tick is not None else 3600.0)
        if ended.wait(slice_s):
            return True
        left_s -= slice_s
        notify(on_tick)
    return ended.is_set()
