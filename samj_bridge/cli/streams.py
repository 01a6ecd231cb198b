"""What is said beside the answer may find nobody who listens: that never ends the work or changes its exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any, TextIO

__all__ = ["fill_closed", "keep_talk"]


def fill_closed() -> None:
    """Take the numbers of standard streams that were closed from the start (``2>&-``).

    Left free, they would go to the next files that are opened, and what a library says would land there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def keep_talk() -> None:
    """Let go what can't be written to standard error any more: a closed pipe or terminal, a full disk."""
    if not isinstance(sys.stderr, _Kept):
        sys.stderr = _Kept(sys.stderr)


class _Kept(io.TextIOBase):
    """A text stream that swallows what it can't write; for the rest it is the one that it stands for."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text`, if anybody is there."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            self._let_go()
            return len(text)

    def flush(self) -> None:
        """Hand on what was written, if anybody is there."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._let_go()

    def _let_go(self) -> None:
        # What is buffered would fail again when Python ends, and change the exit code.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    # What io.TextIOBase has itself, __getattr__ is not asked for.
    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        try:
            return self._stream.isatty()
        except (OSError, ValueError):
            return False

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's encoding."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What the stream does with characters that it can't show."""
        return self._stream.errors
