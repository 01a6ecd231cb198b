"""Unpacked packages in the cache: are they whole, as they were packed, and how large.

micromamba looks at regular files only, and only at those that its list has a hash of. A cache that was copied by
something that follows links (a zip, a memory stick) has files in their place, and that it trips over, every time.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samj_bridge.download import digest_file
from samj_bridge.errors import FileError
from samj_bridge.install.locks.explicit import SUFFIXES, LockedPackage

__all__ = ["copied_badly", "forget", "is_whole", "stem_of", "unpacked_bytes"]


def stem_of(filename: str) -> str:
    """Return the name of the folder that an archive is unpacked to."""
    return next((filename.removesuffix(suffix) for suffix in SUFFIXES if filename.endswith(suffix)), filename)


def is_whole(folder: Path, package: LockedPackage) -> bool:
    """Tell whether `folder` holds all of `package`, file by file, as its own list has it."""
    record = _read(folder / "info" / "repodata_record.json")
    known = {str(record.get(kind) or "") for kind in ("sha256", "md5")} - {""}
    if not known & {package.sha256, package.md5}:
        return False
    entries = list(_entries(folder))
    return bool(entries) and all(_is_there(folder, entry) for entry in entries) and not copied_badly(folder)


def copied_badly(folder: Path) -> bool:
    """Tell whether links became files on the way here, or programs lost the mark that they may be run."""
    if sys.platform == "win32":
        return False
    for entry in _entries(folder):
        path, kind = folder / entry["_path"], entry.get("path_type")
        if kind == "softlink" and not path.is_symlink():
            return True
        # Of most files nobody knows whether they may be run; of the interpreter, everybody.
        if kind == "hardlink" and entry["_path"].startswith("bin/python") and not _may_run(path):
            return True
    return False


def unpacked_bytes(folder: Path) -> int:
    """Return what a package takes unpacked, by its own list; 0: it does not say."""
    return sum(int(entry.get("size_in_bytes") or 0) for entry in _entries(folder))


def forget(folder: Path) -> None:
    """Remove an unpacked package: it is unpacked, or fetched, once more."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_there(folder: Path, entry: dict[str, Any]) -> bool:
    path = folder / entry["_path"]
    if entry.get("path_type") != "hardlink":
        return os.path.lexists(path)
    sha256, size = entry.get("sha256"), entry.get("size_in_bytes")
    try:
        if size is not None and path.stat().st_size != int(size):
            return False
        return not sha256 or digest_file(path, kinds=()).sha256 == sha256
    except (OSError, ValueError, FileError):
        return False


def _may_run(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IXUSR)
    except OSError:
        return False


def _entries(folder: Path) -> Iterator[dict[str, Any]]:
    entries = _read(folder / "info" / "paths.json").get("paths")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("_path"), str):
            yield entry


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
