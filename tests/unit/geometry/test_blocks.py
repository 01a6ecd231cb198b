"""Blocks of everything mode: cores cover the image once, owners see what they own, nothing else is read."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samj_bridge.geometry.blocks.grid import Blocks


@st.composite
def any_blocks(draw):
    halo = draw(st.integers(1, 12))
    side = draw(st.integers(4 * halo + 2, 90))
    image_hw = draw(st.integers(1, 400)), draw(st.integers(1, 400))
    return Blocks(image_hw, side, halo, draw(st.integers(0, 3)))


@given(any_blocks())
def test_cores_are_the_image_and_nothing_of_it_twice(blocks):
    height, width = blocks.image_hw
    cores = [blocks.core(number) for number in range(len(blocks))]
    assert sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in cores) == height * width
    for a, b in itertools.combinations(cores, 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


@given(any_blocks())
def test_a_block_sees_its_halo_wherever_there_is_image(blocks):
    height, width = blocks.image_hw
    halo = blocks.halo << blocks.level
    for number in range(len(blocks)):
        (x0, y0, x1, y1), seen = blocks.core(number), blocks.extent(number)
        assert x0 < x1
        assert y0 < y1
        assert seen[0] <= max(x0 - halo, 0)
        assert seen[1] <= max(y0 - halo, 0)
        assert seen[2] >= min(x1 + halo, width)
        assert seen[3] >= min(y1 + halo, height)
        rows, columns = blocks.level_hw
        top, left, tall, wide = blocks.pixels(number)
        assert tall <= blocks.side
        assert wide <= blocks.side
        assert top + tall <= rows
        assert left + wide <= columns


@given(any_blocks(), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_place_belongs_to_the_block_whose_core_has_it(blocks, down, across):
    x, y = across * blocks.image_hw[1], down * blocks.image_hw[0]
    x0, y0, x1, y1 = blocks.core(blocks.owner(x, y))
    assert x0 <= x < x1
    assert y0 <= y < y1


@given(any_blocks(), st.tuples(*[st.integers(0, 399)] * 2), st.tuples(*[st.integers(1, 200)] * 2))
def test_the_blocks_of_a_box_are_those_that_share_pixels_with_it(blocks, corner, extent):
    height, width = blocks.image_hw
    x0, y0 = corner[0] % width, corner[1] % height
    box = x0, y0, min(x0 + extent[0], width), min(y0 + extent[1], height)

    def those(edges_of):
        return [
            number
            for number in range(len(blocks))
            for left, top, right, bottom in [edges_of(number)]
            if left < box[2] and right > box[0] and top < box[3] and bottom > box[1]
        ]

    assert list(blocks.touching(box)) == those(blocks.extent)
    assert list(blocks.owning(box)) == those(blocks.core)


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        ((0, 0, 64, 64), True),
        ((0, 0, 63, 63), False),
        ((0, 10, 64, 20), True),
        ((10, 0, 20, 10), False),
    ],
)
def test_an_object_is_cut_by_borders_inside_the_image_only(box, cut):
    assert Blocks((200, 200), 64, 8).is_cut(0, box) is cut
    assert not Blocks((64, 64), 64, 8).is_cut(0, box)
