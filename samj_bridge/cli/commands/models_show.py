"""``samj-bridge models list|show|licences|path``: what there is, and what is here."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from rich.table import Table

from samj_bridge.cli.result import Line, Result, styled
from samj_bridge.errors import ModelError
from samj_bridge.models import ModelEntry, catalog, find_model, weights_file
from samj_bridge.models.offer import by_hand_words, fetched_bytes
from samj_bridge.models.record import Record
from samj_bridge.models.store import Store
from samj_bridge.protocol.folders import file_size
from samj_bridge.settings import Settings

__all__ = ["describe", "megabytes", "run_licences", "run_list", "run_path", "run_show", "state_of"]

_WIDE = 120
"""Columns from which a terminal has room for the whole table."""
_STATES = {"packaged": "here", "installed": "here", "waiting": "to convert", "": ""}


def run_list(settings: Settings, *, installed: bool) -> Result:
    """List the models, the recommended ones first; `installed`: only those on this machine."""
    store = Store(settings)
    models = list(catalog(settings).values())
    shown = [entry for entry in models if not installed or state_of(entry, store)]
    table = _overview(shown, store)
    lines: list[Line] = ["", styled(("* Start with", "bold"))] if not installed else []
    if not installed:
        lines += [styled(f"  {kind}: ", (name, "bold"), f". {why}") for kind, name, why in _starts(models)]
    total = store.size()
    lines.append(f"The store takes {total / 1e6:,.0f} MB: {store.folder!s}" if total else "")
    lines.append("More of one: samj-bridge models show ID. Install it: samj-bridge models install ID")
    data = {
        "models": [describe(entry, store) for entry in shown],
        "store": {"path": str(store.folder), "size_bytes": total},
    }
    return Result("models list", data=data, tables=[table], lines=lines)


def run_show(settings: Settings, name: str) -> Result:
    """Show one model."""
    store, entry = Store(settings), find_model(name, settings)
    data = describe(entry, store)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for heading, text in _rows(entry, store):
        if text:
            table.add_row(heading, text)
    return Result("models show", data=data, tables=[table], lines=[_next_step(entry, store)])


def run_licences(settings: Settings) -> Result:
    """List licences, and what was accepted when."""
    store = Store(settings)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "licence", "asked for", "accepted"):
        table.add_column(heading)
    data = []
    for entry in catalog(settings).values():
        record = _record(entry, store)
        accepted = asdict(record.licence) if record is not None else None
        when = f"{accepted['when'][:10]} ({accepted['how']})" if accepted else ""
        table.add_row(entry.id, entry.licence_text, "yes" if entry.asks_licence else "", when)
        data.append(
            {
                "id": entry.id,
                "licence": entry.licence or None,
                "note": entry.licence_note or None,
                "must_be_accepted": entry.asks_licence,
                "accepted": accepted,
            }
        )
    return Result("models licences", data={"licences": data}, tables=[table])


def run_path(settings: Settings, name: str) -> Result:
    """Say where the weights of a model are."""
    path = weights_file(find_model(name, settings), settings)
    return Result("models path", data={"id": name, "path": str(path)}, lines=[str(path)])


def state_of(entry: ModelEntry, store: Store) -> str:
    """Return ``packaged``, ``installed``, ``waiting`` (for an environment), a trouble's code, or nothing."""
    if entry.is_packaged:
        return "packaged"
    try:
        store.weights_of(entry)
    except ModelError as error:
        states = {"model-not-installed": "", "model-not-converted": "waiting"}
        return states.get(error.code, error.code)
    return "installed"


def describe(entry: ModelEntry, store: Store) -> dict[str, Any]:
    """Return a model as plain data."""
    record = _record(entry, store)
    data = {**asdict(entry), "file": str(entry.file) if entry.file else None, "licence": entry.licence or None}
    data["must_accept_licence"] = entry.asks_licence
    data["licence_text"] = entry.licence_text
    data["state"] = state_of(entry, store) or "absent"
    is_here = data["state"] in ("packaged", "installed", "waiting")
    data["by_hand"] = "" if is_here else by_hand_words(entry, store)
    data["fetched_bytes"] = 0 if is_here else fetched_bytes(entry, store)
    data["installed"] = asdict(record) if record is not None else None
    return data


def megabytes(entry: ModelEntry, store: Store) -> str:
    """Return the size of a model in words."""
    record = _record(entry, store)
    size = entry.size or entry.member_size
    if entry.file is not None:
        size = file_size(entry.file)
    elif record is not None:
        size = record.size
    return "?" if size is None else f"{size / 1e6:,.0f} MB"


def _overview(entries: Sequence[ModelEntry], store: Store) -> Table:
    """Return one line per model, cut where the terminal ends: to be taken in at a glance; `show` has everything."""
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE
    cells = {
        "model": [entry.id + (" *" if entry.recommended else "") for entry in entries],
        "size": [megabytes(entry, store) for entry in entries],
        # What there is least room for: `show` says it too, and an installation says the licence before it begins.
        "prompts": [] if narrow else list(map(_prompts, entries)),
        "licence": [] if narrow else list(map(_short_licence, entries)),
        "here?": [_STATES.get(state_of(entry, store), state_of(entry, store)) for entry in entries],
    }
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for heading, texts in cells.items():
        if texts:
            width = max(len(heading), *map(len, texts))
            justify: Literal["left", "right"] = "right" if heading == "size" else "left"
            table.add_column(heading, justify=justify, no_wrap=True, width=width)
    table.add_column("good for", no_wrap=True, overflow="ellipsis", ratio=1)
    good_for = [(entry.good_for or entry.title).partition(" (")[0] for entry in entries]
    for row in zip(*filter(None, cells.values()), good_for, strict=True):
        table.add_row(*row)
    return table


def _starts(models: Sequence[ModelEntry]) -> list[tuple[str, str, str]]:
    return [(item.image, entry.id, item.reason) for entry in models for item in entry.recommended]


def _record(entry: ModelEntry, store: Store) -> Record | None:
    with contextlib.suppress(ModelError):
        return store.record(entry.id)
    return None


def _prompts(entry: ModelEntry) -> str:
    return "all" if len(entry.prompts) == 4 else ", ".join(entry.prompts)


def _short_licence(entry: ModelEntry) -> str:
    if not entry.asks_licence:
        return entry.licence
    return "non-commercial" if "non-commercial" in entry.licence else entry.licence[:24] or "unknown"


def _rows(entry: ModelEntry, store: Store) -> list[tuple[str, str]]:
    record = _record(entry, store)
    rows = [
        ("id", entry.id),
        ("what", entry.title),
        ("good for", entry.good_for),
        ("not for", entry.not_for),
        *(("start with it for", f"{item.image}: {item.reason}") for item in entry.recommended),
        ("prompts", entry.prompts_text),
        ("licence", entry.licence_text),
        ("stated by", entry.licence_note if entry.licence else ""),
        ("cite", entry.citation),
        ("page", entry.homepage),
        ("architecture", f"{entry.architecture} ({entry.family}), transform {entry.transform}"),
        ("file", entry.offered_name if not entry.is_packaged else str(entry.file)),
        ("address", entry.url),
        ("mirrors", ", ".join(entry.mirrors)),
        ("size", f"{entry.size:,} bytes" if entry.size else ""),
        ("hashes", "\n".join(entry.hashes)),
        ("how to get it", entry.obtain),
        ("from", entry.origin if entry.origin != "samj-bridge" else ""),
    ]
    if record is not None:
        rows += [
            ("installed", f"{record.installed[:19]} from {record.obtained}"),
            ("verified", "by the catalog's hashes" if record.verified else "no: the hashes are its own"),
            ("licence accepted", f"{record.licence.how} {record.licence.when[:10]}"),
            ("sha256", record.source),
            ("weights", str(store.weights_path(record)) if record.weights is not None else "not converted yet"),
            ("notes", "; ".join(record.weights.notes) if record.weights is not None else ""),
        ]
    return rows


def _next_step(entry: ModelEntry, store: Store) -> str:
    state = state_of(entry, store)
    if state in ("packaged", "installed"):
        return f"Use it: samj-bridge segment IMAGE --model {entry.id}"
    accept = " --accept-licence" if entry.asks_licence else ""
    by_hand = " --from FOLDER" if entry.obtain else ""
    return f"Install it: samj-bridge models install {entry.id}{accept}{by_hand}"
