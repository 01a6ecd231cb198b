"""Which images a run is about, and how the results of each are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.errors import InputError
from samj_bridge.reading import find_images, once_per_image
from samj_bridge.segmenting.own_files import without_own

__all__ = ["Item", "Listing", "Part", "list_images", "parse_part"]

Part = tuple[int, int]
"""The i-th of n, from 1."""


@dataclass(frozen=True)
class Item:
    """An image of a run."""

    path: Path
    """The file."""
    stem: str
    """How its results are called."""


@dataclass(frozen=True)
class Listing:
    """The images of a run."""

    items: list[Item]
    """In name order; of a part, its own."""
    names: list[str]
    """File names of all images, those of other parts too."""
    notes: list[str]
    """What was left out, in words."""


def list_images(paths: Sequence[Path], part: Part | None = None) -> Listing:
    """Return the images of files and folders, without what samj-bridge wrote, each once.

    Parts are every n-th image of the list, so that all have nearly the same number. They are disjoint as long as no
    image comes or goes meanwhile; results may lie among the images.

    Raises
    ------
    FileError
        As `samj_bridge.reading.find_images` has it, or nothing is left.
    """
    images, own = without_own(find_images(list(paths)), paths)
    images, others = once_per_image(images)
    notes = []
    if own:
        notes.append(f"Left out, because samj-bridge wrote them: {', '.join(path.name for path in own)}.")
    notes += [f"{path.name} is a part of the same image as {whole.name}." for path, whole in others.items()]
    # Named before the parts are made: an image's results are called the same in every part.
    items = [Item(image, stem) for image, stem in zip(images, _stems(images), strict=True)]
    names = [image.name for image in images]
    if part is None:
        return Listing(items, names, notes)
    number, count = part
    return Listing(items[number - 1 :: count], names, notes)


def parse_part(text: str) -> Part:
    """Parse ``--part``.

    Raises
    ------
    InputError
        It is no part.

    Examples
    --------
    >>> parse_part("2/8")
    (2, 8)
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    if found:
        number, count = int(found[1]), int(found[2])
        if 1 <= number <= count:
            return number, count
    message = f"--part {text!r} is no part."
    raise InputError(message, hint="For example --part 2/8: the second of eight, counted from 1.")


def _stems(images: Sequence[Path]) -> list[str]:
    """Return a name for each image's results: its own, or with its ending or number where two would clash."""
    taken: set[str] = set()
    last: dict[str, int] = {}
    stems = []
    for image in images:
        name = image.stem if image.stem.lower() not in taken else image.name.replace(".", "_")
        number = last.get(image.stem.lower(), 1)
        while name.lower() in taken:
            number += 1
            name = f"{image.stem}_{number}"
        last[image.stem.lower()] = number
        taken.add(name.lower())
        stems.append(name)
    return stems
