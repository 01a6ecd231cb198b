"""Writes the tables of docs/reference/models.md: ``python -m samj_bridge.models.document PAGE``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from samj_bridge.download import WheelSource
from samj_bridge.errors import FileError, SamjError
from samj_bridge.models.catalog import packaged_catalog
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.halves import of_decoder

__all__ = ["document", "main", "replace_between_markers"]

BEGIN = "<!-- made by: python -m samj_bridge.models.document docs/reference/models.md; do not edit by hand -->"
END = "<!-- end of what is made -->"
_PROMPTS = (
    "Prompts: what the network itself is told. Those on its answers are taken too: its masks are chosen and cut by"
    " negative points, and a region to be refined gives its bounding box. See [prompts.md](prompts.md).\n"
)
_LICENCES = (
    "Of the weights; titles, authors, journals and licences were looked up in November 2026, in stored copies of"
    " public pages. Pages change: the publisher's word counts, not this table.\n"
)


def document(entries: Sequence[ModelEntry]) -> str:
    """Return the tables in Markdown: recommendations, models, files and hashes, licences, papers."""
    parts = [
        "## Which one",
        *_table(("image", "model", "why"), _recommendations(entries)),
        "## All of them",
        _PROMPTS,
        *_table(("id", "prompts", "download", "licence", "good for", "not for"), map(_overview, entries)),
        "## Files and hashes",
        *_table(("id", "file", "bytes", "hashes", "architecture", "transform"), map(_file, entries)),
        "## Licences",
        _LICENCES,
        *_table(("licence", "ids", "stated by"), _licences(entries)),
        "## Papers to cite",
        *(f"- {_names(entries, paper)}: {paper}" for paper in dict.fromkeys(entry.citation for entry in entries)),
    ]
    return "\n".join(f"\n{part}\n" if part.startswith("##") else part for part in parts).strip() + "\n"


def replace_between_markers(page: str, made: str) -> str:
    """Return the page with what stands between the markers replaced.

    Raises
    ------
    FileError
        The page has no markers.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise FileError("The page lacks the two markers.", hint=f"Put {BEGIN!r} and {END!r} into it.")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{made}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the page named on the command line; returns the exit code."""
    paths = [Path(item) for item in (sys.argv[1:] if arguments is None else arguments)]
    if len(paths) != 1:
        sys.stderr.write("usage: python -m samj_bridge.models.document docs/reference/models.md\n")
        return 2
    try:
        page = paths[0].read_text(encoding="utf-8")
        made = replace_between_markers(page, document(list(packaged_catalog().values())))
        paths[0].write_text(made, encoding="utf-8")
    except (OSError, SamjError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _recommendations(entries: Iterable[ModelEntry]) -> Iterable[tuple[str, ...]]:
    for entry in entries:
        for item in entry.recommended:
            yield item.image, f"`{entry.id}`", item.reason


def _overview(entry: ModelEntry) -> tuple[str, ...]:
    size = "none" if entry.is_packaged else f"{entry.size / 1e6:.0f} MB" if entry.size else "size unknown"
    return (
        f"`{entry.id}`",
        entry.prompts_text,
        size if entry.url or entry.is_packaged else "by hand",
        entry.licence_text,
        entry.good_for,
        entry.not_for,
    )


def _file(entry: ModelEntry) -> tuple[str, ...]:
    if entry.is_packaged:
        where = "part of the package"
    elif entry.url:
        where = f"<{entry.url}>"
    else:
        where = f"`{entry.offered_name}`"
    where += "".join(f" or `{mirror}`" for mirror in entry.mirrors if WheelSource.names(mirror))
    if entry.decoder_url:
        where += f", and <{entry.decoder_url}> with the decoder for automatic segmentation"
    if entry.member:
        where += f", in it `{entry.member}`"
    size = f"{entry.size:,}" if entry.size else ""
    hashes = "<br>".join(f"`{item}`" for item in (*entry.hashes, *of_decoder(entry.decoder_hashes)))
    return f"`{entry.id}`", where, size, hashes, entry.architecture, entry.transform


def _licences(entries: Iterable[ModelEntry]) -> Iterable[tuple[str, ...]]:
    stated: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        if not entry.is_packaged:
            stated.setdefault((entry.licence or "unknown", entry.licence_note), []).append(f"`{entry.id}`")
    for (licence, note), ids in stated.items():
        yield licence, ", ".join(ids), note


def _names(entries: Iterable[ModelEntry], paper: str) -> str:
    return ", ".join(f"`{entry.id}`" for entry in entries if entry.citation == paper)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


if __name__ == "__main__":
    raise SystemExit(main())
