"""A TIFF page's numbers to what ImageJ shows: inverted, looked up in a table, made RGB, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.reading.tables import INVERTED, NAMES, apply_table, falls, meaning_of, turned_round

__all__ = ["NotShown", "shown", "what_samples_are"]

_MINISWHITE, _RGB, _PALETTE, _SEPARATED, _YCBCR = 0, 2, 3, 5, 6
_JPEG = frozenset({6, 7, 34892, 33007, 34712, 33003, 33004, 33005, 34933, 34934, 50001, 50002, 52546})
"""Compressions whose decoders turn luminance and chroma into RGB themselves."""
_UNUSUAL = {
    8: "CIE L*a*b* colours",
    9: "ICC L*a*b* colours",
    10: "ITU L*a*b* colours",
    32844: "LogL values",
    32845: "LogLuv colours",
}
_SAVE_AS_RGB = "ImageJ would show other colours than were meant; save it as RGB first."


class NotShown(ValueError):
    """Numbers that ImageJ would show wrongly, or not at all, and that we can't say better."""


def what_samples_are(page: Any, *, channels: bool) -> tuple[bool, int, int]:
    """Return whether a page is RGB, how many channels it has otherwise, and how many samples are alpha.

    Parameters
    ----------
    page : tifffile.TiffPage
    channels : bool
        Whether the file itself says that samples are channels.

    Raises
    ------
    NotShown
        Colours of a kind that ImageJ would show wrongly.
    """
    if page.dtype is not None and page.dtype.kind == "c":
        raise NotShown("it holds complex numbers; save their magnitude, or the real part")
    samples, photometric = int(page.samplesperpixel), int(page.photometric)
    _check_colours(page, samples, photometric)
    if samples == 1:
        return False, 1, 0
    if photometric == _SEPARATED:
        return True, 1, 0
    extra = tuple(int(value) for value in page.extrasamples or ())
    alpha = sum(value in {1, 2} for value in extra[-1:]) if samples > 1 else 0
    bytes_ = page.dtype == np.uint8 and page.bitspersample == 8
    if bytes_ and not channels and (samples - alpha == 3 or (samples == 4 and photometric in {_RGB, _YCBCR})):
        return True, 1, samples - 3
    return False, samples - alpha, alpha


def shown(
    numbers: NDArray[Any], page: Any, first: Any, *, several: bool, described: bool
) -> tuple[NDArray[Any], list[str]]:
    """Return what ImageJ shows of a page of one sample, or of CMYK, and what was done for it.

    Parameters
    ----------
    numbers : (Y, X) array, or (Y, X, 4) of CMYK
    page : tifffile.TiffPage
        Where they come from.
    first : tifffile.TiffPage
        The stack's first page, whose table ImageJ uses throughout.
    several : bool
        Whether ImageJ knows of the stack's channels: their tables tint them.
    described : bool
        Whether the file has a description: without one, ImageJ passes over tables of 16-bit images.

    Raises
    ------
    NotShown
        The page has another table than the first.
    """
    if numbers.ndim == 3:
        return (_from_cmyk(numbers), ["CMYK to RGB"]) if int(first.photometric) == _SEPARATED else (numbers, [])
    bits = int(first.bitspersample)
    table = _table(first)
    if table is not None and page is not first:
        other = _table(page)
        if other is not None and not several and not _mean_the_same(other, table):
            raise NotShown("its pages have tables of colours of their own; ImageJ uses the first one's for all")
    if bits == 1:
        # White is 255, whatever the bit.
        numbers = numbers.astype(np.uint8) * 255
    if several:
        return numbers, []
    if table is not None and bits != 1:
        return _looked_up(numbers, table, bits, described=described)
    if int(first.photometric) == _MINISWHITE:
        return turned_round(numbers, 2**bits - 1 if bits in {2, 4} else None), ["inverted"]
    return numbers, []


def _mean_the_same(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> bool:
    """Return whether two tables are equal, or mere tints of what both show as intensities (or both as inverted)."""
    if np.array_equal(one, other):
        return True
    meanings = {meaning_of(_eight_bits(table)) for table in (one, other)}
    return len(meanings) == 1 and NAMES not in meanings


def _looked_up(
    numbers: NDArray[Any], table: NDArray[np.uint16], bits: int, *, described: bool
) -> tuple[NDArray[Any], list[str]]:
    colours = _eight_bits(table)
    if bits <= 8:
        meaning = meaning_of(colours)
        if meaning == NAMES:
            return apply_table(numbers, colours), ["colours by its table"]
        return (turned_round(numbers), ["inverted"]) if meaning == INVERTED else (numbers, [])
    if len(colours) != 256:
        message = f"a table of {len(colours)} colours for {bits}-bit numbers, which ImageJ does not look at"
        raise NotShown(message)
    if described and falls(colours):
        return turned_round(numbers), ["inverted"]
    return numbers, []


def _eight_bits(table: NDArray[np.uint16]) -> NDArray[np.uint8]:
    # Some programs write 0 to 255 where the format wants 0 to 65,535.
    return (table if table.max() < 256 else table >> 8).astype(np.uint8)


def _table(page: Any) -> NDArray[np.uint16] | None:
    tags = getattr(page, "tags", None)
    tag = tags.get(320) if tags is not None else None
    if tag is None:
        return None
    values = np.asarray(tag.value, np.uint16)
    if values.size % 3:
        return None
    values = np.ascontiguousarray(values.reshape(3, -1).T)
    bits = int(page.bitspersample)
    if bits > 8 and int(page.photometric) != _PALETTE and len(values) != 256:
        return None
    return values


def _from_cmyk(inks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB of inks, by ImageJ's own arithmetic."""
    colours = inks[..., :3].astype(np.int32)
    black = inks[..., 3:].astype(np.int32)
    colours = np.where(black > 0, ((colours * (256 - black)) >> 8) + black, colours)
    return (255 - colours).astype(np.uint8)


def _check_colours(page: Any, samples: int, photometric: int) -> None:
    compression = int(page.compression)
    if photometric in _UNUSUAL:
        message = f"it holds {_UNUSUAL[photometric]}. {_SAVE_AS_RGB}"
        raise NotShown(message)
    if photometric == _YCBCR and compression not in _JPEG:
        message = f"it holds luminance and chroma (YCbCr) that are not JPEG. {_SAVE_AS_RGB}"
        raise NotShown(message)
    if photometric == _SEPARATED:
        tag = page.tags.get(332)
        known = tag is None or tag.value == 1
        if not (known and samples == 4 and page.dtype == np.uint8 and compression not in _JPEG):
            what = f"{samples} inks of {page.bitspersample} bits, which are not plain CMYK"
            message = f"it holds {what}. {_SAVE_AS_RGB}"
            raise NotShown(message)
