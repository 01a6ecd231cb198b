"""Large images on the real worker: what of them is read, sent, told and kept, and what if that fails."""

import itertools
import os
import signal
import zlib

import numpy as np
import pytest
from fakes.large_images import IMAGE, LABELS, NUMBERS, SIDE, asked, pixels_of
from fakes.opening import open_session, shared_blocks, wait_until

from samj_bridge.errors import Cancelled, ImageError, SamjError
from samj_bridge.progress import CancelToken
from samj_bridge.reading.pyramid import MemoryPyramid
from samj_bridge.session import Prompt

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    with open_session(worker_python, tmp_path_factory.mktemp("home"), tile_px=SIDE) as opened:
        yield opened


class Watched(MemoryPyramid):
    """Counts the pixels that are read."""

    def __init__(self, levels):
        super().__init__(levels, identity="watched")
        self.regions = []

    def read(self, level, y0, x0, height, width):
        self.regions.append((level, height, width))
        return super().read(level, y0, x0, height, width)


def test_only_the_tile_under_a_prompt_is_read_and_each_one_once(session):
    source = Watched([IMAGE])
    with session.encode(source) as scene:
        assert sum(height * width for _, height, width in source.regions) <= 256 * 32 * 32
        source.regions.clear()
        before = session.stats()["encoded"]
        prompts = [prompt for label in NUMBERS for prompt in asked(label)[:2]]
        scene.segment(prompts)
        tiles = {scene.tiling.of(prompt.box or prompt.points[0] * 2) for prompt in prompts}
        assert len(source.regions) == len(tiles) == session.stats()["encoded"] - before
        assert {(level, max(height, width) <= SIDE) for level, height, width in source.regions} == {(0, True)}
        scene.segment(prompts[::-1])
        assert len(source.regions) == len(tiles)


def test_tiles_around_the_last_one_are_encoded_while_nobody_asks_and_given_up_at_once(worker_python, tmp_path):
    source = Watched([IMAGE])
    quick = open_session(worker_python, tmp_path, ahead=True, tile_px=SIDE, blocks=8, block_s=0.02)
    with quick as session, session.encode(source) as scene:
        first = pixels_of(scene.segment(Prompt(points=[(300, 200)]))[0])
        tile = scene.tiling.at(0, 300.5, 200.5)
        around = list(scene.tiling.neighbours(tile))
        source.regions.clear()
        assert wait_until(lambda: len(source.regions) == len(around) == 8, 60)
        running = session._supervisor._running
        assert wait_until(lambda: all(scene._tiled.has(running, there) for there in around), 60)
        # What was encoded ahead is not read again, and answers as ever.
        next_door = scene.tiling.core(around[0])
        scene.segment(Prompt(points=[(next_door[0] + 1, next_door[1] + 1)]))
        assert len(source.regions) == 8
        assert pixels_of(scene.segment(Prompt(points=[(300, 200)]))[0]) == first
    slow = Watched([IMAGE])
    busy = open_session(worker_python, tmp_path, ahead=True, tile_px=SIDE, blocks=100, block_s=0.01)
    with busy as session, session.encode(slow) as scene:
        scene.segment(Prompt(points=[(300, 200)]))
        slow.regions.clear()
        assert wait_until(lambda: len(slow.regions) == 1, 60)
        # The far tile is asked for while the first neighbour is being encoded: that is given up.
        scene.segment(Prompt(points=[(20, 20)]))
        assert not scene._tiled.has(session._supervisor._running, around[0])
        assert scene._tiled.has(session._supervisor._running, scene.tiling.at(0, 20.5, 20.5))


def test_memory_maps_levels_and_arrays_that_only_slice_give_what_arrays_give(session, tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)

    class Chunked:
        shape, dtype = IMAGE.shape, IMAGE.dtype

        def __getitem__(self, index):
            return IMAGE[index]

    prompts = [prompt for label in NUMBERS[:4] for prompt in asked(label)]
    found = []
    things = (
        IMAGE,
        np.load(tmp_path / "image.npy", mmap_mode="r"),
        Chunked(),
        [IMAGE, IMAGE[::2, ::2], IMAGE[::4, ::4]],
        MemoryPyramid([IMAGE]),
    )
    for thing in things:
        with session.encode(thing) as scene:
            found.append([pixels_of(region) for region in scene.segment(prompts)])
    assert all(one == found[0] for one in found)


def test_a_worker_that_dies_or_forgets_is_given_the_tiles_again(session):
    prompts = [asked(label)[1] for label in NUMBERS]
    with session.encode(IMAGE) as scene:
        first = [pixels_of(region) for region in scene.segment(prompts)]
        stream = scene.stream(prompts)
        found = dict(itertools.islice(stream, 3))
        os.kill(session.stats()["pid"], signal.SIGKILL)
        found |= dict(stream)
        assert [pixels_of(found[index][0]) for index in range(len(prompts))] == first


def test_a_tile_that_has_changed_is_encoded_anew_and_no_other(session):
    class Changing(Watched):
        def stamp(self, y0, x0, height, width):
            return zlib.crc32(np.ascontiguousarray(pixels[y0 : y0 + height, x0 : x0 + width]))

    pixels = IMAGE.copy()
    source, prompts = Changing([pixels]), [Prompt(points=[(300, 200)]), Prompt(points=[(20, 20)])]
    with session.encode(source, ranges=(0, 200)) as scene:
        assert scene.order(prompts) == [1, 0]
        first = scene.segment(prompts)
        source.regions.clear()
        scene.segment(prompts)
        assert source.regions == []
        before = session.stats()["encodings"]
        pixels[190:210, 290:310] = 200
        after = scene.segment(prompts)
        assert len(source.regions) == 1
        assert pixels_of(after[0]) != pixels_of(first[0])
        assert pixels_of(after[1]) == pixels_of(first[1])
        # The encoding of what is no more is let go.
        scene.segment(prompts)
        assert session.stats()["encodings"] == before


def test_an_image_that_breaks_while_it_is_read_costs_a_sentence_and_no_more(session):
    class Torn(MemoryPyramid):
        torn = False

        def read(self, level, y0, x0, height, width):
            if self.torn:
                raise ImageError("The drive is gone.", code="region-unreadable", hint="Connect it.")
            return super().read(level, y0, x0, height, width)

    source = Torn([IMAGE])
    with session.encode(source) as scene:
        source.torn = True
        with pytest.raises(SamjError, match="drive is gone"):
            scene.segment(asked(3)[0])
        source.torn = False
        (region,) = scene.segment(asked(3)[0])
        np.testing.assert_array_equal(region.mask(), LABELS == 3)


def test_it_is_told_which_tile_is_encoded_and_it_can_be_stopped(session):
    told = []
    with session.encode(IMAGE, progress=lambda event: told.append(event.message)) as scene:
        assert told[0] == "Finding the display range"
        told.clear()
        scene.segment([asked(label)[0] for label in NUMBERS], progress=lambda event: told.append(event.message))
        rows, columns = scene.tiling.grid(0)
        assert any(words.startswith("Encoding tile ") and f" of {rows * columns}" in words for words in told)
        assert told[-1] == f"{len(NUMBERS)} of {len(NUMBERS)} prompts"
    token = CancelToken()
    with session.encode(IMAGE) as scene, pytest.raises(Cancelled):
        scene.segment(asked(3)[0], progress=lambda event: token.cancel(), cancel=token)
    with pytest.raises(Cancelled):
        session.encode(IMAGE, progress=lambda event: token.cancel(), cancel=token)


def test_a_flat_image_is_read_whole_for_its_range_and_a_constant_one_is_black(session):
    image = np.full((500, 700), 5, np.uint8)
    image[301, 401] = 90
    with session.encode(image) as scene:
        assert scene.ranges == ((5.0, 90.0),)
        assert scene.segment(Prompt(box=(395, 295, 408, 308)))[0].area == 1
    with session.encode(np.full((500, 700), 5, np.uint8)) as scene:
        assert scene.ranges == ((5.0, 5.0),)
        assert scene.segment(Prompt(box=(390, 290, 410, 310)))[0].is_empty


def test_an_image_that_does_not_fit_is_refused_before_anything_is_copied(worker_python, tmp_path):
    with open_session(worker_python, tmp_path, bytes_per_pixel=1 << 50) as session:
        # 25 MB, of which there is one byte.
        image, before = np.broadcast_to(np.uint8(7), (5000, 5000)), shared_blocks()
        with pytest.raises(ImageError, match="5000 x 5000") as caught:
            session.encode(image)
        assert caught.value.code == "image-too-large"
        assert shared_blocks() == before
