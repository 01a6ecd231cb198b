"""Label Studio's run-length code for brush masks, written from its format.

A stream of bits: 32 for the number of bytes, 5 for the word's size less one, four times 4 for sizes of lengths less
one; then runs. A run: 1 bit (the same word again and again), 2 bits (which size its length has), the length less
one, the word. What is coded are RGBA bytes, so each pixel is four equal words.
Format: label-studio-sdk, converter/brush.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode_rle", "encode_rle"]

_SIZES = (3, 4, 8, 16)
_WORD = 8


def encode_rle(mask: NDArray[np.bool_]) -> list[int]:
    """Return a mask as Label Studio keeps it.

    Parameters
    ----------
    mask : (Y, X) bool array

    Returns
    -------
    list of int
        Bytes.

    Examples
    --------
    >>> code = encode_rle(np.array([[True, False], [False, False]]))
    >>> decode_rle(code, (2, 2)).tolist()
    [[True, False], [False, False]]
    """
    flat = np.asarray(mask, bool).reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    starts = np.concatenate([[0], edges, [flat.size]]) * 4
    bits = [f"{flat.size * 4:032b}", f"{_WORD - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    value = bool(flat[0]) if flat.size else False
    for length in np.diff(starts).tolist():
        word = f"{255 if value else 0:08b}"
        left = length
        while left:
            run = min(left, 1 << _SIZES[-1])
            index = next(i for i, size in enumerate(_SIZES) if run <= 1 << size)
            bits += ["1", f"{index:02b}", format(run - 1, f"0{_SIZES[index]}b"), word]
            left -= run
        value = not value
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def decode_rle(code: list[int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask that was coded; any such stream is read, whoever wrote it."""
    text = "".join(f"{byte:08b}" for byte in code)
    at = 0

    def read(size: int) -> int:
        nonlocal at
        at += size
        return int(text[at - size : at], 2)

    count, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    words = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        again = read(1)
        length = read(sizes[read(2)]) + 1
        if again:
            words[done : done + length] = read(word)
        else:
            words[done : done + length] = [read(word) for _ in range(length)]
        done += length
    return words.reshape(*shape, 4)[..., 3] > 0
