"""What micromamba has stored of the channels' indexes, which it believes for an hour, or as long as a server says.

For that long it does not ask again: a package that was added meanwhile "does not exist". A power cut leaves files
of nothing but zeros, and with those it fails for ever. So who is told no looks here, and asks anew.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from samj_bridge.protocol.folders import list_folder

__all__ = ["FRESH", "drop_index", "has_index", "index_is_damaged", "index_sizes"]

FRESH = ("--repodata-ttl", "0")
"""Options with which it asks the channels whether what it has stored is still right."""
_BLOCK = 1 << 20


def index_sizes(packages: Path, *more: Path) -> list[tuple[str, int]]:
    """Return the stored files with their sizes: they change while one is fetched."""
    folders = (_folder(packages), *more)
    return sorted((entry.name, entry.status.st_size) for folder in folders for entry in list_folder(folder))


def has_index(packages: Path) -> bool:
    """Tell whether anything of an index is stored."""
    return any(_files(_folder(packages)))


def index_is_damaged(packages: Path) -> bool:
    """Tell whether a stored file can be seen not to be what it should: empty, cut, zeros, no JSON."""
    return any(_is_damaged(path) for path in _files(_folder(packages)))


def drop_index(packages: Path) -> None:
    """Forget what is stored of the indexes; the packages stay."""
    shutil.rmtree(_folder(packages), ignore_errors=True)


def _folder(packages: Path) -> Path:
    return packages / "cache"


def _files(folder: Path) -> list[Path]:
    return [entry.path for entry in list_folder(folder) if entry.is_file]


def _is_damaged(path: Path) -> bool:
    try:
        if path.name.endswith(".state.json"):
            return not isinstance(json.loads(path.read_bytes()), dict)
        if path.suffix == ".solv":
            with path.open("rb") as file:
                return file.read(4) != b"SOLV"
        return path.suffix == ".json" and not _looks_like_json(path)
    except (OSError, ValueError):
        return True


def _looks_like_json(path: Path) -> bool:
    # conda-forge's has hundreds of megabytes: too much to parse, not too much to look through.
    first, last = b"", b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if b"\0" in block:
                return False
            first = first or block.lstrip()[:1]
            last = block.rstrip()[-1:] or last
    return (first, last) == (b"{", b"}")
