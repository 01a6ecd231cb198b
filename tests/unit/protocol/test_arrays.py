import subprocess
import sys
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest

from samj_bridge.protocol.arrays import ArrayDescription, attached, describe
from samj_bridge.protocol.failures import OperationFailed


@pytest.fixture
def block():
    shared = SharedMemory(create=True, size=4096)
    yield shared
    shared.close()
    shared.unlink()


def test_what_is_written_is_read(block):
    block.buf[:6] = bytes([0, 1, 2, 3, 4, 5])
    description = ArrayDescription.from_wire(describe("uint8", (2, 3), block.name, 4096))
    with attached(description) as view:
        assert view.readonly
        assert view.tobytes() == bytes([0, 1, 2, 3, 4, 5])


def test_the_mapping_is_gone_afterwards_even_when_the_reader_failed_with_views_of_it(block):
    description = ArrayDescription("uint8", (64, 64), block.name, 4096)

    def convert(view):
        pixels = np.frombuffer(view, np.uint8).reshape(64, 64)
        raise MemoryError(str(pixels.shape))

    before = _mappings(block.name)
    with pytest.raises(MemoryError), attached(description) as view:
        convert(view)
    assert _mappings(block.name) == before


def test_attaching_neither_unlinks_nor_starts_a_tracker(block):
    program = (
        "import sys; from samj_bridge.protocol.arrays import ArrayDescription, attached\n"
        f"with attached(ArrayDescription('uint8', (4,), {block.name!r}, 4096)) as view: assert len(view) == 4\n"
        "from multiprocessing import resource_tracker\n"
        "assert resource_tracker._resource_tracker._pid is None\n"
        "assert resource_tracker.register.__name__ == 'register'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    again = SharedMemory(block.name)
    again.close()
    # This very test attached once more with the plain class, which registers: take that back.
    if sys.version_info < (3, 13):
        from multiprocessing import resource_tracker

        resource_tracker.register(f"/{block.name}", "shared_memory")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"appose_type": "shm", "name": "x", "rsize": 1},
        {"appose_type": "ndarray", "dtype": "uint8", "shape": [2, 2], "shm": None},
        describe("bool", (2, 2), "x", 4),
        describe("complex64", (2, 2), "x", 64),
        describe("uint8", (2, 0), "x", 4),
        describe("uint8", (2, -2), "x", 4),
        describe("uint8", (2, 2), "", 4),
        describe("uint8", (2, True), "x", 4),
        describe("uint8", (2, 2), "x", True),
        describe("uint8", (2, 2), "x", 0),
        {"appose_type": "ndarray", "dtype": "uint8", "shape": [2, 2], "file": "not/absolute"},
        {"appose_type": "ndarray", "dtype": "uint8", "shape": [2, 2], "file": ""},
        {"appose_type": "ndarray", "dtype": "uint8", "shape": [2, 2], "file": 7},
        {**describe("uint8", (2, 2), "x", 4), "file": "/tmp/both"},
        describe("uint16", (2, 2), "x", 7),
        {**describe("uint8", (2, 2), "x", 4), "shape": 4},
    ],
)
def test_a_description_that_does_not_hold_together_is_a_bad_image(value):
    with pytest.raises(OperationFailed) as caught:
        ArrayDescription.from_wire(value)
    assert caught.value.code == "bad-image"
    assert caught.value.hint


def test_a_block_that_is_gone_or_too_small_is_a_bad_image(block):
    for name, shape in (("psm_not_there", (2, 2)), (block.name, (4096, 4096))):
        missing = attached(ArrayDescription("uint8", shape, name, 1 << 30))
        with pytest.raises(OperationFailed, match=r"opened|needs") as caught, missing:
            pytest.fail("there is nothing to attach to")
        assert caught.value.code == "bad-image"


def test_what_is_written_into_a_file_is_read_and_the_file_stays(tmp_path):
    path = tmp_path / "é 漢"
    path.write_bytes(bytes(range(8)))
    value = {"appose_type": "ndarray", "dtype": "uint16", "shape": [2, 2], "file": str(path)}
    description = ArrayDescription.from_wire(value)
    assert description.to_wire() == value
    with attached(description) as view:
        assert view.readonly
        assert np.frombuffer(view, np.uint16).tolist() == np.arange(8, dtype=np.uint8).view(np.uint16).tolist()
    assert _mappings(path.name) == 0
    path.unlink()


@pytest.mark.parametrize("content", [None, b"", b"123"], ids=["missing", "empty", "short"])
def test_a_file_that_is_gone_or_too_small_is_a_bad_image(tmp_path, content):
    path = tmp_path / "pixels"
    if content is not None:
        path.write_bytes(content)
    with (
        pytest.raises(OperationFailed, match=r"file .*(opened|has 3)") as caught,
        attached(ArrayDescription("uint8", (2, 2), str(path), 0)),
    ):
        pytest.fail("there is nothing to read")
    assert caught.value.code == "bad-image"


def test_a_description_survives_the_wire():
    description = ArrayDescription("float32", (3, 4, 2), "psm_x", 4096)
    assert ArrayDescription.from_wire(description.to_wire()) == description
    assert description.nbytes == 96


def _mappings(name):
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/maps") as maps:
        return sum(name in line for line in maps)
