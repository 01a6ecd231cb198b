"""What a command returns: data for machines, sentences and tables for people.

A plain string is shown letter by letter: names of files, models and labels, and what other programs say, may hold
anything, ``[bold]`` and control codes included. Styles are given by `styled` alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rich.table import Table
from rich.text import Text

from samj_bridge.errors import SamjError

__all__ = ["EXIT_CANCELLED", "EXIT_FAILED", "EXIT_USAGE", "Line", "Result", "about", "seen", "styled"]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 130

Line: TypeAlias = "str | Text"
"""A sentence for people: plain, or `styled`."""

# Control codes would move the cursor or colour what follows; those of right-to-left writing turn a name round; half
# letters (of names that are no UTF-8) can't be written at all.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass
class Result:
    """Outcome of a command."""

    command: str
    """Name of the command, as typed."""
    data: dict[str, Any] = field(default_factory=dict)
    """What ``--json`` prints under ``data``."""
    lines: Sequence[Line] = field(default_factory=list)
    """Sentences for people: plain text, or `styled`."""
    tables: list[Table] = field(default_factory=list)
    """Tables for people, shown before the sentences; their strings are plain text, too."""
    failures: list[SamjError] = field(default_factory=list)
    """What went wrong without stopping the rest."""
    ok: bool = True
    """False makes the exit code 1 even without a failure."""


def about(error: SamjError, name: str) -> SamjError:
    """Let an error say which of several things it is about, if it doesn't yet; returns it."""
    if name not in error.message:
        error.message = f"{name}: {error.message}"
    return error


def styled(*pieces: str | tuple[str, str]) -> Text:
    """Return a sentence of plain pieces and of pieces with a style.

    Examples
    --------
    >>> styled(("Ready.", "green"), " cells [dapi].tif").plain
    'Ready. cells [dapi].tif'
    """
    return Text.assemble(
        *(seen(piece) if isinstance(piece, str) else (seen(piece[0]), piece[1]) for piece in pieces)
    )


def seen(text: str) -> str:
    """Return a text with escapes in place of what can't be seen, or would steer the terminal."""
    return _UNSEEN.sub(lambda found: ascii(found.group())[1:-1], text)
