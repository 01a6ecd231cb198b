"""What blocks have found becomes the objects of the image: each once and whole, whatever the order of blocks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samj_bridge.geometry.blocks.grid import Blocks
from samj_bridge.geometry.blocks.merging import Merging, Rule, candidates_of, rest_of
from samj_bridge.geometry.region import Region

BLOCKS = Blocks((150, 200), 64, 8)
FAST = Rule(cuts=True, most=0.5)
EXACT = Rule(cuts=False, most=0.7)


def rectangle(x0, y0, x1, y1, score=0.9):
    ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.int32)
    return Region((ring,), shape=BLOCKS.image_hw, score=score)


def seen_by(block, objects):
    """Return what a perfect network finds in a block: the objects in it, cut at its borders."""
    left, top, right, bottom = BLOCKS.extent(block)
    for region in objects:
        x0, y0, x1, y1 = region.bbox_xyxy
        box = max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)
        if box[0] < box[2] and box[1] < box[3]:
            yield rectangle(*box, region.score)


def merged(found, rule=FAST, order=None):
    merging = Merging(BLOCKS, range(len(BLOCKS)), rule)
    given_ = []
    for block in order or range(len(BLOCKS)):
        kept, _ = candidates_of(BLOCKS, block, found[block])
        given_ += merging.done(block, kept)
    return given_


def plain(regions):
    return sorted((region.bbox_xyxy, region.area, region.score) for region in regions)


@st.composite
def scattered(draw):
    """Rectangles on a grid, none of them longer than a halo sees, none touching another."""
    objects = []
    for y in range(1, 134, 17):
        for x in range(1, 184, 17):
            wide, tall = draw(st.integers(0, 15)), draw(st.integers(1, 15))
            if wide:
                score = draw(st.sampled_from([0.7, 0.8, 0.9]))
                objects.append(rectangle(x, y, x + wide, y + tall, score))
    return objects


@settings(max_examples=20, deadline=None)
@given(scattered(), st.randoms(use_true_random=False))
def test_every_object_is_found_once_and_whole_in_any_order_of_blocks(objects, random):
    found = [list(seen_by(block, objects)) for block in range(len(BLOCKS))]
    assert plain(merged(found)) == plain(objects)
    order = list(range(len(BLOCKS)))
    random.shuffle(order)
    assert plain(merged(found, order=order)) == plain(objects)
    assert plain(merged(found, EXACT, order)) == plain(objects)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_blocks_see_differently_is_settled_in_the_same_way_in_any_order(data):
    size = st.integers(2, 15)
    found = []
    for block in range(len(BLOCKS)):
        left, top, right, bottom = BLOCKS.extent(block)
        here = []
        for _ in range(data.draw(st.integers(0, 5))):
            x, y = data.draw(st.integers(left + 1, right - 18)), data.draw(st.integers(top + 1, bottom - 18))
            box = x, y, x + data.draw(size), y + data.draw(size)
            # Objects of one block never overlap.
            if all(box[0] >= o[2] or box[2] <= o[0] or box[1] >= o[3] or box[3] <= o[1] for o, _ in here):
                here.append((box, data.draw(st.sampled_from([0.7, 0.8, 0.9]))))
        found.append([rectangle(*box, score) for box, score in here])
    first = merged(found)
    order = data.draw(st.permutations(range(len(BLOCKS))))
    assert plain(merged(found, order=order)) == plain(first)
    claimed = np.zeros(BLOCKS.image_hw, int)
    for region in first:
        claimed += region.mask()
    assert claimed.max(initial=0) <= 1
    # Nothing that was clearly an object went without another that has its place.
    for block, regions in enumerate(found):
        for candidate in candidates_of(BLOCKS, block, regions)[0]:
            assert (claimed.astype(bool) & candidate.region.mask()).sum() * 2 >= candidate.region.area


def test_two_blocks_that_both_own_an_object_keep_the_better_one():
    edge = BLOCKS.core(0)[2]
    better, worse = rectangle(edge - 8, 20, edge + 7, 30, 0.9), rectangle(edge - 7, 20, edge + 9, 30, 0.8)
    found = [[] for _ in range(len(BLOCKS))]
    found[0], found[1] = [better], [worse]
    for rule in (FAST, EXACT):
        assert plain(merged(found, rule)) == plain([better])


def test_an_object_that_no_block_owns_is_kept_all_the_same():
    edge = BLOCKS.core(0)[2]
    found = [[] for _ in range(len(BLOCKS))]
    # Seen a little farther right by the left block, and not at all by the right one.
    found[0] = [rectangle(edge - 4, 20, edge + 7, 30)]
    assert plain(merged(found)) == plain(found[0])


def test_objects_that_overlap_share_no_pixel_in_fast_mode_and_keep_theirs_in_exact_mode():
    edge = BLOCKS.core(0)[2]
    first, second = rectangle(edge - 10, 20, edge - 1, 30, 0.8), rectangle(edge - 4, 20, edge + 7, 30, 0.9)
    found = [[] for _ in range(len(BLOCKS))]
    found[0], found[1] = [first], [second]
    assert plain(merged(found)) == plain([rectangle(edge - 10, 20, edge - 4, 30, 0.8), second])
    assert plain(merged(found, EXACT)) == plain([first, second])


def test_an_object_comes_as_soon_as_no_block_can_change_it():
    merging = Merging(BLOCKS, range(len(BLOCKS)), FAST)
    middle, edge = rectangle(10, 10, 20, 20), rectangle(45, 10, 54, 20)
    assert plain(merging.done(0, candidates_of(BLOCKS, 0, [middle, edge])[0])) == plain([middle])
    assert plain(merging.done(1, [])) == plain([edge])


def test_what_a_border_cuts_is_left_to_its_neighbour_unless_it_reaches_into_the_core():
    left = BLOCKS.extent(1)[0]
    beside, through = rectangle(left, 10, left + 8, 20), rectangle(left, 30, left + 20, 40)
    kept, cut = candidates_of(BLOCKS, 1, [beside, through])
    assert kept == []
    assert plain(cut) == plain([through])


def test_what_is_left_of_an_object_has_to_be_enough():
    region, other = rectangle(0, 0, 10, 10), rectangle(0, 0, 10, 4, 0.95)
    assert rest_of(region, [other], FAST).area == 60
    assert rest_of(region, [other, rectangle(0, 4, 10, 6)], FAST) is None
    assert rest_of(region, [other], Rule(cuts=True, most=0.5, min_area=61)) is None
