"""Figures, with their targets."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row", "show"]


@dataclass(frozen=True)
class Row:
    """One figure, with its target where it has one."""

    what: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its target."""
        return self.target is None or self.value <= self.target


def show(row: Row) -> None:
    """Print a figure as soon as it is there: the run takes minutes."""
    target = "" if row.target is None else f"at most {row.target:g}"
    mark = "ok  " if row.met else "MISS"
    print(f"{mark} {row.what:<62} {row.value:10.2f} {row.unit:<8} {target:<12} {row.note}", flush=True)
