"""``samj-bridge cache``: encoded images that are kept on disk, shown and removed."""

from __future__ import annotations

import time

from rich.table import Table

from samj_bridge.cli.result import Result
from samj_bridge.session.kept import KeptEncoding, encodings_folder, kept_encodings, remove_kept
from samj_bridge.settings import Settings

__all__ = ["run"]


def run(settings: Settings, *, prune: bool, keep_mb: int, dry_run: bool) -> Result:
    """Show what is kept, by image; remove what is too much, where that is asked for."""
    kept = kept_encodings(settings)
    gone = remove_kept(kept, keep_mb * 1_000_000, dry_run=dry_run) if prune or dry_run else []
    stays = [item for item in kept if item not in gone]
    shown = kept if dry_run else stays
    total = sum(item.size_bytes for item in shown)
    lines = [
        f"{_megabytes(total)} of {_megabytes(settings.encodings_disk_bytes)} in {encodings_folder(settings)!s}"
    ]
    if prune or dry_run:
        freed = sum(item.size_bytes for item in gone)
        lines.append(f"{'Would free' if dry_run else 'Freed'} {_megabytes(freed)}: {len(gone)} encodings.")
    elif kept:
        lines.append("samj-bridge cache --prune removes them all, with --keep 200 all but 200 MB.")
    data = {
        "folder": str(encodings_folder(settings)),
        "bytes": total,
        "budget_bytes": settings.encodings_disk_bytes,
        "kept": [_data(item) for item in shown],
        "removed": [] if dry_run else [_data(item) for item in gone],
        "would_remove": [_data(item) for item in gone] if dry_run else [],
    }
    return Result("cache", data=data, tables=[_table(shown)] if shown else [], lines=lines)


def _table(kept: list[KeptEncoding]) -> Table:
    table = Table("image", "model", "encodings", "size", "used", box=None)
    groups: dict[tuple[str, str], list[KeptEncoding]] = {}
    for item in kept:
        # Images of their own are told apart by their files' names.
        groups.setdefault((item.image or item.path.name[:12], item.model), []).append(item)
    for (image, model), items in groups.items():
        shape = items[0].shape
        what = "tiles" if items[0].image else f"{shape[1]} x {shape[0]}" if shape else "one"
        size = _megabytes(sum(item.size_bytes for item in items))
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(items[0].used_at))
        table.add_row(image, model or "?", f"{len(items)} {what}" if items[0].image else what, size, used)
    return table


def _data(item: KeptEncoding) -> dict[str, object]:
    return {
        "file": item.path.name,
        "bytes": item.size_bytes,
        "used_at": item.used_at,
        "image": item.image,
        "model": item.model,
        "shape": item.shape,
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
