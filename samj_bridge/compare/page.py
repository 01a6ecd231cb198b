"""A comparison as one page of HTML that needs nothing else: tables, a scatter, overlays side by side."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.compare.picture import Picture
from samj_bridge.compare.running import Compared, Comparison
from samj_bridge.compare.tables import headings, lines, number, ranked
from samj_bridge.evaluate.objects import Objects, regions_of
from samj_bridge.geometry.region import Region

__all__ = ["as_page"]

_MOST_PX = 900
"""No side of a picture is longer."""
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --right: #1a9850; --extra: #e66101; --missed: #2c7fff; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 1500px; padding: 0 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } td.best { font-weight: 700; }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-size: .9em; } figure svg { width: 100%; height: auto; display: block;
 background-size: 100% 100%; border-radius: 4px; }
path { fill: none; vector-effect: non-scaling-stroke; stroke-width: 1.6px; }
.right { stroke: var(--right); } .extra { stroke: var(--extra); fill: #e6610140; }
.missed { stroke: var(--missed); fill: #2c7fff40; stroke-dasharray: 4 3; }
.key span { display: inline-block; width: 1em; height: .8em; border: 2px solid; margin: 0 .3em 0 1em; }
.scatter { max-width: 760px; width: 100%; } .scatter text { fill: currentColor; font-size: 12px; }
.scatter line { stroke: var(--line); } .scatter circle { fill: #2c7fff; }
"""
_KEY = """<p class="key"><span style="border-color: var(--right)"></span>right
<span style="border-color: var(--extra)"></span>too much
<span style="border-color: var(--missed)"></span>missed (IoU below .5)</p>"""


def as_page(comparison: Comparison) -> str:
    """Return the page.

    An outline is marked as right where the object has an IoU of 0.5 or more with its true one. True objects that
    were not found so are marked as missed, found ones that are none of them as too much.
    """
    pictures = comparison.pictures
    backgrounds = "".join(
        f".i{number} {{ background-image: url({_data_uri(picture.pixels)}); }}\n"
        for number, picture in enumerate(pictures)
    )
    objects = sum(len(picture.truth) for picture in pictures)
    effort = comparison.effort
    assumed = (
        f"A click is taken as {effort.click_s:g} s, a box as {effort.box_s:g} s, where no measured time was given; "
        f"clicks land by the seed {effort.seed}. Outlines agree within {comparison.tolerance_px:g} pixels."
    )
    body = [
        f"<h1>{len(comparison.methods)} methods on {len(pictures)} images with {objects} objects</h1>",
        f"<h2>All objects together</h2>{_table(comparison, 'pooled')}",
        f"<h2>Means over images</h2>{_table(comparison, 'averaged')}",
        f"<p>{assumed}</p>",
        f"<h2>Time against accuracy</h2>{_scatter(ranked(comparison))}",
        f"<h2>What was found</h2>{_KEY}",
    ]
    for number_, picture in enumerate(pictures):
        figures = "".join(_figure(number_, picture, item) for item in ranked(comparison))
        body.append(
            f"<h3>{html.escape(picture.name)}, {len(picture.truth)} objects</h3><div class=images>{figures}</div>"
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Methods compared</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}{backgrounds}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _table(comparison: Comparison, kind: str) -> str:
    rows = lines(comparison, kind)
    heads = headings()
    best = {column: _best(heads[column], [row[column] for row in rows]) for column in range(1, len(heads))}
    told = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=best' if column and cell and cell == best[column] else ''}>{html.escape(cell)}</td>"
            for column, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><thead><tr>{told}</tr></thead><tbody>{body}</tbody></table></div>"


def _best(heading: str, cells: Sequence[str]) -> str:
    numbers = [cell for cell in cells if cell]
    if not numbers or heading.endswith("MB"):
        return ""
    if heading.endswith(" s") or heading == "count error":
        return min(numbers, key=lambda cell: abs(float(cell)))
    return max(numbers, key=float)


def _scatter(methods: Sequence[Compared]) -> str:
    """Draw seconds of an image, of person and machine, against the mean AP."""
    places = [
        (max(item.machine_s + (item.person_s or 0.0), 1e-3), item.pooled["map"], item)
        for item in methods
        if item.person_s is not None
    ]
    if not places:
        return "<p>No method has a time.</p>"
    low = math.floor(math.log10(min(place[0] for place in places)))
    high = max(math.ceil(math.log10(max(place[0] for place in places))), low + 1)
    wide, tall, left, bottom = 640, 320, 50, 40

    def at(seconds: float, accuracy: float) -> tuple[float, float]:
        return left + wide * (math.log10(seconds) - low) / (high - low), tall - accuracy * (tall - 20)

    parts = []
    for power in range(low, high + 1):
        x, _ = at(10.0**power, 0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{tall}"/>')
        parts.append(f'<text x="{x:.1f}" y="{tall + 16}" text-anchor="middle">{10.0**power:g} s</text>')
    for step in range(0, 11, 2):
        _, y = at(10.0**low, step / 10)
        parts.append(f'<line x1="{left}" x2="{left + wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{step / 10:g}</text>')
    taken: list[tuple[float, float, float]] = []
    for seconds, accuracy, item in places:
        x, y = at(seconds, accuracy)
        anchor = "end" if x > left + 0.7 * wide else "start"
        ends = sorted((x, x + (-1 if anchor == "end" else 1) * 6.5 * len(item.name)))
        # A name stands above or below its dot, or as near to it as other names leave room.
        label_y = next(
            place
            for place in (y + shift for step in range(100) for shift in (-7 - 13 * step, 17 + 13 * step))
            if not any(abs(place - row) < 12 and ends[0] < end and ends[1] > start for start, end, row in taken)
        )
        taken.append((ends[0], ends[1], label_y))
        words = f"{item.name}: {number('person_s', seconds)} s, {number('map', accuracy)}"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{html.escape(words)}</title></circle>')
        parts.append(f'<text x="{x:.1f}" y="{label_y:.1f}" text-anchor="{anchor}">{html.escape(item.name)}</text>')
    below = "seconds for an image, person and machine"
    parts.append(f'<text x="{left + wide / 2}" y="{tall + 34}" text-anchor="middle">{below}</text>')
    parts.append(f'<text x="{left}" y="12">mean AP</text>')
    return f'<svg class="scatter" viewBox="0 0 {left + wide + 20} {tall + bottom}">{"".join(parts)}</svg>'


def _figure(number_: int, picture: Picture, item: Compared) -> str:
    score, found = item.scores[number_], item.found[number_]
    height, width = picture.shape
    pairs = score.matches[0].pairs
    right_true, right_found = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    paths = [
        _path(regions_of(found), found, right_found, "extra", right="right"),
        _path(picture.regions, picture.truth, right_true, "missed"),
    ]
    told = (
        f"{score.found} found, AP .5 {number('ap50', score.measures['ap50'])}, "
        f"mean AP {number('map', score.measures['map'])}"
    )
    return (
        f'<figure><svg class="i{number_}" viewBox="0 0 {width} {height}">{"".join(paths)}</svg>'
        f"<figcaption><b>{html.escape(item.name)}</b>: {told}</figcaption></figure>"
    )


def _path(regions: Sequence[Region], objects: Objects, good: set[int], kind: str, right: str = "") -> str:
    bad = [region for region, label in zip(regions, objects.labels, strict=True) if label not in good]
    well = [region for region, label in zip(regions, objects.labels, strict=True) if label in good]
    drawn = [(kind, bad), *([(right, well)] if right else [])]
    return "".join(f'<path class="{name}" d="{_commands(some)}"/>' for name, some in drawn if some)


def _commands(regions: Sequence[Region]) -> str:
    return "".join(
        "M" + "L".join(f"{x} {y}" for x, y in ring.tolist()) + "Z" for region in regions for ring in region.rings
    )


def _data_uri(pixels: NDArray[np.generic]) -> str:
    """Return a picture of an image: each channel from its 0.1 to its 99.9 percentile."""
    values = np.asarray(pixels, np.float64)
    channels = values[:, :, None] if values.ndim == 2 else values
    channels = channels[:, :, :3] if channels.shape[2] >= 3 else channels.mean(axis=2, keepdims=True)
    if np.asarray(pixels).dtype != np.uint8 or channels.shape[2] == 1:
        finite = np.nan_to_num(channels)
        low, high = np.percentile(finite, (0.1, 99.9), axis=(0, 1))
        channels = (finite - low) / np.maximum(high - low, 1e-12) * 255
    shown = np.clip(channels, 0, 255).astype(np.uint8)
    picture = Image.fromarray(shown[:, :, 0] if shown.shape[2] == 1 else shown)
    picture.thumbnail((_MOST_PX, _MOST_PX))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
