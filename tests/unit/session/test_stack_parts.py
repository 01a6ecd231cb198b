"""What following objects through a stack is made of: what is given, which planes, what is lost. No worker."""

import numpy as np
import pytest

from samj_bridge.errors import ImageError, InputError, PromptError
from samj_bridge.geometry.innermost import innermost
from samj_bridge.geometry.region import Region
from samj_bridge.session import Prompt
from samj_bridge.session.stack.given import Given, given_of
from samj_bridge.session.stack.plan import sweeps, walks_of
from samj_bridge.session.stack.projection import Projection, project
from samj_bridge.session.stack.rules import StopRules, overlap
from samj_bridge.session.stack.source import StackSource
from samj_bridge.session.stack.step import Step
from samj_bridge.session.stack.track import Track, moved
from samj_bridge.session.stack.tracks import Tracks

SHAPE = (40, 60)
CLICK = Prompt(points=[(5, 5)])


def disc(x, y, r, score=None):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return Region.from_mask((columns - x) ** 2 + (rows - y) ** 2 <= r * r, score=score)


def given(*planes, number=1, ends=()):
    return Given(number, "", dict.fromkeys(planes, CLICK), frozenset(ends))


# What is given.


def test_objects_are_told_apart_by_number_then_by_name():
    named = Prompt(points=[(5, 5)], name="nucleus")
    found = given_of(
        [(3, CLICK), (4, named), (7, named), (2, disc(9, 9, 4), 5), (6, None, 5), (1, CLICK)], 10, SHAPE
    )
    assert [(item.number, sorted(item.planes), sorted(item.ends)) for item in found] == [
        (1, [3], []),
        (2, [4, 7], []),
        (3, [1], []),
        (5, [2], [6]),
    ]
    assert [item.name for item in found] == ["object-0001", "nucleus", "object-0003", "object-0005"]
    (single,) = given_of((3, CLICK), 10, SHAPE)
    assert list(single.planes) == [3]
    (masked,) = given_of((np.int64(3), disc(9, 9, 4).mask(SHAPE)), 10, SHAPE)
    assert masked.planes[3].area == disc(9, 9, 4).area


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        ([], "empty"),
        ([(10, CLICK)], "planes 0 to 9"),
        ([(-1, CLICK)], "planes 0 to 9"),
        ([(True, CLICK)], "planes 0 to 9"),
        ([(3, CLICK, 0)], "object 0"),
        ([(3, CLICK, 1), (3, CLICK, 1)], "twice on plane 3"),
        ([(3, None)], "Nothing says"),
        ([(2, CLICK, 1), (3, None)], "not which object"),
        ([(2, CLICK, 1), (3, None, 2)], "only said where it is not"),
        ([CLICK], "Item 0 is a Prompt"),
        (7, "says of no plane"),
        ([(3, "left")], "Item 0"),
        ([(3, np.zeros(SHAPE, bool))], "empty"),
        ([(3, np.ones((50, 50), bool))], "outside the image"),
        ([(3, Prompt(points=[(70, 5)]))], "outside the image"),
    ],
)
def test_what_cant_be_meant_is_refused_in_words(prompts, words):
    with pytest.raises(PromptError, match=words) as caught:
        given_of(prompts, 10, SHAPE)
    assert caught.value.hint


# Which planes.


def test_every_plane_is_passed_once_up_to_the_middle_and_not_beyond_an_end():
    walks = walks_of(given(4, 9), 0, 12)
    passed = sorted(plane for walk in walks for plane in walk.planes)
    assert passed == [plane for plane in range(13) if plane not in (4, 9)]
    assert {walk.ahead for walk in walks} == {None, 4, 9}
    ended = walks_of(given(4, 9, ends=(2, 7, 11)), 0, 12)
    assert sorted(plane for walk in ended for plane in walk.planes) == [3, 5, 6, 8, 10]
    assert walks_of(given(0), 0, 0) == []


def test_planes_are_done_once_for_all_objects():
    walks = [walk for item in (given(4), given(4, number=2), given(6, number=3)) for walk in walks_of(item, 2, 8)]
    planes = [plane for plane, _ in sweeps(walks)]
    assert planes == [5, 6, 7, 8, 5, 4, 3, 2]
    assert [len(there) for _, there in sweeps(walks)] == [2, 2, 3, 3, 1, 1, 3, 3]


def test_a_correction_changes_what_lies_between_its_neighbours_alone():
    tracks = Tracks("z", 20, SHAPE, 0, 19, {1: given(5, 15)})
    affected = tracks.affected(given_of([(9, CLICK, 1)], 20, SHAPE))
    assert {plane for _, plane in affected.span} == set(range(6, 15))
    assert sorted(plane for walk in affected.walks for plane in walk.planes) == [6, 7, 8, 10, 11, 12, 13, 14]
    assert sorted(affected.given[0].planes) == [5, 9, 15]
    assert affected.new == {(1, 9)}
    # Next time it is one of those that nothing goes past.
    again = tracks.affected(given_of([(7, CLICK, 1)], 20, SHAPE))
    assert {plane for _, plane in again.span} == {6, 7, 8}
    assert sorted(again.given[0].planes) == [5, 7, 9]


def test_where_an_object_is_said_to_end_is_taken_back_by_a_prompt_there():
    tracks = Tracks("t", 20, SHAPE, 0, 19, {1: given(5)})
    mark = Given(1, "", {}, frozenset({10}))
    affected = tracks.affected([mark])
    assert {plane for _, plane in affected.span} == {*range(6, 20)}
    assert [list(walk.planes) for walk in affected.walks] == [[6, 7, 8, 9]]
    tracks.affected([given(10)])
    assert tracks.given[1].ends == frozenset()
    with pytest.raises(PromptError, match="planes 0 to 19"):
        tracks.affected([given(25)])


# What is lost.


def test_what_is_found_is_compared_with_the_plane_before():
    rules = StopRules(min_iou=0.5, max_area_ratio=2, min_score=0.6)
    before = disc(20, 20, 8)
    assert rules.why_lost(disc(20, 20, 9, 0.9), before, 0.8) == ""
    assert "IoU" in rules.why_lost(disc(30, 20, 8, 0.9), before, 0.2)
    assert "area" in rules.why_lost(disc(20, 20, 12, 0.9), before, 0.6)
    assert "area" in rules.why_lost(disc(20, 20, 5, 0.9), before, 0.6)
    assert "score" in rules.why_lost(disc(20, 20, 8, 0.5), before, 0.9)
    assert "nothing" in rules.why_lost(Region(()), before, 0.0)
    off = StopRules(0, 0, 0)
    assert off.why_lost(disc(30, 20, 15, 0.0), before, 0.0) == ""


@pytest.mark.parametrize("wrong", [{"min_iou": 2}, {"min_score": -1}, {"max_area_ratio": 0.5}, {"patience": "no"}])
def test_rules_out_of_their_range_are_refused(wrong):
    with pytest.raises(InputError):
        StopRules(**wrong)


def test_a_lost_object_is_looked_for_given_up_or_found_again():
    (walk,) = walks_of(given(0), 0, 9)
    track = Track(walk, SHAPE, disc(20, 20, 8))
    rules = StopRules(patience=2)
    states = [track.step(1, disc(20, 20, 8, 0.9), rules, stops=True), track.step(2, Region(()), rules, stops=True)]
    states.append(track.step(3, disc(21, 20, 8, 0.9), rules, stops=True))
    assert [step.state for step in states] == ["followed", "lost", "reappeared"]
    for plane in (4, 5, 6):
        step = track.step(plane, disc(50, 5, 2, 0.9), rules, stops=True)
        assert step.region.is_empty
        assert step.note
    assert track.given_up
    # An engine that says itself where an object is not goes on: the rules say what is doubtful.
    told = Track(walk, SHAPE, disc(20, 20, 8)).step(1, disc(40, 20, 8, 0.9), rules, stops=False)
    assert (told.state, told.region.is_empty) == ("followed", False)
    assert "IoU" in told.note
    assert told.doubt >= 0.5


def test_motion_is_learnt_and_a_gap_is_bridged():
    (walk,) = walks_of(given(0), 0, 9)
    track = Track(walk, SHAPE, disc(10, 20, 4), moves=True)
    for plane in (1, 2, 3):
        step = track.step(plane, disc(10 + 6 * plane, 20, 4, 0.9), StopRules(min_iou=0), stops=True)
        assert plane == 1 or step.iou == 1.0
    assert track.expected(4) == (6.0, 0.0)
    track.step(4, Region(()), StopRules(), stops=True)
    assert track.expected(5) == (12.0, 0.0)
    assert track.step(5, disc(40, 20, 4, 0.9), StopRules(), stops=True).state == "reappeared"
    still = Track(walk, SHAPE, disc(10, 20, 4))
    still.step(1, disc(16, 20, 4, 0.9), StopRules(min_iou=0), stops=True)
    assert still.expected(2) == (0.0, 0.0)


def test_a_region_that_moves_out_is_cut_off_and_then_gone():
    region = disc(5, 20, 4)
    assert moved(region, (0, 0), SHAPE) is region
    there = np.zeros(SHAPE, bool)
    there[:, :-3] = region.mask(SHAPE)[:, 3:]
    assert (moved(region, (-3, 0), SHAPE).mask(SHAPE) == there).all()
    assert moved(region, (-30, 0), SHAPE).is_empty
    assert overlap(region, region)[1] == 1.0
    assert overlap(region, Region(()))[1] == 0.0


# What becomes the prompt.


def test_parts_of_a_region_become_the_prompt():
    region = disc(20, 20, 8)
    prompt = project(region, SHAPE, Projection(("box", "mask", "point"), 0.1))
    x0, y0, x1, y1 = region.bbox_xyxy
    assert prompt.box == pytest.approx((x0 - 1.7, y0 - 1.7, x1 + 1.7, y1 + 1.7))
    assert prompt.mask is region
    assert prompt.points == ((20.0, 20.0),)
    edge = project(disc(2, 2, 4), SHAPE, Projection(("box",), 0.5))
    assert edge.box[:2] == (0.0, 0.0)
    assert Projection(("point",)).for_model(("box",)).parts == ("box",)
    assert Projection(("mask", "point")).for_model(("box",)).parts == ("mask",)
    for wrong in ({"parts": ()}, {"parts": ("outline",)}, {"grown": -1}):
        with pytest.raises(InputError):
            Projection(**wrong)


def test_the_innermost_point_is_the_one_that_scipy_finds():
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(3)
    for _ in range(20):
        mask = ndimage.gaussian_filter(rng.random((31, 45)), 3) > 0.5
        x, y = innermost(mask)
        distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        assert distance[y, x] == pytest.approx(distance.max())
    large = np.zeros((900, 1200), bool)
    large[100:700, 300:1100] = True
    x, y = innermost(large)
    assert large[y - 290 : y + 290, x - 290 : x + 290].all()
    thin = np.zeros((1000, 3), bool)
    thin[777, 1] = True
    assert innermost(thin) == (1, 777)
    with pytest.raises(ValueError, match="innermost"):
        innermost(np.zeros((3, 3), bool))


# What planes are read from.


@pytest.mark.parametrize(
    ("shape", "words"),
    [((5, 6), "one plane"), ((2, 3, 4, 5, 6), "5 axes"), ((0, 5, 6), "no planes"), ((50, 60, 3), "one plane with")],
)
def test_what_is_no_stack_is_refused(shape, words):
    with pytest.raises(ImageError, match=words):
        StackSource(np.zeros(shape, np.uint8))


def test_an_axis_too_many_is_told():
    with pytest.raises(ImageError, match=r"Plane 0") as caught:
        StackSource(np.zeros((3, 2, 40, 50), np.uint8))
    assert caught.value.hint
    with pytest.raises(ImageError, match="no stack"):
        StackSource(iter([]))


def test_planes_are_read_when_they_are_needed_and_must_be_alike():
    class Lazy:
        def __init__(self):
            self.read = []

        def __len__(self):
            return 10_000

        def __getitem__(self, plane):
            self.read.append(plane)
            if plane == 7:
                raise OSError("the drive is gone")
            size = SHAPE if plane != 8 else (5, 5)
            return np.full(size, min(plane, 200), np.uint8) + np.eye(*size, dtype=np.uint8)

    lazy = Lazy()
    source = StackSource(lazy)
    assert (source.planes, source.shape, lazy.read) == (10_000, SHAPE, [0])
    assert source.ranges() == ((0.0, 201.0),)
    assert len(lazy.read) == 6
    assert source.ranges() == source.ranges()
    assert len(lazy.read) == 6
    with pytest.raises(ImageError, match="Plane 7 can't be read: OSError: the drive is gone"):
        source.read(7)
    with pytest.raises(ImageError, match=r"Plane 8 has the shape \(5, 5\)"):
        source.read(8)
    assert StackSource(lazy, ranges=(3, 9)).ranges() == ((3.0, 9.0),)
    assert StackSource(np.zeros((4, 30, 40, 3), np.uint8)).ranges() == ((0.0, 255.0),) * 3


def test_the_most_doubtful_comes_first():
    tracks = Tracks("z", 9, SHAPE, 0, 8)
    for step in (
        Step(3, disc(9, 9, 4, 0.9), 1, "prompted"),
        Step(4, disc(9, 9, 4, 0.7), 1, "followed", 0.9),
        Step(5, disc(9, 9, 4, 0.95), 1, "followed", 0.6),
        Step(6, Region(()), 1, "lost", 0.0, "nothing was found"),
    ):
        tracks.put(step)
    order, here = [], tracks.next_doubtful()
    while here is not None:
        order.append(here.plane)
        here = tracks.next_doubtful(here)
    assert order == [6, 5, 4]
    assert len(tracks.regions) == 3
    assert len(tracks.of(1)) == len(tracks) == 4
