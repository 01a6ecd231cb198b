"""The real worker as a process: what it says on its pipes, and how it starts and ends."""

import json
import signal
import subprocess
import threading
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import pytest
from fakes.opening import FAMILY, VARIABLES

from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.protocol.arrays import describe
from samj_bridge.protocol.messages import OPERATIONS
from samj_bridge.session.connection.bundle import write_bundle
from samj_bridge.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.worker


class Pipes:
    """A worker and its pipes, driven line by line, as a client in another language would."""

    def __init__(self, python, bundle, *arguments, variables=VARIABLES, command=None):
        command = command or [str(python), "-I", str(bundle)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([*command, *arguments], env=variables, cwd="/", **pipes)
        self.log = b""
        self.reader = threading.Thread(target=self._drain, daemon=True)
        self.reader.start()

    def _drain(self):
        self.log = self.process.stderr.read()

    def call(self, script, **inputs):
        request = {"task": script, "requestType": "EXECUTE", "script": script, "inputs": inputs}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        responses = []
        while not responses or responses[-1]["responseType"] in ("LAUNCH", "UPDATE"):
            line = self.process.stdout.readline()
            responses.append(json.loads(line, parse_constant=_refuse))
            assert responses[-1]["task"] == script
        return responses

    def outputs(self, script, **inputs):
        last = self.call(script, **inputs)[-1]
        assert last["responseType"] == "COMPLETION", last
        return last["outputs"]

    def failure(self, script, **inputs):
        last = self.call(script, **inputs)[-1]
        assert last["responseType"] == "FAILURE", last
        return json.loads(last["error"])

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(120) == 0
        assert self.process.stdout.read() == b""
        self.process.stdout.close()
        self.reader.join(120)
        self.process.stderr.close()


def _refuse(name):
    raise AssertionError(f"{name} is not JSON")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    def write(**knobs):
        path = tmp_path_factory.mktemp("é 漢") / "test.json"
        path.write_text(json.dumps(knobs))
        return str(path)

    return write


@pytest.fixture(scope="module")
def pipes(worker_python, tmp_path_factory):
    home = tmp_path_factory.mktemp("home é 漢 :;")
    running = Pipes(worker_python, write_bundle(Settings(home=home)), "--family", f"test={FAMILY}")
    yield running
    running.end()


@pytest.fixture
def image():
    pixels = np.zeros((40, 50), np.uint8)
    pixels[10:20, 10:30] = 200
    block = SharedMemory(create=True, size=pixels.nbytes)
    np.frombuffer(block.buf, np.uint8).reshape(pixels.shape)[:] = pixels
    yield describe("uint8", pixels.shape, block.name, pixels.nbytes)
    block.close()
    block.unlink()


def test_the_whole_protocol_by_hand(pipes, checkpoint, image):
    hello = pipes.outputs("hello")
    assert hello["protocol"] == PROTOCOL_VERSION
    assert hello["pid"] == pipes.process.pid
    assert hello["operations"] == list(OPERATIONS)
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(), device="cpu")["model"]
    encoded = pipes.outputs("encode", model=model, image=image)
    assert (encoded["shape"], encoded["cached"]) == ([40, 50], False)
    found = pipes.outputs("segment", encoding=encoded["encoding"], prompts=[{"box": [5, 5, 40, 35]}])
    (region,) = found["regions"]
    assert region["rings"] == [[10, 10, 30, 10, 30, 20, 10, 20]]
    assert region["score"] == pytest.approx(0.9)
    assert pipes.outputs("release", encodings=[encoded["encoding"], "nobody"]) == {"released": 1}
    assert pipes.outputs("stats")["encodings"] == 0


def test_a_batch_can_come_one_prompt_at_a_time(pipes, checkpoint, image):
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(), device="cpu")["model"]
    encoding = pipes.outputs("encode", model=model, image=image)["encoding"]
    prompts = [{"points": [[11.5, 11.5]]}, {"points": [[1.5, 1.5]]}, {"box": [0, 0, 15, 15]}]
    responses = pipes.call("segment", encoding=encoding, prompts=prompts, stream=True, candidates=2)
    updates = [response for response in responses if response["responseType"] == "UPDATE"]
    assert [(update["current"], update["maximum"], update["info"]["prompt"]) for update in updates] == [
        (1, 3, 0),
        (2, 3, 1),
        (3, 3, 2),
    ]
    assert [len(update["info"]["regions"]) for update in updates] == [2, 2, 2]
    assert updates[1]["info"]["regions"][0]["rings"] == []
    assert responses[-1]["outputs"]["regions"] == []


def test_the_same_image_id_is_encoded_once(pipes, checkpoint, image):
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(), device="cpu")["model"]
    first = pipes.outputs("encode", model=model, image=image, image_id="nuclei")
    second = pipes.outputs("encode", model=model, image=image, image_id="nuclei")
    other = pipes.outputs("encode", model=model, image=image, image_id="nuclei", ranges=[[0, 250]])
    assert (first["encoding"], False, True) == (second["encoding"], first["cached"], second["cached"])
    assert other["encoding"] != first["encoding"]
    assert other["ranges"] == [[0, 250]]


def test_a_score_that_is_not_finite_is_null(pipes, checkpoint, image):
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(nan_score=True))["model"]
    encoding = pipes.outputs("encode", model=model, image=image)["encoding"]
    assert (
        pipes.outputs("segment", encoding=encoding, prompts=[{"box": [0, 0, 9, 9]}])["regions"][0]["score"] is None
    )


@pytest.mark.parametrize(
    ("knobs", "code"),
    [
        ({"memory": "numpy"}, "out-of-memory"),
        ({"memory": "torch"}, "out-of-memory"),
        ({"memory": "real"}, "out-of-memory"),
        ({"bytes_per_pixel": 1 << 50}, "image-too-large"),
        ({"fail": "a bug"}, "internal"),
        ({"exit": True}, "internal"),
    ],
)
def test_a_failure_in_encode_has_its_code_and_the_worker_serves_on(pipes, checkpoint, image, knobs, code):
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(**knobs), device="cpu")["model"]
    maps = Path(f"/proc/{pipes.process.pid}/maps").read_text().count("psm_")
    failed = pipes.failure("encode", model=model, image=image)
    assert failed["code"] == code
    assert failed["message"]
    assert failed["hint"]
    assert pipes.outputs("stats")["pid"] == pipes.process.pid
    assert Path(f"/proc/{pipes.process.pid}/maps").read_text().count("psm_") == maps


def test_requests_for_what_is_not_there_have_their_codes(pipes, checkpoint, image, tmp_path):
    assert pipes.failure("encode", model="nobody", image=image)["code"] == "unknown-model"
    assert pipes.failure("segment", encoding="no", prompts=[{"box": [0, 0, 1, 1]}])["code"] == "unknown-encoding"
    assert pipes.failure("load", model="m", family="no", checkpoint="/x")["code"] == "unknown-model"
    assert pipes.failure("load", model="m", family="test", checkpoint="/no/such")["code"] == "bad-checkpoint"
    (tmp_path / "broken").write_text("{")
    broken = {"model": "m", "family": "test", "checkpoint": str(tmp_path / "broken")}
    assert pipes.failure("load", **broken)["code"] == "bad-checkpoint"
    damaged = pipes.failure("load", **{**broken, "family": "starter"})
    assert damaged["code"] == "bad-checkpoint"
    assert "models verify" in damaged["hint"]
    wrong = pipes.failure("load", **{**broken, "family": "sam", "architecture": "sam-vit-x"})
    assert wrong["code"] == "unknown-model"
    assert "sam-vit-b" in wrong["hint"]
    assert pipes.failure("load", **{**broken, "family": "sam"})["code"] == "unknown-model"
    starter = str(Path(__file__).parents[2] / "samj_bridge/models/weights/starter.safetensors")
    other = pipes.failure("load", model="m", family="sam", architecture="mobile-sam", checkpoint=starter)
    assert other["code"] == "bad-checkpoint"
    assert "mobile-sam" in other["message"]
    assert len(other["message"]) < 700
    for device in ("cuda:99", "tpu", "cuda:x"):
        failed = pipes.failure("load", model="m", family="test", checkpoint=checkpoint(), device=device)
        assert failed["code"] == "device-unavailable"
    assert pipes.failure("import os; os._exit(1)")["code"] == "unknown-operation"
    gone = {**image, "shm": {**image["shm"], "name": "psm_gone"}}
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(), device="cpu")["model"]
    assert pipes.failure("encode", model=model, image=gone)["code"] == "bad-image"


def test_a_prompt_outside_the_image_stops_the_batch_before_it_begins(pipes, checkpoint, image):
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(), device="cpu")["model"]
    encoding = pipes.outputs("encode", model=model, image=image)["encoding"]
    good, ring = {"box": [0, 0, 5, 5]}, [60, 0, 70, 0, 70, 10, 60, 10]
    for bad in ({"points": [[51, 3]]}, {"box": [50, 0, 60, 9]}, {"mask": {"rings": [ring]}}):
        failed = pipes.failure("segment", encoding=encoding, prompts=[good, bad])
        assert failed["code"] == "prompt-outside-image"
        assert failed["details"] == {"prompt": 1}


def test_it_maps_nothing_and_unlinks_nothing_when_an_image_is_encoded(pipes, checkpoint, image):
    model = pipes.outputs("load", model="t", family="test", checkpoint=checkpoint(), device="cpu")["model"]
    for _ in range(3):
        pipes.outputs("encode", model=model, image=image)
    assert "psm_" not in Path(f"/proc/{pipes.process.pid}/maps").read_text()
    assert (Path("/dev/shm") / image["shm"]["name"]).exists()


def test_the_bundle_on_the_path_is_a_module_too(worker_python, settings):
    bundle = write_bundle(settings)
    command = [str(worker_python), "-m", "samj_bridge.worker"]
    running = Pipes(None, None, command=command, variables={**VARIABLES, "PYTHONPATH": str(bundle)})
    assert running.outputs("hello")["protocol"] == PROTOCOL_VERSION
    # A terminal's Ctrl-C reaches the whole group: the host decides.
    running.process.send_signal(signal.SIGINT)
    assert running.outputs("stats")["pid"] == running.process.pid
    running.end()


def test_nothing_of_the_user_reaches_in(worker_python, settings, tmp_path):
    for name in ("numpy.py", "torch.py", "samj_bridge.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('not mine')")
    variables = {**VARIABLES, "PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nowhere", "PYTHONSTARTUP": "x"}
    running = Pipes(worker_python, write_bundle(settings), "--threads", "1", variables=variables)
    assert running.outputs("hello")["threads"] == 1
    running.end()


def test_nothing_heavy_comes_with_it_that_torch_does_not_bring_itself(worker_python, settings):
    program = (
        "import sys, torch, numpy; before = set(sys.modules)\n{}\n"
        "print(*{{name.split('.')[0] for name in set(sys.modules) - before}})"
    )
    imports = "sys.path.insert(0, sys.argv[1]); import samj_bridge.worker.operations, samj_bridge.worker.__main__"
    command = [str(worker_python), "-I", "-c", program.format(imports), str(write_bundle(settings))]
    found = subprocess.run(command, env=VARIABLES, capture_output=True, text=True, check=True)
    assert not {"torchvision", "scipy", "PIL", "appose", "sympy"} & set(found.stdout.split())
    assert "samj_bridge" in found.stdout.split()


@pytest.mark.parametrize(("said", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_idle_threads_sleep_unless_the_user_says_otherwise(worker_python, tmp_path, said, policy):
    bundle = write_bundle(Settings(home=tmp_path))
    worker = Pipes(worker_python, bundle, variables={**VARIABLES, **said, "OMP_DISPLAY_ENV": "TRUE"})
    worker.outputs("hello")
    worker.end()
    assert f"OMP_WAIT_POLICY = '{policy}'" in worker.log.decode()


def test_whether_an_image_fits_is_said_before_it_is_sent(pipes, checkpoint):
    load = {"model": "t", "family": "test", "device": "cpu"}
    roomy = pipes.outputs("load", checkpoint=checkpoint(), **load)["model"]
    assert pipes.outputs("fits", model=roomy, shape=[100, 10])["needed_bytes"] == 1000 * (16 + 24)
    greedy = pipes.outputs("load", checkpoint=checkpoint(bytes_per_pixel=1 << 50), **load)["model"]
    assert pipes.failure("fits", model=greedy, shape=[1, 9, 3])["code"] == "image-too-large"
    assert pipes.failure("fits", model=greedy, shape=[1, -9])["code"] == "bad-image"
    starter = str(ROOT / "samj_bridge" / "models" / "weights" / "starter.safetensors")
    real = pipes.outputs("load", model="s", family="starter", checkpoint=starter, device="cpu")["model"]
    grey, rgb = (pipes.outputs("fits", model=real, shape=[1000, 1000, *more])["needed_bytes"] for more in ([], [3]))
    # What was measured at the peak, above what the worker takes without an image.
    assert 500 << 20 < grey < rgb < 600 << 20
