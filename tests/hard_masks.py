"""Masks that break outline tracers: a fixed list of hard ones, and hypothesis strategies."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray


def _from_text(*rows: str) -> NDArray[np.bool_]:
    return np.array([[letter == "#" for letter in row] for row in rows])


def _disc(size: int, radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:size, :size] + 0.5
    return (y - size / 2) ** 2 + (x - size / 2) ** 2 < radius**2


def _spiral() -> NDArray[np.bool_]:
    return _from_text(
        "#########",
        "........#",
        "#######.#",
        "#.....#.#",
        "#.###.#.#",
        "#.#...#.#",
        "#.#####.#",
        "#.......#",
        "#########",
    )


HARD_MASKS: dict[str, NDArray[np.bool_]] = {
    "one pixel": np.ones((1, 1), bool),
    "no pixel": np.zeros((1, 1), bool),
    "empty": np.zeros((5, 7), bool),
    "no rows": np.zeros((0, 7), bool),
    "no columns": np.zeros((5, 0), bool),
    "full": np.ones((5, 7), bool),
    "one row": _from_text("#.##..###"),
    "one column": _from_text("#.##..###").T,
    "one-pixel lines": _from_text("..#....", "#######", "..#....", "..####.", ".....#."),
    "diagonal": np.eye(6, dtype=bool),
    "other diagonal": np.eye(6, dtype=bool)[::-1],
    "chessboard": (np.indices((6, 7)).sum(axis=0) % 2).astype(bool),
    "ring": _from_text("#####", "#...#", "#...#", "#####"),
    "ring pinched inside": _from_text("#####", "#.#.#", "##.##", "#.#.#", "#####"),
    "hole touching a hole by a corner": _from_text("####", "#.##", "##.#", "####"),
    "hole open by a corner": _from_text(".###", "#.##", "####"),
    "outline touching itself": _from_text("###.", "#.#.", "##.#", "#..#", "####"),
    "rings in rings": _from_text("#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"),
    "island in a hole touching its wall": _from_text("#####", "#...#", "#.#.#", "#..##", "#####"),
    "spiral": _spiral(),
    "parts at all borders": _from_text("##..#", "....#", "#....", "..##.", "#...#"),
    "disc": _disc(41, 19.3),
    "disc with holes": _disc(41, 19.3) & ~_disc(41, 5.5) & (np.indices((41, 41))[0] % 9 != 4),
    "comb": np.tile([True, False], (8, 12)) | (np.indices((8, 24))[0] == 7),
}


def masks(max_side: int = 12) -> st.SearchStrategy[NDArray[np.bool_]]:
    """Masks of any small shape, from nearly empty to nearly full."""
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=max_side)
    free = hnp.arrays(np.bool_, shapes)
    return st.one_of(free, _noise(max_side), _blown_up(max_side), _complement(max_side))


@st.composite
def _noise(draw: st.DrawFn, max_side: int) -> NDArray[np.bool_]:
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=max_side * 3))
    density = draw(st.sampled_from([0.05, 0.3, 0.5, 0.59, 0.7, 0.95]))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).random(shape) < density


@st.composite
def _blown_up(draw: st.DrawFn, max_side: int) -> NDArray[np.bool_]:
    """Noise of coarse grains: long straight edges, with diagonal touches far apart."""
    mask = draw(_noise(max(max_side // 3, 1)))
    return np.kron(mask, np.ones((draw(st.integers(1, 4)), draw(st.integers(1, 4))), bool))


@st.composite
def _complement(draw: st.DrawFn, max_side: int) -> NDArray[np.bool_]:
    """A full frame with little holes."""
    mask = draw(_noise(max_side))
    return ~(mask & (np.random.default_rng(mask.size).random(mask.shape) < 0.3))
