"""What micromamba says, taken apart: complaints on one side, notices, logs and backtraces on the other.

Each record begins with its level, ``error    libmamba ...``; the lines after it, until the next, belong to it.
Before a creation it warns of scripts in packages, whatever comes; after a critical end it may repeat its log.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from samj_bridge.install.secrets import hide
from samj_bridge.process.run import Finished

__all__ = ["Said", "crashed", "hash_pair", "listen", "signal_of"]

_HEAD = re.compile(r"(critical|error|warning|info|debug|trace)\s+libmamba\b\s*(.*)", re.IGNORECASE)
_TALK = {"info", "debug", "trace"}
# Headings that say nothing by themselves: what they stand for comes in the lines after them, or before.
_EMPTY = re.compile(
    r"(Multiple|Many|Several) errors occurr?ed|Found incorrect downloads|Download error\W*$|Aborting|\W*$",
    re.IGNORECASE,
)
_NOTICE = re.compile(r"Security Warning|scripts can contain arbitrary code", re.IGNORECASE)
_STEP = re.compile(r"((Unl|L)inking|Transaction|Downloading|Extracting|Confirm)\b")
_TREE = re.compile(r"[└├│─\s]+")
_HEX = r"([0-9a-f]{64}|[0-9a-f]{32}|\d{1,15})"
_PAIR = re.compile(rf"Expected:\s*{_HEX}\s+Actual:\s*{_HEX}\s*(?:\n|$)", re.IGNORECASE)
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")


@dataclass(frozen=True)
class Said:
    """All that counts of what was said, without control characters and passwords."""

    complaints: tuple[str, ...]
    """Lines of errors, the first of which is the cause of those after it."""
    rest: tuple[str, ...]
    """Warnings, and what is no record at all; the standing notice is not among them."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Both, complaints first."""
        return (*self.complaints, *self.rest)

    @property
    def reason(self) -> str:
        """The first complaint that says something, with the line that explains it."""
        telling = [line for line in self.complaints if not _EMPTY.match(line)]
        if not telling:
            plain = (line for line in reversed(self.rest) if not _EMPTY.match(line) and not _STEP.match(line))
            return next(plain, "").strip(" .:")
        chosen = telling[:1]
        # libcurl's words come on a line of their own.
        if len(telling) > 1 and re.match(r"Download error|Transfer", telling[0]) and "error" not in telling[1]:
            chosen = telling[:2]
        return ": ".join(part.strip(" .:") for part in chosen)[:400]

    @property
    def solver_reasons(self) -> list[str]:
        """What the solver says, without its tree."""
        lines = self.complaints or self.rest
        found = [_TREE.sub(" ", line, count=1).strip().rstrip(".;") for line in lines]
        heading = ("The following package", "Could not solve", "libmamba Could not")
        return [text for text in found if text and not text.startswith(heading) and not _EMPTY.match(text)]


def listen(lines: Iterable[str]) -> Said:
    """Take the lines of an output apart."""
    complaints: list[str] = []
    rest: list[str] = []
    level, inside = "", False
    for raw in lines:
        line = _clean(raw)
        match = _HEAD.match(line)
        if match:
            level, line = match[1].lower(), match[2]
        if "Backtrace Start" in line or "Backtrace End" in line:
            inside = "Start" in line
            continue
        if level in _TALK or not line.strip() or _NOTICE.search(line) or (inside and level == "warning"):
            continue
        text = line.strip() if not _TREE.match(line) else line
        into = complaints if level in {"error", "critical"} else rest
        if text not in into:
            into.append(text.strip())
    return Said(tuple(complaints), tuple(rest))


def hash_pair(lines: Sequence[str]) -> tuple[str, str] | None:
    """Return what was expected and what came (two hashes, or two sizes), where both can be read.

    After a failed download it compares with a hash that it never computed: random bytes.
    """
    match = _PAIR.search("\n".join(lines))
    return (match[1], match[2]) if match and match[1].lower() != match[2].lower() else None


def signal_of(finished: Finished) -> str:
    """Return the name of the signal that ended a program, such as ``SIGKILL``; empty: it ended by itself."""
    code = finished.returncode
    # The guard between us and the program hands a signal on as a shell does.
    number = -code if code < 0 else code - 128 if 128 < code < 193 else 0
    if code > 0xBFFFFFFF:
        # Windows: a program that crashes ends with the number of its exception.
        return f"exception 0x{code:X}"
    try:
        return signal.Signals(number).name if number else ""
    except ValueError:
        return f"signal {number}"


def crashed(name: str) -> bool:
    """Tell whether the signal `name` is the program's own fault; others are sent to it."""
    return name in _CRASHES or name.startswith("exception")


def _clean(line: str) -> str:
    """Return `line` fit for a terminal: no control characters, nothing that could not be decoded, no passwords."""
    shown = "".join(
        character if (character.isprintable() and character != "\ufffd") or character == "\t" else "?"
        for character in line
    )
    return hide(shown)
