"""Rows of the table that ``benchmarks.engine`` prints."""

from __future__ import annotations

from typing import Any


def line(what: str, unit: str, ours: float, stock: float, target: float, note: str = "") -> dict[str, Any]:
    """Return a row of the table; the ratio tells how many times better ours is."""
    return {
        "what": what,
        "unit": unit,
        "ours": ours,
        "stock": stock,
        "ratio": stock / ours,
        "target": target,
        "note": note,
    }


def text_of(row: dict[str, Any]) -> str:
    """Return a row as a line of text."""
    if "ratio" not in row:
        return f"     {row['what']:<52} {row['value']:10.3f} {row['unit']:<8} {row.get('note', '')}"
    mark = "ok  " if row["ratio"] >= row["target"] else "MISS"
    figures = f"{row['ours']:9.3f} against {row['stock']:9.3f} {row['unit']:<3}"
    return f"{mark} {row['what']:<52} {figures} {row['ratio']:6.2f}x, target {row['target']:g}x  {row['note']}"
