"""Large images that the worker cuts itself: sent whole, or kept by the client, which leaves the rule to it."""

import zlib

import numpy as np
import pytest
from fakes.large_images import IMAGE, NUMBERS, SIDE, asked
from fakes.opening import open_session

from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.progress import CancelToken
from samj_bridge.protocol.messages import EncodeRequest
from samj_bridge.protocol.segment import SegmentRequest
from samj_bridge.session import Prompt
from samj_bridge.session.images import fill, plane_of
from samj_bridge.session.prompts import message_of

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), tile_px=SIDE) as opened:
        yield opened


def sent_whole(session, image):
    """Send an image as a client does that leaves the rule to the worker; returns what it says of it."""
    running, plane = session._supervisor.running(), plane_of(image)
    with session._supervisor.pool.lend(plane.nbytes) as loan:
        fill(loan, plane)
        request = EncodeRequest(running.model, loan.describe(plane), None, plane.channels, "whole", cut=True)
        return running.client, running.client.start("encode", request.to_wire()).result()


def test_a_worker_that_is_sent_a_large_image_answers_by_the_same_rule(session):
    image = IMAGE.copy()
    image[100:330, 200:430] = 180
    prompts = [Prompt(points=[(300, 200)]), Prompt(box=(190, 90, 440, 340)), Prompt(points=[(699, 3)])]
    prompts += [prompt for label in NUMBERS[:6] for prompt in asked(label)]
    with session.encode(image) as scene:
        expected = [[ring.ravel().tolist() for ring in region.rings] for region in scene.segment(prompts)]
        client, outputs = sent_whole(session, image)
        assert outputs["shape"] == list(image.shape)
        assert outputs["ranges"] == [list(pair) for pair in scene.ranges]
        messages = tuple(message_of(prompt, image.shape) for prompt in prompts)
        request = SegmentRequest(outputs["encoding"], messages)
        regions = client.start("segment", request.to_wire()).result()["regions"]
        assert [region["rings"] for region in regions] == expected
        assert [region["prompt"] for region in regions] == list(range(len(prompts)))
        alone = SegmentRequest(outputs["encoding"], messages[:1])
        assert client.start("segment", alone.to_wire()).result()["regions"][0]["rings"] == expected[0]
    name = outputs["encoding"]
    exact = {"mode": "exact", "within": (460, 300, 560, 400), "points_per_side": 16}
    check_everything(
        session,
        image,
        lambda more: client.start("everything", {"encoding": name, **more}).result(),
        {"min_area": 12},
        exact,
    )
    before = session.stats()["encodings"]
    assert client.start("release", {"encodings": [outputs["encoding"]]}).result() == {"released": 1}
    assert session.stats()["encodings"] < before - 5


def check_everything(session, image, everything, *options):
    """Compare the worker's own search, block by block, with the host's."""
    with session.encode(image) as scene:
        for some in options:
            found = scene.everything(**some)
            outputs = everything(some)
            assert [one["rings"] for one in outputs["regions"]] == [
                [ring.ravel().tolist() for ring in region.rings] for region in found
            ]
            assert [one["score"] for one in outputs["regions"]] == [region.score for region in found]
            assert outputs["message"] == found.message
            assert {name: count for name, count in outputs["counts"].items() if count} == found.counts
            assert outputs["count"] == len(found) > 20
            # The square that is longer than a block is among them, whole.
            assert some.get("mode") == "exact" or max(region.area for region in found) > 50_000


class Keeping:
    """A client that keeps its image, and delivers what the worker asks for."""

    def __init__(self, session, image):
        self.session, self.image = session, image
        self.asked, self.tiles, self.short = [], [], 0

    def call(self, operation, inputs):
        client = self.session._supervisor.running().client
        call = client.start(operation, inputs)
        for event in call:
            info = event.info or {}
            if "tile" in info:
                self.tiles.append(tuple(info["tile"]["area"]))
            if "ask" in info:
                self.answer(client, **info["ask"])
        return call.outputs

    def answer(self, client, number, what, region):
        y, x, height, width = region
        part = np.ascontiguousarray(self.image[y : y + height, x : x + width])
        if what == "sum":
            assert client.start("deliver", {"number": number, "sum": zlib.crc32(part)}).result() == {"taken": True}
            return
        self.asked.append((height, width))
        plane = plane_of(part[self.short :])
        with self.session._supervisor.pool.lend(plane.nbytes) as loan:
            fill(loan, plane)
            inputs = {"number": number, "image": loan.describe(plane).to_wire()}
            client.start("deliver", inputs).result()


def test_a_worker_asks_for_what_it_needs_of_an_image_that_stays_with_its_client(session):
    image = IMAGE.copy()
    image[100:330, 200:430] = 180
    client = Keeping(session, image)
    described = {"appose_type": "ndarray", "dtype": "uint8", "shape": list(image.shape), "ask": True}
    running = session._supervisor.running()
    inputs = {"model": running.model, "image": described, "channels": "each", "cut": True}
    encoded = client.call("encode", inputs)
    assert max(max(shape) for shape in client.asked) <= SIDE
    prompts = [Prompt(points=[(300, 200)]), Prompt(box=(190, 90, 440, 340)), Prompt(points=[(699, 3)])]
    prompts += [prompt for label in NUMBERS[:6] for prompt in asked(label)]
    messages = tuple(message_of(prompt, image.shape) for prompt in prompts)

    def answers(*some):
        request = SegmentRequest(encoded["encoding"], some or messages)
        return [region["rings"] for region in client.call("segment", request.to_wire())["regions"]]

    def expected():
        with session.encode(image) as scene:
            assert encoded["ranges"] == [list(pair) for pair in scene.ranges]
            return [[ring.ravel().tolist() for ring in region.rings] for region in scene.segment(prompts)]

    assert answers() == expected()
    assert len(client.tiles) == len(set(client.tiles))
    # Nothing is asked for twice, but for what has changed meanwhile.
    client.asked.clear()
    first = answers()
    assert client.asked == []
    image[0:12, 690:700] = 120
    assert answers() == expected() != first
    # What is not what was asked for is refused, and the worker lives on.
    image[0:20, 0:20] = 120
    client.short = 1
    with pytest.raises(SamjError, match="bytes were delivered"):
        answers(message_of(Prompt(points=[(10, 10)]), image.shape))
    client.short = 0
    assert answers() == expected()
    client.asked.clear()
    client.tiles.clear()
    check_everything(
        session,
        image,
        lambda more: client.call("everything", {"encoding": encoded["encoding"], **more}),
        {"within": (160, 60, 430, 340)},
    )
    # Block by block, each told of, and none that is not under the box; from farther away only what blocks cut.
    assert len(client.tiles) > 20
    assert all(x0 < 430 and x1 > 160 and y0 < 340 and y1 > 60 for x0, y0, x1, y1 in client.tiles)
    assert all(max(x1 - x0, y1 - y0) <= SIDE for x0, y0, x1, y1 in client.tiles[:20])
    assert running.client.start("deliver", {"number": 1, "sum": 1}).result() == {"taken": False}
    small = {**described, "shape": [60, 60]}
    assert client.call("encode", {**inputs, "image": small})["tiles"] == 1
    with pytest.raises(SamjError, match="only where it cuts it itself"):
        client.call("encode", {**inputs, "cut": False})
    # A client that does not answer any more stops it.
    cancel = CancelToken()
    image[0:20, 0:20] = 7
    waiting = running.client.start(
        "segment", SegmentRequest(encoded["encoding"], messages).to_wire(), cancel=cancel
    )
    next(iter(waiting))
    cancel.cancel()
    with pytest.raises(Cancelled):
        waiting.result()


def test_a_small_image_that_may_be_cut_is_encoded_as_it_is(session):
    _, outputs = sent_whole(session, IMAGE[:60, :60])
    assert (outputs["tiles"], outputs["shape"]) == (1, [60, 60])
