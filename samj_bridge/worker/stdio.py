"""The protocol's own file descriptors: whatever a library prints or reads can't get in the way."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO

from samj_bridge.protocol.codec import encode_line

__all__ = ["Writer", "take_over"]


class Writer:
    """Writes whole lines to a file descriptor, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any]) -> None:
        """Write a message as one line.

        When nobody reads any more the host is gone and there is nothing left to work for: the process ends.
        """
        rest = memoryview(encode_line(message))
        with self._lock:
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                os._exit(0)


def take_over() -> tuple[BinaryIO, Writer]:
    """Return the requests and the writer of responses, on private copies of descriptors 0 and 1.

    Descriptor 1 then leads to the log (standard error) and descriptor 0 to nothing. The copies are not
    inherited by child processes, so the pipes close when this process ends.
    """
    requests, responses = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if isinstance(sys.stderr, io.TextIOWrapper):
        # A print of anything at all must not fail, and must be in the log at once.
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.stdout = sys.stderr
    return os.fdopen(requests, "rb"), Writer(responses)
