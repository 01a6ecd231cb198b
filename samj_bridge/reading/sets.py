"""Images that lie in several files: each is read once, whichever of its files it is asked for by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from samj_bridge.protocol.folders import walk
from samj_bridge.reading.kinds import is_tiff
from samj_bridge.reading.tiff.facts import parse_xml, set_files

__all__ = ["files_of", "once_per_image"]


def once_per_image(paths: Sequence[Path]) -> tuple[list[Path], dict[Path, Path]]:
    """Return files, one of each OME set, and which of them stands for those that were left out.

    Every file of a set tells of the whole set, so that reading it gives the same planes as reading any other.

    Parameters
    ----------
    paths : sequence of Path
        Image files; what can't be read is kept, to be told of when it is.

    Returns
    -------
    kept : list of Path
        In the order given; of a set the first.
    others : dict of Path to Path
        What was left out, and which file stands for it.
    """
    kept: list[Path] = []
    others: dict[Path, Path] = {}
    known: dict[frozenset[Path], Path] = {}
    for path in paths:
        files = _set_of(path)
        if len(files) < 2:
            kept.append(path)
        elif files in known:
            others[path] = known[files]
        else:
            known[files] = path
            kept.append(path)
    return kept, others


def files_of(path: Path) -> list[Path]:
    """Return the files that an image is read from: its own first, then others of its set or folder, by name."""
    others = {other for other in _set_of(path) if other != path.resolve() and other.is_file()}
    if path.suffix.lower() == ".mrxs":
        # The slide is in the folder of the same name.
        others |= {entry.path for entry in walk(path.with_suffix("")) if entry.is_file}
    return [path, *sorted(others)]


def _set_of(path: Path) -> frozenset[Path]:
    """Return the files of the set that a file belongs to; empty where it stands alone."""
    try:
        root = _ome_of(path)
        if root is None:
            return frozenset()
        return frozenset((path.parent / name).resolve() for name in {*set_files(root), path.name})
    except Exception:  # noqa: BLE001 - what is wrong with it is told by who reads it
        return frozenset()


def _ome_of(path: Path) -> ET.Element | None:
    if not is_tiff(path):
        return None
    import tifffile

    with tifffile.TiffFile(path) as file:
        first = file.pages.first
        return parse_xml(first.description) if first.is_ome else None
