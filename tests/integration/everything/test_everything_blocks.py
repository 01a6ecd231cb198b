"""Everything mode on large images, real worker, small tiles: each object once, what is read, cancel, going on."""

import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes.large_images import squares
from fakes.opening import open_session

from samj_bridge.errors import Cancelled, FileError, InputError
from samj_bridge.geometry.components import label_components
from samj_bridge.progress import CancelToken
from samj_bridge.reading.pyramid import MemoryPyramid

pytestmark = pytest.mark.worker

SIDE = 64
FAKES = Path(__file__).parents[2] / "fakes"
DENSE = {"points_per_side": 64}


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), tile_px=SIDE) as opened:
        yield opened


IMAGE, LABELS = squares(210, 270, smallest=5)


def plain(regions):
    return [(region.bbox_xyxy, [ring.tolist() for ring in region.rings], region.score) for region in regions]


def numbers(regions, labels=LABELS):
    """Return the label of each region, which is that object pixel by pixel."""
    seen = []
    for region in regions:
        x, y = region.rings[0][0]
        label = int(labels[y, x])
        np.testing.assert_array_equal(region.mask(), labels == label)
        seen.append(label)
    return seen


class Watched(MemoryPyramid):
    """An image that notes what is read of it."""

    def __init__(self, levels, identity=""):
        super().__init__(levels, identity)
        self.reads = []

    def read(self, level, y0, x0, height, width):
        self.reads.append((level, y0, x0, height, width))
        return super().read(level, y0, x0, height, width)


def test_every_object_is_found_once_and_pixel_by_pixel_wherever_it_lies(session):
    events = []
    with session.encode(IMAGE) as scene:
        found = scene.everything(progress=events.append, **DENSE)
    assert sorted(numbers(found)) == list(range(1, LABELS.max() + 1))
    assert [region.prompt_index for region in found] == list(range(len(found)))
    assert found.message.startswith(f"{LABELS.max()} objects found in 30 tiles; ")
    assert found.counts["points"] > 0
    told = [event.done for event in events if event.stage == "everything"]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(set(told)) > 30
    assert events[-1].message == found.message


def test_the_point_of_a_region_gives_the_region_again(session):
    from samj_bridge import Prompt

    with session.encode(IMAGE) as scene:
        found = scene.everything(**DENSE)[::20]
        again = scene.segment([Prompt(points=region.prompt["points"]) for region in found])
    assert plain(again) == [(box, rings, 0.9) for box, rings, _ in plain(found)]


def test_exact_mode_gives_each_object_once_too(session):
    image, labels = squares(70, 110, smallest=5)
    with session.encode(image) as scene:
        found = scene.everything("exact", points_per_side=32)
    assert sorted(numbers(found, labels)) == list(range(1, labels.max() + 1))


def test_objects_longer_than_a_tile_are_found_whole_and_once(session):
    image = np.zeros((200, 300), np.uint8)
    image[80:96, 24:256] = 200
    image[16:144, 272:288] = 200
    image[20:30, 30:40] = 200
    labels = label_components(image > 0)[0]
    with session.encode(image) as scene:
        found = scene.everything(**DENSE)
        streamed = list(scene.stream_everything(**DENSE))
    assert found[0].area == 100
    boxes = sorted(region.bbox_xyxy for region in found)
    assert boxes == [(24, 80, 256, 96), (30, 20, 40, 30), (272, 16, 288, 144)]
    assert sorted(numbers(found, labels)) == [1, 2, 3]
    assert plain(streamed) == plain(found)


def test_objects_of_a_length_are_looked_for_at_the_level_that_suits_them(session):
    image = np.zeros((256, 512), np.uint8)
    for y, x in itertools.product(range(16, 230, 64), range(16, 480, 64)):
        image[y : y + 40, x : x + 40] = 200
    watched = Watched([image])
    with session.encode(watched, ranges=(0, 200)) as scene:
        found = scene.everything(object_px=40)
    assert len(found) == 32
    assert {region.area for region in found} == {1600}
    # Halved twice: a tile is 64 of its pixels, which are 256 of the image.
    assert len(watched.reads) <= 4 * 3


def test_in_a_box_the_same_objects_are_found_and_only_tiles_under_it_are_read(session):
    box = (100, 60, 190, 130)
    with session.encode(IMAGE) as scene:
        whole = scene.everything(**DENSE)
    watched = Watched([IMAGE])
    with session.encode(watched, ranges=(0, 200)) as scene:
        part = scene.everything(within=box, **DENSE)
    inside = [
        region
        for region in whole
        if box[0] <= region.centroid_xy[0] < box[2] and box[1] <= region.centroid_xy[1] < box[3]
    ]
    assert sorted(plain(part)) == sorted(plain(inside))
    assert len(inside) > 10
    assert watched.reads
    for _, y0, x0, height, width in watched.reads:
        assert x0 < box[2] + SIDE
        assert x0 + width > box[0] - SIDE
        assert y0 < box[3] + SIDE
        assert y0 + height > box[1] - SIDE
    with session.encode(squares(40, 60, smallest=5)[0]) as small:
        assert [region.area for region in small.everything(within=(0, 0, 15, 15))] == [
            region.area for region in small.everything() if max(region.centroid_xy) < 15
        ]


def test_what_was_asked_before_changes_nothing(session):
    from samj_bridge import Prompt

    with session.encode(IMAGE) as scene:
        first = plain(scene.everything(**DENSE))
        scene.segment([Prompt(points=[(20.5, 20.5)]), Prompt(box=(10, 10, 200, 200))])
        assert plain(scene.everything(**DENSE)) == first


def test_cancelled_in_the_middle_it_stops_and_goes_on_from_there(session, tmp_path):
    token, record = CancelToken(), tmp_path / "record"

    def progress(event):
        if "tile 9 of" in event.message:
            token.cancel()

    with session.encode(IMAGE) as scene:
        with pytest.raises(Cancelled):
            scene.everything(record=record, progress=progress, cancel=token, **DENSE)
        fresh = scene.everything(**DENSE)
        assert fresh.resumed == 0
        rest = scene.everything(record=record, **DENSE)
        assert 7 <= rest.resumed <= 9
        assert (plain(rest), rest.message, rest.counts) == (plain(fresh), fresh.message, fresh.counts)
        again = scene.everything(record=record, **DENSE)
        assert (again.resumed, plain(again)) == (30, plain(fresh))


RUN = """
import sys, json
from pathlib import Path
import numpy as np
from fakes.opening import open_session
with open_session(Path(sys.argv[1]), Path(sys.argv[2]), tile_px=64) as session:
    with session.encode(np.load(sys.argv[3])) as scene:
        tell = lambda event: print(event.message, flush=True)
        found = scene.everything(record=sys.argv[4], points_per_side=64, progress=tell)
"""


def test_a_killed_run_goes_on_where_it_was_with_the_same_result(session, worker_python, tmp_path):
    image, record = tmp_path / "image.npy", tmp_path / "record"
    np.save(image, IMAGE)
    home = tmp_path / "home"
    home.mkdir()
    arguments = [sys.executable, "-c", RUN, str(worker_python), str(home), str(image), str(record)]
    path = os.pathsep.join([str(FAKES.parent), *sys.path])
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as run:
        assert run.stdout is not None
        assert any("tile 12 of" in line for line in run.stdout)
        run.send_signal(signal.SIGKILL)
    with sqlite3.connect(record) as base:
        (done,) = base.execute("SELECT count(*) FROM done").fetchone()
        # The model's name in a worker has its checkpoint's path, which is another one here.
        (text,) = base.execute("SELECT text FROM about").fetchone()
    base.close()
    assert 10 <= done <= 13
    with session.encode(IMAGE) as scene:
        fresh = scene.everything(**DENSE)
        other = tmp_path / "other"
        scene.everything(record=other, **DENSE)
        with sqlite3.connect(other) as base:
            (mine,) = base.execute("SELECT text FROM about").fetchone()
        base.close()
        same = {key: value for key, value in json.loads(text).items() if key != "model"}
        assert same == {key: value for key, value in json.loads(mine).items() if key != "model"}
        with sqlite3.connect(record) as base:
            base.execute("UPDATE about SET text = ?", (mine,))
        base.close()
        rest = scene.everything(record=record, **DENSE)
    assert rest.resumed == done
    assert (plain(rest), rest.message) == (plain(fresh), fresh.message)


def test_a_record_of_another_image_or_of_other_options_is_begun_anew(session, tmp_path):
    record = tmp_path / "record"
    with session.encode(IMAGE) as scene:
        first = scene.everything(record=record, **DENSE)
        assert scene.everything(record=record, points_per_side=16).resumed == 0
    with session.encode(IMAGE[:, ::-1]) as scene:
        assert scene.everything(record=record, **DENSE).resumed == 0
    record.write_bytes(b"no record at all, and long enough to be looked at" * 100)
    with session.encode(IMAGE) as scene:
        again = scene.everything(record=record, **DENSE)
    assert (again.resumed, plain(again)) == (0, plain(first))


def test_two_runs_never_write_the_same_record(session, tmp_path):
    with session.encode(IMAGE) as scene:
        running = scene.stream_everything(record=tmp_path / "record", **DENSE)
        next(running)
        with pytest.raises(FileError, match="Another run is writing"):
            scene.everything(record=tmp_path / "record", **DENSE)
        assert len(list(running)) == LABELS.max() - 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"within": (1, 2, 3)}, "not four numbers"),
        ({"within": (300, 0, 400, 100)}, "holds nothing of the image"),
        ({"within": (float("nan"), 0, 400, 100)}, "holds nothing of the image"),
        ({"object_px": 0}, "object_px is 0"),
        ({"object_px": float("inf")}, "object_px is inf"),
        ({"record": "/nowhere/at/all"}, "The record can't be at"),
        ({"min_area": -1}, "min_area"),
    ],
)
def test_bad_options_are_told_before_anything_is_read(session, options, words):
    watched = Watched([IMAGE])
    with session.encode(watched, ranges=(0, 200)) as scene:
        for call in (scene.everything, scene.stream_everything):
            with pytest.raises(InputError, match=words):
                call(**options)
    assert watched.reads == []


def test_an_image_with_nothing_in_it_says_so(session):
    with session.encode(np.zeros((150, 150), np.uint8)) as scene:
        found = scene.everything()
    assert found == []
    assert found.message == "Nothing was found in 9 tiles: the model sees no object there."


def test_the_worker_may_die_in_the_middle(session):
    events = []

    def progress(event):
        if "tile 7 of" in event.message and not events:
            events.append(event)
            os.kill(session.hello["pid"], signal.SIGKILL)

    with session.encode(IMAGE) as scene:
        fresh = plain(scene.everything(**DENSE))
        before = session.stats()["restarts"]
        assert plain(scene.everything(progress=progress, **DENSE)) == fresh
    assert session.stats()["restarts"] == before + 1


def test_a_callback_that_raises_changes_nothing_and_one_that_cancels_stops_it(session):
    def broken(event):
        raise ValueError(event.message)

    def cancelling(event):
        if "tile 5 of" in event.message:
            raise Cancelled("Enough.")

    with session.encode(IMAGE) as scene:
        fresh = plain(scene.everything(**DENSE))
        assert plain(scene.everything(progress=broken, **DENSE)) == fresh
        with pytest.raises(Cancelled, match="Enough"):
            scene.everything(progress=cancelling, **DENSE)
