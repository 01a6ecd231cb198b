"""Paths that come over the network: below the folders that were named with ``--root``, or nowhere."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError

__all__ = ["below", "listed"]

_MOST_LISTED = 2000


def below(roots: Sequence[Path], name: str) -> Path:
    """Return what a path means: absolute below a root, or as seen from the first root that has it.

    Raises
    ------
    FileError
        ``not-served``: it is nowhere below a root, or there is none of that name there. The message is the same
        for both: what lies elsewhere is nobody's business.
    """
    refusal = FileError(
        f"There is no {name!r:.200} below the folders that are served.",
        code="not-served",
        hint="Name folders with samj-bridge serve --root FOLDER.",
    )
    if not roots or "\0" in name:
        raise refusal
    for root in roots:
        real = root.resolve()
        try:
            # Links are followed first: one that leads outside is outside.
            path = (real / name).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            continue
        if path == real or real in path.parents:
            return path
    raise refusal


def listed(roots: Sequence[Path], name: str, suffixes: Collection[str]) -> dict[str, Any]:
    """Return the folders, and the files with these suffixes, of a folder; without a name the roots themselves.

    Raises
    ------
    FileError
        As `below`; or it is no folder.
    """
    if not name:
        return {"path": "", "folders": [str(root) for root in roots], "files": []}
    path = below(roots, name)
    if not path.is_dir():
        message = f"{name!r:.200} is no folder."
        raise FileError(message, code="not-served", hint="Ask for the folder that it is in.")
    folders, files = [], []
    with os.scandir(path) as found:
        for item in sorted(found, key=lambda entry: entry.name.lower())[:_MOST_LISTED]:
            if item.name.startswith("."):
                continue
            if item.is_dir():
                folders.append(item.name)
            elif Path(item.name).suffix.lower() in suffixes:
                files.append(item.name)
    return {"path": str(path), "folders": folders, "files": files}
