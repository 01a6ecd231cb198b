"""Encodings that workers keep on disk, as the host sees them: files to be listed and removed, not opened."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samj_bridge.protocol.folders import list_folder
from samj_bridge.settings import Settings

__all__ = ["KeptEncoding", "encodings_folder", "kept_encodings", "remove_kept"]

_SUFFIX = ".encoding"
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class KeptEncoding:
    """An encoded image, or a tile of one."""

    path: Path
    """Its file."""
    size_bytes: int
    """How large that is."""
    used_at: float
    """When it was used last, in seconds since 1970."""
    image: str
    """Name of the image that it is a tile of, from its content or file; empty: an image of its own."""
    model: str
    """The model that made it; empty where the file does not say."""
    shape: tuple[int, int] | None
    """(Y, X) of the image or tile."""


def encodings_folder(settings: Settings) -> Path:
    """Return where workers keep encodings."""
    return settings.cache_dir / "encodings"


def kept_encodings(settings: Settings) -> list[KeptEncoding]:
    """Return what is kept, used last first. Files that others remove meanwhile are left out."""
    found = []
    for entry in list_folder(encodings_folder(settings)):
        if entry.path.suffix == _SUFFIX:
            notes = _notes_of(entry.path)
            shape = notes.get("shape")
            found.append(
                KeptEncoding(
                    entry.path,
                    entry.status.st_size,
                    entry.status.st_mtime,
                    entry.path.name.split(".")[1] if entry.path.name.count(".") == 2 else "",
                    str(notes.get("model", "")).partition("@")[0],
                    (int(shape[0]), int(shape[1])) if isinstance(shape, list) and len(shape) == 2 else None,
                )
            )
    return sorted(found, key=lambda kept: (-kept.used_at, kept.path.name))


def remove_kept(kept: Sequence[KeptEncoding], keep_bytes: int, *, dry_run: bool = False) -> list[KeptEncoding]:
    """Remove encodings until no more than so many bytes are left; returns what is gone.

    The images that take most give first, each what it used least recently.

    Parameters
    ----------
    kept : sequence of KeptEncoding
        What there is, used last first.
    keep_bytes : int
        0: all goes.
    dry_run : bool
        Only say what would go.
    """
    left, gone = sum(item.size_bytes for item in kept), []
    there = list(kept)
    while there and left > keep_bytes:
        taken: Counter[str] = Counter()
        for item in there:
            taken[item.image] += item.size_bytes
        largest = max(taken, key=lambda image: (taken[image], image))
        item = next(item for item in reversed(there) if item.image == largest)
        there.remove(item)
        left -= item.size_bytes
        if not dry_run:
            try:
                item.path.unlink(missing_ok=True)
            except OSError:
                # A worker on Windows has it open.
                continue
        gone.append(item)
    return gone


def _notes_of(path: Path) -> dict[str, Any]:
    """Return what was noted with an encoding: from the header of the safetensors file, without its tensors."""
    with suppress(OSError, ValueError, KeyError, struct.error, TypeError), path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length <= _LONGEST_HEADER:
            notes = json.loads(json.loads(file.read(length))["__metadata__"]["notes"])
            return notes if isinstance(notes, dict) else {}
    return {}
