"""Objects followed through real stacks by a real worker: a family of which the answer is known to the pixel."""

import numpy as np
import pytest
from fakes.opening import open_session

from samj_bridge.errors import Cancelled, ImageError, InputError, PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken
from samj_bridge.session import Prompt
from samj_bridge.session.stack.projection import Projection
from samj_bridge.session.stack.rules import StopRules

pytestmark = pytest.mark.worker

HOW = Projection(("box", "point"), 0.5)
SHAPE = (60, 90)
PLANES = 10


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("stacks")) as opened:
        yield opened


def square(plane, number):
    """Return where an object is: the first one moves to the right, the second one grows."""
    mask = np.zeros(SHAPE, bool)
    if number == 1:
        mask[10:24, 8 + 3 * plane : 22 + 3 * plane] = True
    else:
        mask[36:50, 40 : 54 + plane] = True
    return mask


def squares(gone=()):
    stack = np.full((PLANES, *SHAPE), 20, np.uint8)
    for plane in range(PLANES):
        for number in (1, 2):
            if (number, plane) not in gone:
                stack[plane][square(plane, number)] = 200
    # No plane is the same everywhere.
    stack[:, -1, -1] = 90
    return stack


def click(plane, number):
    y, x = np.argwhere(square(plane, number)).mean(0)
    return plane, Prompt(points=[(int(x), int(y))]), number


def right(step):
    return (step.region.mask(SHAPE) == square(step.plane, step.object)).all()


def test_two_objects_are_followed_both_ways_and_each_plane_is_encoded_once(session):
    before = session.stats()["encoded"]
    with session.encode_stack(squares()) as stack:
        steps = list(stack.propagate([click(4, 1), click(4, 2)], projection=HOW))
    assert [step.plane for step in steps if step.object == 1] == [4, 5, 6, 7, 8, 9, 3, 2, 1, 0]
    assert all(right(step) for step in steps)
    assert len(steps) == 2 * PLANES
    assert {step.state for step in steps if step.plane == 4} == {"prompted"}
    assert {step.state for step in steps if step.plane != 4} == {"followed"}
    assert session.stats()["encoded"] - before == PLANES
    assert session.stats()["encodings"] == 0
    one = next(step.region for step in steps if (step.plane, step.object) == (7, 1))
    assert (one.position, one.name, one.group) == ((0, 8, 0), "object-0001", 1)
    plane, region, *_ = steps[0]
    assert (plane, region.shape) == (4, SHAPE)


def test_in_time_the_position_is_the_frame_and_a_range_is_kept_to(session):
    with session.encode_stack(squares(), axis="t") as stack:
        steps = list(stack.propagate(click(4, 1), 3, 6, projection=HOW))
        assert [step.plane for step in steps] == [4, 5, 6, 3]
        assert steps[0].region.position == (0, 0, 5)
        for wrong in ((5, 3), (0, PLANES)):
            with pytest.raises(InputError, match="planes 0 to 9"):
                stack.propagate(click(4, 1), *wrong)
        with pytest.raises(PromptError, match="plane 4"):
            stack.propagate(click(4, 1), 5, 9)
        with pytest.raises(InputError, match="no engine"):
            stack.propagate(click(4, 1), engine="magic")
        with pytest.raises(InputError, match="no memory"):
            stack.propagate(click(4, 1), engine="memory")
    with pytest.raises(InputError, match="axis"):
        session.encode_stack(squares(), axis="c")


def test_what_becomes_the_prompt_depends_on_the_axis(session):
    for axis, parts in (("z", ["points", "mask"]), ("t", ["box"])):
        with session.encode_stack(squares(), axis=axis) as stack:
            *_, last = stack.propagate(click(4, 2), 4, 5)
        assert last.state == "followed"
        assert [part for part in ("box", "points", "mask") if last.region.prompt[part]] == parts


def test_an_object_that_leaves_comes_back_or_is_given_up(session):
    gone = [(1, 5), (1, 6), *((2, plane) for plane in (6, 7, 8, 9))]
    with session.encode_stack(squares(gone), axis="t") as stack:
        steps = list(stack.propagate([click(3, 1), click(3, 2)], 3, projection=HOW))
    states = {number: [step.state for step in steps if step.object == number] for number in (1, 2)}
    assert states[1] == ["prompted", "followed", "lost", "lost", "reappeared", "followed", "followed"]
    assert states[2] == ["prompted", "followed", "followed", "lost", "lost", "lost"]
    assert all(step.region.is_empty and step.note for step in steps if step.state == "lost")
    assert all(right(step) for step in steps if step.state != "lost")


def test_a_correction_changes_what_lies_between_its_neighbours_and_nothing_that_was_drawn(session):
    drawn = Region.from_mask(square(2, 2), name="mine")
    with session.encode_stack(squares()) as stack:
        propagation = stack.propagate([click(0, 1), click(8, 1), (2, drawn, 2)], projection=HOW)
        list(propagation)
        tracks = propagation.tracks
        before = dict(tracks.steps)
        corrected = Region.from_mask(square(5, 1), origin_xy=(0, 0))
        new = stack.correct(tracks, (5, corrected, 1), projection=HOW)
        told = [(step.plane, step.state) for step in new]
        assert sorted(told) == [(plane, "corrected" if plane == 5 else "followed") for plane in range(1, 8)]
        kept = [key for key in before if key[0] == 2 or key[1] not in range(1, 8)]
        assert all(tracks.steps[key] is before[key] for key in kept)
        assert (tracks.steps[2, 2].region.mask(SHAPE) == drawn.mask(SHAPE)).all()
        assert tracks.steps[1, 5].region.rings == corrected.rings
        # Said to end: what was followed beyond goes, what was given beyond stays.
        list(stack.correct(tracks, [(6, None, 1)], projection=HOW))
        assert (1, 6) not in tracks.steps
        assert sorted(plane for number, plane in tracks.steps if number == 1) == [0, 1, 2, 3, 4, 5, 7, 8, 9]


def test_what_is_found_does_not_depend_on_what_was_asked_before(session):
    with session.encode_stack(squares()) as stack:
        once = list(stack.propagate([click(3, 1), click(7, 1)], projection=HOW))
        first = stack.propagate(click(3, 1), projection=HOW)
        list(first)
        list(stack.correct(first.tracks, click(7, 1), projection=HOW))
    assert len(once) == len(first.tracks)
    for step in once:
        found = first.tracks.steps[1, step.plane]
        assert (found.region.mask(SHAPE) == step.region.mask(SHAPE)).all()


def test_cancelled_between_planes_what_came_stays(session):
    token = CancelToken()
    events = []
    with session.encode_stack(squares()) as stack:
        propagation = stack.propagate(click(4, 1), projection=HOW, cancel=token, progress=events.append)
        for step in propagation:
            if step.plane == 6:
                token.cancel()
                break
        with pytest.raises(Cancelled):
            list(propagation)
        assert sorted(plane for _, plane in propagation.tracks.steps) == [4, 5, 6]
    assert [event.done for event in events if event.unit == "planes"] == [2, 3]


def test_a_watcher_that_raises_changes_nothing(session, caplog):
    def watch(event):
        raise ValueError("somebody's mistake")

    with session.encode_stack(squares()) as stack:
        steps = list(stack.propagate(click(4, 1), projection=HOW, progress=watch))
    assert len(steps) == PLANES
    assert "somebody's mistake" in caplog.text


def test_a_plane_that_cant_be_read_ends_it_and_what_came_stays(session):
    pixels = squares()

    class Closed:
        def __len__(self):
            return PLANES

        def __getitem__(self, plane):
            if plane == 7:
                raise ValueError("the image was closed")
            return pixels[plane] if plane != 3 else pixels[plane][:-1]

    with session.encode_stack(Closed(), ranges=(0, 255)) as stack:
        propagation = stack.propagate(click(5, 1), projection=HOW)
        with pytest.raises(ImageError, match="Plane 7 can't be read: ValueError: the image was closed"):
            list(propagation)
        assert sorted(plane for _, plane in propagation.tracks.steps) == [5, 6]
        with pytest.raises(ImageError, match="Plane 3 has the shape"):
            list(stack.propagate(click(5, 1), 0, 6, projection=HOW))
    assert session.stats()["encodings"] == 0


def test_objects_that_become_one_are_told(session):
    stack = squares()
    for plane in range(5, 10):
        stack[plane, 20:40, 36:60] = 200
    with session.encode_stack(stack) as opened:
        rules = StopRules(min_iou=0.1, max_area_ratio=0)
        steps = list(
            opened.propagate([click(4, 1), click(4, 2)], 4, 7, projection=Projection(("point",)), rules=rules)
        )
    merged = [step for step in steps if "with object" in step.note]
    assert {step.object for step in merged} == {1, 2}
    assert min(step.plane for step in merged) >= 5
    assert all(step.doubt >= 0.5 for step in merged)


def test_many_objects_and_a_stack_without_end(session):
    rows, columns = np.mgrid[:200, :250]
    plane = np.where((rows % 10 < 6) & (columns % 10 < 6), 200, 20).astype(np.uint8)
    read = []

    class Endless:
        def __len__(self):
            return 10_000

        def __getitem__(self, number):
            read.append(number)
            return plane

    prompts = [(5000, Prompt(points=[(x + 2, y + 2)])) for y in range(0, 200, 10) for x in range(0, 250, 10)]
    with session.encode_stack(Endless(), ranges=(0, 255)) as stack:
        steps = list(stack.propagate(prompts, 4999, 5001, projection=HOW))
    assert len(steps) == 3 * 500
    assert {step.region.area for step in steps} == {36}
    assert len({step.object for step in steps}) == 500
    assert set(read) == {0, 4999, 5000, 5001}


def test_a_stack_of_one_plane_and_a_prompt_that_finds_nothing(session):
    with session.encode_stack(squares()[:1]) as stack:
        assert [step.state for step in stack.propagate(click(0, 1), projection=HOW)] == ["prompted"]
    with session.encode_stack(squares()) as stack:
        (step,) = stack.propagate((4, Prompt(points=[(1, 1)])), projection=HOW)
        assert (step.state, step.note, step.region.is_empty) == ("lost", "the prompt found nothing", True)


def test_a_worker_that_dies_on_the_way_goes_on_at_its_plane(worker_python, tmp_path):
    marker = tmp_path / "marker"
    with open_session(worker_python, tmp_path, kill_in="encode", kill_marker=str(marker)) as session:
        marker.touch()
        with session.encode_stack(squares()) as stack:
            planes = []
            for step in stack.propagate(click(4, 1), projection=HOW):
                assert right(step)
                planes.append(step.plane)
                if step.plane == 7:
                    marker.unlink()
        assert planes == [4, 5, 6, 7, 8, 9, 3, 2, 1, 0]
        assert session.stats()["restarts"] == 1


# By what a network remembers.


@pytest.fixture(scope="module")
def remembering(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("remembering"), remembers=True) as opened:
        yield opened


def test_a_network_with_a_memory_is_asked_for_it(remembering):
    assert remembering.loaded["remembers"]
    before = remembering.stats()["encoded"]
    drawn = Region.from_mask(square(3, 2))
    with remembering.encode_stack(squares(gone=[(1, 6)])) as stack:
        steps = list(stack.propagate([click(4, 1), (3, drawn, 2)]))
        assert remembering.stats()["encoded"] - before == PLANES + 1
    states = {(step.object, step.plane): step.state for step in steps}
    assert (states[1, 4], states[1, 6], states[1, 7], states[2, 3]) == (
        "prompted",
        "lost",
        "reappeared",
        "prompted",
    )
    assert all(right(step) for step in steps if step.state != "lost")
    assert len(steps) == 2 * PLANES
    # Each direction began anew, and went as far as it did.
    scores = {step.plane: step.region.score for step in steps if step.object == 1 and step.plane != 4}
    assert scores == {plane: abs(plane - 4) / 100 for plane in scores}
    stats = remembering.stats()
    assert (stats["encodings"], stats["memories"]) == (0, 0)


def test_a_correction_is_given_and_kept_by_a_memory_too(remembering):
    with remembering.encode_stack(squares()) as stack:
        first = stack.propagate([click(0, 1), click(9, 1)])
        list(first)
        small = square(5, 1).copy()
        small[:14] = False
        new = list(stack.correct(first.tracks, (5, small, 1)))
    assert sorted(step.plane for step in new) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (first.tracks.steps[1, 5].region.mask(SHAPE) == small).all()
    assert first.tracks.steps[1, 5].state == "corrected"


def test_with_a_memory_projection_can_be_asked_for_all_the_same(remembering):
    with remembering.encode_stack(squares()) as stack:
        steps = list(stack.propagate(click(4, 1), engine="projection", projection=HOW))
    assert {step.region.score for step in steps} == {0.9}


def test_more_objects_than_are_remembered_at_once(remembering):
    rows, columns = np.mgrid[:60, :90]
    plane = np.where((rows % 10 < 6) & (columns % 10 < 6), 200, 20).astype(np.uint8)
    prompts = [(1, Prompt(points=[(x + 2, y + 2)])) for y in range(0, 60, 10) for x in range(0, 90, 10)]
    events = []
    with remembering.encode_stack([plane] * 3, ranges=(0, 255)) as stack:
        steps = list(stack.propagate(prompts, progress=events.append))
    assert len(steps) == 3 * 54
    assert {step.region.area for step in steps} == {36}
    parts = [event.done / event.total for event in events if event.unit == "planes"]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_a_blank_plane_has_nothing_and_is_no_end(remembering):
    stack = squares()
    stack[6] = 20
    with remembering.encode_stack(stack) as opened:
        steps = {step.plane: step for step in opened.propagate(click(4, 1), 4, 8)}
    assert [steps[plane].state for plane in range(4, 9)] == [
        "prompted",
        "followed",
        "lost",
        "reappeared",
        "followed",
    ]


def test_a_worker_that_dies_is_told_again_what_it_remembered(worker_python, tmp_path):
    marker = tmp_path / "marker"
    marker.touch()
    knobs = {"remembers": True, "kill_in": "follow", "kill_marker": str(marker)}
    with open_session(worker_python, tmp_path, **knobs) as session, session.encode_stack(squares()) as stack:
        scores = {}
        for step in stack.propagate([click(4, 1), click(8, 1)]):
            assert right(step)
            assert step.plane not in scores
            scores[step.plane] = step.region.score
            if step.plane == 5:
                marker.unlink()
        assert session.stats()["restarts"] == 1
    # As far as without the death: it was told everything again, planes that it had followed among it.
    assert scores == {4: 0.9, 5: 0.01, 6: 0.02, 9: 0.01, 3: 0.01, 2: 0.02, 1: 0.03, 0: 0.04, 7: 0.01, 8: 0.9}
