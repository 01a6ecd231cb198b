"""Tables of colours: whether the numbers are intensities, inverted intensities or mere names of colours.

The command line and the tool in ImageJ ask the same function, so that one file is segmented alike in both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["INTENSITIES", "INVERTED", "NAMES", "apply_table", "meaning_of", "turned_round"]

INTENSITIES = "intensities"
"""The numbers are what is measured; the table tints them (green, fire, a plain ramp)."""
INVERTED = "inverted"
"""Low numbers are bright."""
NAMES = "names"
"""The numbers are places in the table: only the colours mean something."""


def meaning_of(table: NDArray[np.uint8]) -> str:
    """Tell what the numbers of an 8-bit image with a table mean.

    ImageJ's own rule tells a table that tints from one of colours: smooth steps between neighbours, or its
    *3-3-2 RGB*; what merely fills a table up to 256 (a PNG of seven colours has 249 such entries in Java) is left
    out here. A grey table means intensities where it rises all along, inverted ones where it falls.

    Parameters
    ----------
    table : (n, 3) uint8 array
        Red, green and blue of each number.

    Examples
    --------
    >>> ramp = np.arange(256, dtype=np.uint8)
    >>> meaning_of(np.stack([ramp, ramp, ramp], axis=1)), meaning_of(np.stack([255 - ramp] * 3, axis=1))
    ('intensities', 'inverted')
    """
    colours = table.astype(np.int64)
    grey = bool((colours == colours[:, :1]).all())
    if len(table) != 256 or not (grey or _tints(colours)):
        return NAMES
    if falls(table):
        return INVERTED
    if grey and (np.diff(colours[:, 0]) < 0).any():
        return NAMES
    return INTENSITIES


def falls(table: NDArray[np.uint8]) -> bool:
    """Return whether no step of a table of 256 goes up, which ImageJ calls inverted; the last is not asked."""
    sums = table[:255].astype(np.int64).sum(axis=1)
    return not bool((np.diff(sums) > 0).any())


def apply_table(numbers: NDArray[Any], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colours of numbers: (Y, X, 3), or (Y, X) where the table is grey.

    Raises
    ------
    ValueError
        A number is beyond the table.
    """
    if numbers.size and int(numbers.max()) >= len(table):
        message = f"a pixel names colour {int(numbers.max())}, but the table has {len(table)}"
        raise ValueError(message)
    grey = bool((table == table[:, :1]).all())
    shown: NDArray[np.uint8] = np.ascontiguousarray(table[:, 0])[numbers] if grey else table[numbers]
    return shown


def turned_round(values: NDArray[Any], top: int | None = None) -> NDArray[Any]:
    """Return values with black and white exchanged, as ImageJ's inverting tables show them.

    Parameters
    ----------
    values : array
    top : int, optional
        What 0 becomes; by default the type's largest value, and 0 for numbers of more than 16 bits.
    """
    if values.dtype == np.bool_:
        return ~values
    if values.dtype.kind == "f":
        return -values
    if values.dtype.itemsize <= 2:
        return ~values if top is None else (top - values).astype(values.dtype)
    # ImageJ holds such numbers as floats, and turns a float round by its sign.
    return -values.astype(np.float64)


def _tints(colours: NDArray[np.int64]) -> bool:
    """Return whether a table of 256 tints: `isPseudoColorLut` of ImageJ's ImageProcessor, the filling left out."""
    used = int(np.flatnonzero((colours != colours[-1]).any(axis=1)).max(initial=0)) + 2
    # The step to the filling counts where the table is full, as in ImageJ.
    steps = np.diff(colours[: used if used > 250 else used - 1], axis=0).astype(np.float64)
    count = 3.0 * (len(steps) + 1)
    spread = ((steps**2).sum() - steps.sum() ** 2 / count) / (count - 1)
    deviation = float(np.sqrt(max(spread, 0.0)))
    return deviation < 20.0 or int(deviation) == 67
