"""The rule for tiles, as properties: what holds for every image and every prompt."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samj_bridge.geometry.tiling import Tile, Tiling

SIDES = st.sampled_from([16, 512, 1024])
LENGTHS = st.one_of(st.integers(1, 40), st.integers(1, 5000), st.integers(5000, 300_000))
TILINGS = st.builds(Tiling, st.tuples(LENGTHS, LENGTHS), SIDES)


@st.composite
def prompted(draw: st.DrawFn) -> tuple[Tiling, tuple[float, float, float, float]]:
    tiling = draw(TILINGS)
    edges = []
    for length in tiling.image_hw[::-1]:
        # Quarters of a pixel: what a user gives is no finer, and the sums are exact.
        low = draw(st.integers(0, 4 * length - 1)) / 4
        edges.append((low, draw(st.integers(math.floor(4 * low) + 1, 4 * length)) / 4))
    (x0, x1), (y0, y1) = edges
    return tiling, (x0, y0, x1, y1)


@given(prompted())
def test_a_prompt_has_room_around_it_in_its_tile(case) -> None:
    tiling, box = case
    tile = tiling.of(box)
    x0, y0, x1, y1 = tiling.extent(tile)
    assert x0 <= box[0] < box[2] <= x1
    assert y0 <= box[1] < box[3] <= y1
    if tile.level < tiling.top:
        room = tiling.side / 8 * 2**tile.level
        height, width = tiling.image_hw
        for inner, distance in (
            (x0 > 0, box[0] - x0),
            (y0 > 0, box[1] - y0),
            (x1 < width, x1 - box[2]),
            (y1 < height, y1 - box[3]),
        ):
            assert not inner or distance >= room


@given(prompted())
def test_the_level_shows_a_prompt_as_large_as_a_quarter_of_the_side_allows(case) -> None:
    tiling, box = case
    length, level = max(box[2] - box[0], box[3] - box[1]), tiling.of(box).level
    assert level == tiling.top or length / 2**level <= tiling.side / 4
    # Never less than an eighth: with a side of 1024 that is 128 pixels, where the image has them.
    assert level == 0 or length / 2**level > tiling.side / 8


@given(prompted())
def test_no_tile_is_nearer_and_none_as_near_has_a_lower_index(case) -> None:
    tiling, box = case
    tile = tiling.of(box)
    for place, index, count in zip(
        ((box[1] + box[3]) / 2, (box[0] + box[2]) / 2),
        (tile.row, tile.column),
        tiling.grid(tile.level),
        strict=True,
    ):
        near = range(max(0, index - 3), min(count, index + 4))
        distances = {i: abs((i + 1) * (tiling.side / 2) - place / 2**tile.level) for i in near}
        best = min(distances, key=lambda i: (distances[i], i))
        assert index == best


@given(TILINGS, st.data())
def test_the_tiles_of_a_level_cover_it_and_begin_at_multiples_of_half_a_side(tiling: Tiling, data) -> None:
    level = data.draw(st.integers(0, tiling.top))
    rows, columns = tiling.grid(level)
    height, width = tiling.level_hw(level)
    for row, column in ((0, 0), (rows - 1, columns - 1)):
        y0, x0, tall, wide = tiling.pixels(Tile(level, row, column))
        assert y0 % (tiling.side // 2) == x0 % (tiling.side // 2) == 0
        assert (y0 + tall == height, x0 + wide == width) == (row == rows - 1, column == columns - 1)
        assert tall == min(height, tiling.side) or (row > 0 and tall > tiling.side // 2)
    assert level < tiling.top or (rows, columns) == (1, 1)


@given(prompted())
def test_every_place_has_one_owner_and_cores_lie_side_by_side(case) -> None:
    tiling, (x, y, _, _) = case
    for level in range(tiling.top + 1):
        tile = tiling.at(level, x, y)
        x0, y0, x1, y1 = tiling.core(tile)
        assert x0 < x <= x1 or x0 == 0 <= x <= x1
        assert y0 < y <= y1 or y0 == 0 <= y <= y1
        if tile.column + 1 < tiling.grid(level)[1]:
            assert tiling.core(Tile(level, tile.row, tile.column + 1))[0] == x1


@given(prompted(), st.integers(0, 5), st.integers(0, 5))
def test_moving_image_and_prompt_by_the_grids_step_moves_the_tile(case, down: int, right: int) -> None:
    tiling, box = case
    tile = tiling.of(box)
    step = tiling.side // 2 << tile.level
    grown = Tiling((tiling.image_hw[0] + down * step, tiling.image_hw[1] + right * step), tiling.side)
    x0, y0, x1, y1 = box
    moved = grown.of((x0 + right * step, y0 + down * step, x1 + right * step, y1 + down * step))
    if tile.level == moved.level and 0 < tile.row < tiling.grid(tile.level)[0] - 1:
        assert moved.row == tile.row + down
    if tile.level == moved.level and 0 < tile.column < tiling.grid(tile.level)[1] - 1:
        assert moved.column == tile.column + right


@given(prompted())
def test_asking_again_goes_up_to_the_whole_image_and_ends(case) -> None:
    tiling, box = case
    tile: Tile | None = tiling.of(box)
    while tile is not None:
        last, tile = tile, tiling.above(tile, box)
        assert tile is None or tile.level == last.level + 1
    assert last.level == tiling.top
    x0, y0, x1, y1 = tiling.extent(last)
    assert (x0, y0, x1, y1) == (0, 0, tiling.image_hw[1], tiling.image_hw[0])
    # Nothing is cut there, but what fills it is still large.
    assert not tiling.is_cut(last, (x0, y0, x1, y1), (x1 * y1) / 4)


def test_an_answer_is_cut_by_borders_inside_the_image_only() -> None:
    tiling = Tiling((3000, 3000), 1024)
    corner, middle = Tile(0, 0, 0), Tile(0, 1, 1)
    assert not tiling.is_cut(corner, (0, 0, 50, 50), 2500)
    assert tiling.is_cut(corner, (900, 0, 1024, 50), 2500)
    assert tiling.is_cut(middle, (512, 600, 600, 700), 2500)
    assert not tiling.is_cut(middle, (513, 600, 600, 700), 2500)
    assert tiling.is_cut(middle, (520, 520, 1100, 1100), 512 * 512 + 1)
    assert not tiling.is_cut(middle, (0, 0, 0, 0), 0)


def test_answers_are_drawn_in_full_resolution_up_to_sixteen_pixels_for_each_of_the_tile() -> None:
    tiling = Tiling((20_000, 20_000), 1024)
    assert [tiling.drawn(Tile(level, 0, 0)) for level in range(5)] == [(0, 1), (1, 1), (2, 1), (2, 2), (2, 4)]


def test_neighbours_are_the_tiles_around() -> None:
    tiling = Tiling((3000, 3000), 1024)
    assert set(tiling.neighbours(Tile(0, 0, 0))) == {Tile(0, 0, 1), Tile(0, 1, 0), Tile(0, 1, 1)}
    assert len(set(tiling.neighbours(Tile(0, 1, 2)))) == 8
    assert not list(Tiling((10, 10), 1024).neighbours(Tile(0, 0, 0)))


VECTORS = Path(__file__).parents[2] / "data" / "tiling.json"


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text(encoding="utf-8")), ids=lambda case: case["what"])
def test_the_table_that_other_languages_check_themselves_against(case) -> None:
    tiling = Tiling(tuple(case["image_hw"]), case["side"])
    tile = tiling.of(tuple(case["box"]))
    assert [tile.level, tile.row, tile.column] == case["tile"]
    assert list(tiling.extent(tile)) == case["extent"]
    assert list(tiling.drawn(tile)) == case["drawn"]
    above = tiling.above(tile, tuple(case["box"]))
    assert (None if above is None else [above.level, above.row, above.column]) == case["above"]
    assert tiling.is_cut(tile, tuple(case["answer"]), case["area"]) == case["again"]
