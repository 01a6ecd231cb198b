"""One set-up from nothing: started on a terminal, perhaps interrupted, and looked at afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

# The program becomes the command, once the terminal is its own: keys and the end of the window reach it.
_ON_TERMINAL = """
import fcntl, os, signal, sys, termios
# Where this benchmark itself was started with nohup: a new terminal ignores nothing.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_LIMIT_S = 1500.0
_END_S = 30.0
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\].*?\x07")


@dataclass
class Outcome:
    """What came of one run."""

    outcome: str
    """``ok``, or in a few words what went wrong."""
    seconds: float
    """How long the set-up took; of an interrupted one, both parts."""
    tail: list[str] = field(default_factory=list)
    """Its last lines, if something went wrong."""
    moment_s: float = 0.0
    """When it was interrupted; 0: it was not."""
    cache_left_bytes: int = 0
    """What lies in temporary folders of uv's cache in the end."""


class Terminal:
    """A command on a terminal of its own, whose window can be closed and whose keys can be pressed."""

    def __init__(self, command: list[str | Path], environ: dict[str, str], cwd: Path) -> None:
        self._master, slave = pty.openpty()

        try:
            # Nothing to read from: nobody answers questions.
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _ON_TERMINAL, *(str(part) for part in command)],
                stdin=subprocess.DEVNULL,
                stdout=slave,
                stderr=slave,
                env=environ,
                cwd=cwd,
                start_new_session=True,
            )
        finally:
            os.close(slave)
        self.text = bytearray()

    def wait(self, seconds: float) -> bool:
        """Read what it says for up to `seconds`; tell whether it has ended."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._read(min(left, 0.2))
        while self._read(0):
            pass
        return True

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C: the terminal sends SIGINT to the group in front."""
        os.write(self._master, b"\x03")

    def close(self) -> None:
        """Close the window: the kernel sends SIGHUP, and whatever is written from now on fails."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def kill(self) -> None:
        """End whatever of it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.close()

    @property
    def lines(self) -> list[str]:
        """What it said, without colours and empty lines."""
        text = _CODES.sub("", self.text.decode("utf-8", errors="replace"))
        return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]

    def _read(self, seconds: float) -> bool:
        if self._master < 0:
            time.sleep(seconds)
            return False
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            # Linux's way to say that nobody has the other end open any more.
            time.sleep(min(seconds, 0.05))
            return False
        self.text += data
        # Bars that turn for minutes: only the end is of interest.
        del self.text[: -(1 << 20)]
        return bool(data)


def set_up(command: Path, environ: dict[str, str], home: Path) -> Outcome:
    """Run ``samj-bridge setup`` and look whether the environment that it made works."""
    started = time.monotonic()
    terminal = Terminal([command, "setup"], environ, home)
    try:
        ended = terminal.wait(_LIMIT_S)
        seconds = time.monotonic() - started
    finally:
        terminal.kill()
    if not ended:
        return Outcome(f"hung for {_LIMIT_S:g} s", seconds, terminal.lines[-30:])
    return judge(command, environ, home, terminal, seconds)


def interrupt(command: Path, environ: dict[str, str], home: Path, *, how: str, after_s: float) -> Outcome:
    """Interrupt a set-up by ``ctrl-c`` or by closing its terminal (``hangup``), start it again, and look."""
    started = time.monotonic()
    terminal = Terminal([command, "setup"], environ, home)
    try:
        early = terminal.wait(after_s)
        if not early and how == "ctrl-c":
            terminal.press_ctrl_c()
        elif not early:
            terminal.close()
        ended = terminal.wait(_END_S)
    finally:
        terminal.kill()
    first_s = time.monotonic() - started
    if not ended:
        return Outcome(f"did not end within {_END_S:g} s of {how}", first_s, terminal.lines[-30:], after_s)
    if "Traceback (most recent call last)" in "\n".join(terminal.lines):
        return Outcome(f"a traceback at {how}", first_s, terminal.lines[-60:], after_s)
    status = terminal.process.returncode
    if not early and how == "ctrl-c" and status not in (0, 130):
        return Outcome(f"exit status {status} at ctrl-c", first_s, terminal.lines[-30:], after_s)
    alive = _wait_for_end(home)
    if alive:
        return Outcome(f"left running: {alive}", first_s, terminal.lines[-30:], after_s)
    again = set_up(command, environ, home)
    return Outcome(again.outcome, first_s + again.seconds, again.tail, after_s, again.cache_left_bytes)


def judge(command: Path, environ: dict[str, str], home: Path, terminal: Terminal, seconds: float) -> Outcome:
    """Say what came of a set-up that has ended."""
    lines = terminal.lines
    status = terminal.process.returncode
    if "Traceback (most recent call last)" in "\n".join(lines):
        return Outcome(f"a traceback: {lines[-1][:150]}", seconds, lines[-60:])
    if status != 0:
        said = " ".join(line for line in lines[-8:] if "Download" not in line and "━" not in line) or "not a word"
        return Outcome(f"exit status {status}: {said[:200]}", seconds, lines[-30:])
    checked = subprocess.run(
        [command, "env", "check", "--json"],
        check=False,
        env=environ,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if checked.returncode != 0 or not json.loads(checked.stdout)["data"]["healthy"]:
        return Outcome("ended well, but the environment does not work", seconds, checked.stdout.splitlines()[-30:])
    alive = _wait_for_end(home)
    if alive:
        return Outcome(f"left running: {alive}", seconds, lines[-30:])
    builds = [path for path in (home / "samj-bridge" / "envs" / "samj").iterdir() if path.is_dir()]
    builds = [path for path in builds if path.name != "leases"]
    if len(builds) != 1:
        return Outcome(f"{len(builds)} builds are left in the home", seconds, [str(path) for path in builds])
    return Outcome("ok", seconds, cache_left_bytes=_size_of_temporary(home))


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` processes busy while the block runs."""
    code = "while True: sum(range(1000))"
    children = [subprocess.Popen([sys.executable, "-I", "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def remove(folder: Path) -> None:
    """Remove the folder of a run: gigabytes."""
    for pause_s in (0.2, 1.0, 0):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(pause_s)


def _wait_for_end(home: Path, patience_s: float = 15.0) -> str:
    """Return the name of a process that still works in `home` after a while; empty: there is none."""
    end = time.monotonic() + patience_s
    while True:
        commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
        names = [command[:120] for command in commands if str(home) in command]
        if not names or time.monotonic() > end:
            return names[0] if names else ""
        time.sleep(0.25)


def _size_of_temporary(home: Path) -> int:
    size = 0
    for folder in (home / ".cache" / "uv").glob(".tmp*"):
        for parent, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    size += Path(parent, name).lstat().st_size
    return size
