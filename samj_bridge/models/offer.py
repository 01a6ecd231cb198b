"""What people are told of a model that they may install: how they get its file, and what of it has come already."""

from __future__ import annotations

from samj_bridge.models.by_hand import ask_for_it
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.obtain import downloads_of, source_of
from samj_bridge.models.store import Store
from samj_bridge.protocol.folders import list_folder

__all__ = ["by_hand_words", "fetched_bytes"]


def by_hand_words(entry: ModelEntry, store: Store) -> str:
    """Say how a person gets the file where no program can or may; nothing where one can."""
    if entry.is_packaged:
        return ""
    source = source_of(entry, store)
    if source.urls and source.hashes:
        return ""
    if source.urls:
        return (
            f"No hash of its file is known, so that nobody can tell whether the right one comes from"
            f" {source.urls[0]}. If you trust that address, type in a terminal:"
            f" samj-bridge models install {entry.id} --allow-unverified"
        )
    asked = ask_for_it(entry, source, store.settings.incoming_dir)
    return f"{entry.obtain} To install it, {asked}; or press the button below."


def fetched_bytes(entry: ModelEntry, store: Store) -> int:
    """Return how much of a model's file came in an installation that was not finished."""
    if entry.is_packaged:
        return 0
    listed = list_folder(downloads_of(entry, store))
    return max((part.status.st_size for part in listed if part.name.endswith(".part")), default=0)
