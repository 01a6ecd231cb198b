import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from fakes.opening import shared_blocks

from samj_bridge.errors import ImageError, OutOfMemory
from samj_bridge.session import images
from samj_bridge.session.images import BlockPool, plane_of, shared_view


def sent(plane):
    """Return what the worker will see."""
    target = np.empty(plane.pixels.shape, plane.dtype)
    plane.copy_into(target)
    return target


@pytest.mark.parametrize(
    ("dtype", "wire"),
    [
        ("bool", "uint8"),
        ("uint8", "uint8"),
        ("int8", "int16"),
        ("uint16", "uint16"),
        (">u2", "uint16"),
        ("int16", "int16"),
        (">i2", "int16"),
        ("uint32", "float32"),
        ("int32", "float32"),
        ("int64", "float32"),
        ("uint64", "float32"),
        ("float16", "float32"),
        ("float32", "float32"),
        (">f4", "float32"),
        ("float64", "float32"),
        (">f8", "float32"),
    ],
)
def test_every_number_type_keeps_its_values(dtype, wire):
    image = np.arange(12).reshape(3, 4).astype(dtype)
    plane = plane_of(image)
    assert plane.dtype == wire
    np.testing.assert_array_equal(sent(plane), image)


def test_strides_do_not_matter():
    image = np.arange(24, dtype=np.uint16).reshape(4, 6)
    for view in (image[::2, ::3], image.T, image[::-1, ::-1], np.asfortranarray(image)):
        np.testing.assert_array_equal(sent(plane_of(view)), view)


def test_numbers_too_large_become_infinite_without_a_warning():
    image = np.array([[1e300, np.nan, -np.inf, 1.0]])
    np.testing.assert_array_equal(sent(plane_of(image)), [[np.inf, np.nan, -np.inf, 1]])


@pytest.mark.parametrize("image", [[[1, 2], [3, 4]], memoryview(b"ab").cast("B", (1, 2))])
def test_anything_that_numpy_takes_is_taken(image):
    assert plane_of(image).pixels.shape in ((2, 2), (1, 2))


@pytest.mark.parametrize(
    ("image", "text", "hint"),
    [
        (None, "NoneType", "Convert"),
        ("nuclei.tif", "str", "Convert"),
        (np.zeros((0, 10)), "empty", "Check"),
        (np.zeros((10, 10, 0)), "empty", "Check"),
        (np.float32(3), "0 axes", "(Y, X)"),
        (np.zeros(10), "1 axes", "(Y, X)"),
        (np.zeros((2, 3, 4, 5)), "4 axes", "one plane"),
        (np.array([[object()]]), "type object", "Convert"),
        (np.array([["a"]]), "type <U1", "Convert"),
        (np.zeros((3, 3), complex), "complex128", "magnitude"),
        (np.zeros((3, 3), "M8[s]"), "datetime64", "Convert"),
        (np.zeros((3, 3), [("a", "u1")]), "[('a', 'u1')]", "Convert"),
        ([[1, 2], [3]], "list", "numpy array"),
        (np.zeros((3, 100, 120)), "(C, Y, X)", "moveaxis"),
        (np.zeros((1, 100, 120), np.uint8), "(C, Y, X)", "moveaxis"),
        (np.zeros((50, 100, 120)), "stack", "one plane"),
    ],
)
def test_what_is_no_plane_is_refused_with_a_way_out(image, text, hint):
    with pytest.raises(ImageError) as caught:
        plane_of(image)
    assert text in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("shape", "dtype", "channels", "sent_shape", "mode"),
    [
        ((5, 6), "uint8", None, (5, 6), "each"),
        ((5, 6, 1), "uint16", None, (5, 6), "each"),
        ((5, 6, 3), "uint8", None, (5, 6, 3), "auto"),
        ((5, 6, 3), "uint16", None, (5, 6, 3), "auto"),
        ((5, 6, 4), "uint8", None, (5, 6, 3), "auto"),
        ((5, 6, 4), "uint16", None, (5, 6, 4), "merge"),
        ((5, 6, 2), "uint8", None, (5, 6, 2), "merge"),
        ((5, 6, 9), "float32", None, (5, 6, 9), "merge"),
        ((5, 6, 3), "uint8", "merge", (5, 6, 3), "merge"),
        ((5, 6, 3), "uint8", 1, (5, 6), "each"),
        ((5, 6, 3), "uint8", -1, (5, 6), "each"),
        ((5, 6, 9), "uint8", (8, 0), (5, 6, 2), "each"),
        ((5, 6, 9), "uint8", np.array([3, 4, 5]), (5, 6, 3), "each"),
        ((5, 6, 200), "uint8", 100, (5, 6), "each"),
        ((5, 6), "uint8", 0, (5, 6), "each"),
        ((1, 1), "uint8", None, (1, 1), "each"),
        ((30000, 20), "uint8", None, (30000, 20), "each"),
        ((20, 30000), "uint8", None, (20, 30000), "each"),
    ],
)
def test_channels_are_chosen_as_documented(shape, dtype, channels, sent_shape, mode):
    plane = plane_of(np.zeros(shape, dtype), None, channels)
    assert (plane.pixels.shape, plane.channels) == (sent_shape, mode)


def test_the_chosen_channel_is_the_one_that_is_sent():
    image = np.arange(5 * 6 * 4).reshape(5, 6, 4).astype(np.uint16)
    np.testing.assert_array_equal(sent(plane_of(image, None, 2)), image[..., 2])
    np.testing.assert_array_equal(sent(plane_of(image, None, (3, 1))), image[..., [3, 1]])
    np.testing.assert_array_equal(sent(plane_of(image, None, (1, 2, 3))), image[..., 1:])
    np.testing.assert_array_equal(sent(plane_of(image[..., :4].astype(np.uint8))), image[..., :3])


@pytest.mark.parametrize("channels", [3, -4, (0, 1, 2, 0), (), "all", True, 1.5, (0, 9), ("a",), (0, 1.5)])
def test_channels_that_are_not_there_are_refused(channels):
    with pytest.raises(ImageError) as caught:
        plane_of(np.zeros((5, 6, 3), np.uint8), None, channels)
    assert caught.value.hint


def test_ranges_are_one_pair_or_one_per_channel():
    image = np.zeros((5, 6, 3), np.uint16)
    assert plane_of(image).ranges is None
    assert plane_of(image, (0, 10)).ranges == ((0, 10),) * 3
    assert plane_of(image, [(0, 1), (0, 2), (0, 3)]).ranges == ((0, 1), (0, 2), (0, 3))
    assert plane_of(image[..., 0], np.array([1, 2])).ranges == ((1, 2),)


@pytest.mark.parametrize("ranges", [(1, 1), (0, np.nan), (0, np.inf), 5, "ab", [(0, 1)] * 2, (1, 2, 3), [None]])
def test_ranges_that_make_no_sense_are_refused(ranges):
    with pytest.raises(ImageError, match="ranges") as caught:
        plane_of(np.zeros((5, 6, 3)), ranges)
    assert caught.value.hint


@pytest.fixture
def pool():
    before = shared_blocks()
    made = BlockPool()
    yield made
    made.close()
    assert shared_blocks() <= before


def hand_over(pool, image, reusable=True):
    plane = plane_of(image)
    with pool.lend(plane.nbytes) as loan:
        view = shared_view(loan, plane)
        plane.copy_into(view)
        np.testing.assert_array_equal(view, image)
        del view
        loan.reusable = reusable
        return loan.block.name


def test_a_block_is_used_again_and_grows_when_needed(pool):
    small, large = np.ones((100, 100), np.uint8), np.ones((2000, 2000), np.uint8)
    first = hand_over(pool, small)
    assert hand_over(pool, small + 1) == first
    second = hand_over(pool, large)
    assert second != first
    assert hand_over(pool, small) == second
    assert not (Path("/dev/shm") / first).exists()


def test_a_block_that_the_worker_may_still_read_is_not_used_again(pool):
    image = np.ones((100, 100), np.uint8)
    first = hand_over(pool, image, reusable=False)
    assert hand_over(pool, image) != first
    assert not (Path("/dev/shm") / first).exists()


def test_several_threads_have_a_block_each(pool):
    barrier = threading.Barrier(4)
    names = []

    def work(number):
        plane = plane_of(np.full((50, 50), number, np.uint8))
        with pool.lend(plane.nbytes) as loan:
            plane.copy_into(shared_view(loan, plane))
            barrier.wait(10)
            names.append(loan.block.name)
            assert (shared_view(loan, plane) == number).all()
            loan.reusable = True

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 4


def test_a_block_lent_while_the_pool_closes_goes_when_it_comes_back(pool):
    plane = plane_of(np.ones((50, 50), np.uint8))
    with pool.lend(plane.nbytes) as loan:
        name = loan.block.name
        pool.close()
        loan.reusable = True
    assert not (Path("/dev/shm") / name).exists()


def test_more_than_the_machine_has_is_out_of_memory_and_leaves_nothing(pool):
    # Without asking for the pages beforehand, writing to the block would kill this process by SIGBUS.
    before = shared_blocks()
    with pytest.raises(OutOfMemory, match="shared memory") as caught, pool.lend(1 << 45):
        pytest.fail("there is no such machine")
    assert caught.value.code == "image-too-large"
    assert "shm-size" in caught.value.hint
    gc.collect()
    assert shared_blocks() <= before


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="blocks can be seen in Linux only")
def test_the_tracker_knows_a_block_before_it_exists(pool, monkeypatch):
    # Otherwise a host that is killed while the tracker starts, or between two lines, leaves its block for ever.
    known = []
    made = images.SharedMemory
    monkeypatch.setattr(images.resource_tracker, "register", lambda name, kind: known.append(name))
    monkeypatch.setattr(images.resource_tracker, "unregister", lambda name, kind: None)

    def create(name, **options):
        assert known == [f"/{name}"]
        return made(name, **options)

    monkeypatch.setattr(images, "SharedMemory", create)
    with pool.lend(1000) as loan:
        assert known == [f"/{loan.block.name}"] * 2


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="blocks can be seen in Linux only")
def test_a_host_that_is_killed_leaves_no_block():
    program = (
        "import os, signal, sys; import numpy as np\n"
        "from samj_bridge.session.images import *\n"
        "with BlockPool().lend(1000) as loan:\n"
        "    print(loan.block.name, flush=True); sys.stdin.read()\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as host:
        path = Path("/dev/shm") / host.stdout.readline().decode().strip()
        assert path.exists()
        host.kill()
        # The tracker that Python starts with the first block takes it away; its stderr is the host's.
        host.stderr.read()
    assert not path.exists()
