"""Run a command, and kill everything it started when the parent of this process goes away.

A program of its own, started by path with ``python -I -S``: it knows nothing but the standard library.
Its standard input is a pipe that the parent holds open and never writes to. Once the pipe ends, the parent
is gone, however it went (a SIGKILL leaves it no time to clean up), and so must be the command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

CANNOT_START = 127
PREFIX = "samj-guard: "
"""What the only line on standard error begins with when the command can't be started."""


def _watch(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(child.pid)],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        os._exit(1)
    # The guard leads the group (the parent started it so) and goes down with it.
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run `command` to its end and return its exit status."""
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{PREFIX}{error.strerror or error}\n")
        return CANNOT_START
    threading.Thread(target=_watch, args=(child,), daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    # The watching thread may sit in read(): don't wait for it.
    os._exit(status if status >= 0 else 128 - status)
