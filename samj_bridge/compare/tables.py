"""A comparison as rows, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from samj_bridge.compare.running import Compared, Comparison
from samj_bridge.compare.scores import MEASURES

__all__ = ["as_csv", "as_data", "as_markdown", "headings", "lines", "number"]

_COSTS = {"person_s": "person s", "machine_s": "machine s", "peak_mb": "memory MB", "download_mb": "download MB"}


def headings() -> list[str]:
    """Return the headings of a table for people."""
    return ["method", *MEASURES.values(), *_COSTS.values()]


def lines(comparison: Comparison, kind: str = "pooled") -> list[list[str]]:
    """Return the table's lines, best first: over all objects (``pooled``), or means over images (``averaged``)."""
    return [
        [
            item.name,
            *(number(name, getattr(item, kind)[name]) for name in MEASURES),
            *(number(name, getattr(item, name)) for name in _COSTS),
        ]
        for item in ranked(comparison)
    ]


def ranked(comparison: Comparison) -> list[Compared]:
    """Return the methods, best mean AP first."""
    return sorted(comparison.methods, key=lambda item: -item.pooled["map"])


def number(name: str, value: float | None) -> str:
    """Return a figure as people read it; empty where there is none."""
    if value is None or math.isnan(value):
        return ""
    if name in {"count_error", "peak_mb", "download_mb"}:
        return f"{value:.0f}" if float(value).is_integer() or abs(value) >= 10 else f"{value:.1f}"
    return f"{value:.1f}" if name == "person_s" else f"{value:.3f}"


def as_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown: two tables."""
    images, objects = len(comparison.pictures), sum(len(picture.truth) for picture in comparison.pictures)
    parts = []
    for kind, words in (
        ("pooled", f"All {objects} objects of {images} images together"),
        ("averaged", f"Means over {images} images"),
    ):
        rows = [headings(), *lines(comparison, kind)]
        table = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
        table.insert(1, "|" + "---|" * len(rows[0]))
        parts.append("\n".join([f"{words}:", "", *table]))
    return "\n\n".join(parts) + "\n"


def as_csv(comparison: Comparison) -> str:
    """Return every figure of every image as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "image", "true", "found", *MEASURES, "person_s", "machine_s"])
    for item in comparison.methods:
        for one in item.scores:
            figures = [one.measures[name] for name in MEASURES]
            plain = ["" if math.isnan(value) else value for value in figures]
            person = "" if one.person_s is None else round(one.person_s, 3)
            writer.writerow([item.name, one.image, one.true, one.found, *plain, person, round(one.machine_s, 4)])
    return text.getvalue()


def as_data(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data."""
    return {
        "images": [{"image": picture.name, "objects": len(picture.truth)} for picture in comparison.pictures],
        "assumed": {**vars(comparison.effort), "tolerance_px": comparison.tolerance_px},
        "methods": [
            {
                "method": item.name,
                "pooled": _plain(item.pooled),
                "averaged": _plain(item.averaged),
                **{name: getattr(item, name) for name in _COSTS},
                "images": [
                    {"image": one.image, "true": one.true, "found": one.found, **_plain(one.measures)}
                    for one in item.scores
                ],
            }
            for item in ranked(comparison)
        ],
    }


def _plain(measures: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(measures[name]) else measures[name] for name in MEASURES}
