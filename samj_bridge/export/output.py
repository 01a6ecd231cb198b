"""What every format shares: which regions are written, their names, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, InputError, NoSpaceError
from samj_bridge.geometry.rasterise import as_shape
from samj_bridge.geometry.region import Region

__all__ = [
    "MARK",
    "Check",
    "check_regions",
    "each_region",
    "image_shape",
    "numbered",
    "replacing",
    "unchecked",
    "unique_names",
    "write_error",
]

Check = Callable[[float], None]
"""Hears of the part of a file that is written, 0 to 1, and may raise."""

MARK = "samj-bridge"
"""How a picture's ``Software`` begins that was written here: such a one is no input of the command line."""

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}

_SHORT = re.compile(r"\d+ requested and \d+ written")
"""What numpy says, without an error number, where a disk took only a part of an array."""


def unchecked(_fraction: float) -> None:
    """Hear nothing of it."""


def check_regions(regions: Region | Iterable[Region]) -> list[Region]:
    """Return regions as a list; one alone counts as a list of one.

    Raises
    ------
    InputError
        Something in it is no region.
    """
    return list(each_region(regions))


def each_region(regions: Region | Iterable[Region]) -> Iterator[Region]:
    """Yield regions as they come; one alone counts as a list of one.

    Raises
    ------
    InputError
        Something in it is no region.
    """
    if isinstance(regions, Region):
        yield regions
        return
    try:
        coming: Iterator[Any] = iter(regions)
    except TypeError as error:
        message = f"Regions can't be taken from a {type(regions).__name__}."
        raise InputError(message, hint="Hand in a list of regions.") from error
    for index, region in enumerate(coming):
        if not isinstance(region, Region):
            message = f"Item {index} of the regions is a {type(region).__name__}, not a Region."
            raise InputError(message, hint="Region.from_mask(mask) makes one from a mask.")
        yield region


def numbered(regions: Iterable[Region]) -> list[tuple[int, Region]]:
    """Return the regions that have pixels, each with its number: its place in the list, from 1."""
    return [(number, region) for number, region in enumerate(regions, 1) if not region.is_empty]


def unique_names(regions: Iterable[Region]) -> list[str]:
    """Return a name for each region: its own or ``object-0001``, made unique by ``-2``, ``-3`` and so on.

    Names that differ in case only count as the same: files made of them would clash on Windows and macOS.
    """
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    names = []
    for index, region in enumerate(regions, 1):
        wanted = region.name.strip() or f"object-{index:04d}"
        name = wanted
        while name.casefold() in taken:
            number = next_number.get(wanted, 2)
            next_number[wanted] = number + 1
            name = f"{wanted}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def image_shape(regions: Iterable[Region], shape: tuple[int, int] | None) -> tuple[int, int]:
    """Return the image's (Y, X): as given, or as the regions know it.

    Raises
    ------
    InputError
        It is neither given nor known, the regions disagree, or the image has no pixels.
    """
    if shape is None:
        known = {region.shape for region in regions if region.shape is not None}
        if len(known) != 1:
            reason = (
                "none of the regions knows it" if not known else f"the regions belong to images of {sorted(known)}"
            )
            message = f"The image's shape is not known: {reason}."
            raise InputError(message, hint="Give shape=(height, width).")
        shape = known.pop()
    try:
        height, width = as_shape(shape)
    except (TypeError, ValueError) as error:
        raise InputError(str(error), hint="Give the image's (height, width).") from error
    if not height or not width:
        message = f"An image of shape {(height, width)} has no pixels to write."
        raise InputError(message)
    return height, width


@contextmanager
def replacing(path: str | Path, ending: str) -> Iterator[Path]:
    """Give a temporary file beside `path` to write to; when all went well it takes the place of `path`.

    Raises
    ------
    InputError
        `path` does not end as files of this format do, so that other programs would not know it.
    NoSpaceError
        The disk is full. What was at `path` before is still there.
    FileError
        The folder is missing or can't be written to. What was at `path` before is still there.
    """
    target = Path(path)
    if target.suffix.lower() not in ending.split("|"):
        message = f"{str(target)!r} does not end with {ending.replace('|', ' or ')}."
        raise InputError(message, hint="Programs go by the ending: choose another name.")
    # A short name of its own: the target's name may be as long as the file system allows.
    draft = target.with_name(f".samj-{secrets.token_hex(8)}{target.suffix}")
    try:
        yield draft
        draft.replace(target)
    except OSError as error:
        raise write_error(error, target) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def write_error(error: OSError, target: Path) -> FileError:
    """Return in words why a file was not written."""
    reason = error.strerror or str(error)
    short = _SHORT.fullmatch(str(error)) is not None
    if short or error.errno in _FULL:
        limit = ", or a limit on the size of files was reached" if short else ""
        message = f"The disk is full{limit}: {str(target)!r} was not written."
        return NoSpaceError(message, hint="Make space, or choose another folder.", path=str(target))
    if isinstance(error, FileNotFoundError):
        message = f"Can't write {str(target)!r}: its folder does not exist."
        return FileError(message, hint=f"Make the folder {str(target.parent)!r} first.", path=str(target))
    message = f"Can't write {str(target)!r}: {reason}."
    return FileError(message, hint="Choose a folder that you may write to.", path=str(target))
