"""One line of what is measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """One figure; `target` says what it should be, in words."""

    what: str
    value: float
    unit: str
    target: str
    met: bool
    note: str = ""
