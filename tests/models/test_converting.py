"""Checkpoints through a real worker: the good come out right, the bad are named, the hostile run nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.opening import VARIABLES

from samj_bridge.errors import Cancelled, ModelError
from samj_bridge.models import find_model, weights_file
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.protocol.conversion import ConvertReply, ConvertRequest
from samj_bridge.session.connection.client import Client
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.session.conversion import convert_checkpoint
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

REFUSED = ("unsafe-pickle", "pickle", "pickle-protocol", "text", "damaged")

CARELESS = """
import pickle, sys, torch
from pathlib import Path
folder, mark = Path(sys.argv[1]), Path(sys.argv[1]) / "HOSTILE"

def read(name, function):
    try:
        function()
    except Exception:
        pass
    if mark.exists():
        print(name)
        mark.unlink()

read("bare", lambda: pickle.loads((folder / "runs_bare_2.pth").read_bytes()))
for name in sys.argv[2:]:
    read(name, lambda: torch.load(folder / name, weights_only=False))
"""


@pytest.fixture(scope="module")
def client(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    settings = Settings(home=tmp_path_factory.mktemp("home é"), threads=1)
    launcher = Launcher(worker_python, settings, VARIABLES)
    service = launcher.start()
    client = Client(service, silence_s=120, log="")
    client.greet(None)
    yield client
    service.close()
    launcher.log.close()


class Convert:
    """Converts files of the folder with one worker."""

    def __init__(self, client: Client, made: Path, target: Path) -> None:
        self.client, self.made, self.target = client, made, target

    def __call__(self, name: str, architecture: str = "", wrapped: str = "") -> ConvertReply:
        self.target.unlink(missing_ok=True)
        request = ConvertRequest(str(self.made / name), str(self.target), architecture, wrapped)
        return ConvertReply.from_wire(self.client.start("convert", request.to_wire()).result())

    def refusal(self, name: str, architecture: str = "") -> ModelError:
        with pytest.raises(ModelError) as caught:
            self(name, architecture)
        assert caught.value.code == "bad-checkpoint"
        assert caught.value.hint
        assert not self.target.exists()
        return caught.value


@pytest.fixture
def convert(client: Client, made: Path, tmp_path: Path) -> Convert:
    return Convert(client, made, tmp_path / "out é.safetensors")


@pytest.fixture(scope="module")
def reference(client: Client, made: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    target = tmp_path_factory.mktemp("reference") / "plain"
    Convert(client, made, target)("plain.pth")
    return target.read_bytes()


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("plain.pth", ()),
        ("ordered.pth", ()),
        ("parameters.pth", ()),
        ("legacy.pth", ()),
        ("plain.safetensors", ()),
        ("views.pth", ()),
        ("model.pth", ("model",)),
        ("state_dict.pth", ("state_dict",)),
        ("trainer.pth", ("model_state", "sam.")),
        ("parallel.pth", ("model", "module.")),
        ("nested.pth", ("state_dict", "module.", "model.")),
        ("cellsam.pt", ("model.",)),
        ("cellsam_adv.pt", ("state_dict", "model_cp.")),
    ],
)
def test_the_same_weights_come_out_of_every_wrapping(
    convert: Convert, reference: bytes, name: str, steps: tuple[str, ...]
) -> None:
    reply = convert(name)
    assert (reply.architecture, reply.family) == ("starter-1", "starter")
    assert reply.unwrapped == steps
    content = convert.target.read_bytes()
    assert content == reference
    assert (reply.size, reply.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert reply.parameters > 100_000


def test_the_detector_of_cellsam_is_left_out_and_told_of(convert: Convert) -> None:
    reply = convert("cellsam_adv.pt")
    assert any(name.startswith("cellfinder.") for name in reply.dropped)
    assert "left out" in " ".join(reply.notes)


def test_a_table_of_another_name_is_found_when_it_is_named(convert: Convert, reference: bytes) -> None:
    assert "no weights" in convert.refusal("odd_wrapper.pth").message
    assert convert("odd_wrapper.pth", wrapped="ours").unwrapped == ("ours", "model")
    assert convert.target.read_bytes() == reference


@pytest.mark.parametrize(("name", "kind"), [("half", "float16"), ("bfloat16", "bfloat16"), ("double", "float64")])
def test_other_number_formats_are_stored_as_float32_and_told_of(convert: Convert, name: str, kind: str) -> None:
    reply = convert(f"{name}.pth", "starter-1")
    assert f"{kind} weights are stored as float32" in reply.notes
    content = convert.target.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert {item["dtype"] for key, item in header.items() if key != "__metadata__"} <= {"F32", "I64"}
    assert header["__metadata__"]["architecture"] == "starter-1"


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("empty.pth", "empty", "is empty"),
        ("page.pth", "html", "HTML page"),
        ("late_page.pth", "html", "HTML page"),
        ("text.pth", "text", "text file"),
        ("lfs.pth", "lfs-pointer", "pointer of Git LFS"),
        ("model.safetensors.index.json", "sharded", "the index of a checkpoint in several files"),
        ("packed.pth", "archive", "packed with gzip"),
        ("noise.pth", "unknown-form", "begins with the bytes 07 08"),
        ("pickle.pth", "pickle", "not one that torch wrote"),
        ("cut_a.pth", "truncated", "cut short"),
        ("cut_b.pth", "truncated", "cut short"),
        ("cut_c.pth", "truncated", "cut short"),
        ("cut_legacy_a.pth", "truncated", "cut short"),
        ("cut_legacy_b.pth", "truncated", "cut short"),
        ("cut_legacy_c.pth", "truncated", "cut short"),
        ("cut.safetensors", "truncated", "cut short"),
        ("zipped.zip", "archive", "it holds weights/plain.pth"),
        ("bomb.pth", "zip-bomb", "zip bomb"),
        ("overlap.pth", "zip-bomb", "zip bomb"),
        ("program.pt", "torchscript", "TorchScript"),
        ("tensor.pth", "no-weights", "holds a Tensor"),
        ("list.pth", "no-weights", "holds a list"),
        ("no_weights.pth", "no-weights", "it holds epoch"),
        ("missing.pth", "other-architecture", "weights are missing"),
        ("extra.pth", "other-architecture", "1 are unknown (head.extra)"),
        ("misshapen.pth", "other-architecture", "2 x 3 instead of"),
        ("endless.pth", "other-architecture", "100000000 x 100000000"),
        ("other_network.pth", "other-architecture", "none of the known architectures"),
        ("transformers.pth", "other-names", "transformers library"),
        ("nan.pth", "nan", "NaN or infinite"),
        ("infinite.pth", "nan", "NaN or infinite"),
        ("ints.pth", "dtype", "of the type int64"),
        ("bools.pth", "dtype", "of the type bool"),
        ("complex.pth", "dtype", "of the type complex64"),
        ("quantised.pth", "dtype", "of the type q"),
        ("sparse.pth", "dtype", "of the type sparse"),
        ("not there.pth", "unreadable", "can't be read"),
    ],
)
def test_what_can_not_be_used_is_told_in_a_sentence_of_its_own(
    convert: Convert, name: str, reason: str, words: str
) -> None:
    error = convert.refusal(name)
    assert error.details["reason"] == reason, error.message
    assert words in error.message


def test_a_damaged_file_is_no_checkpoint(convert: Convert) -> None:
    assert convert.refusal("flipped.pth").details["reason"] in ("damaged", "truncated")


def test_hostile_pickles_run_nothing(convert: Convert, made: Path) -> None:
    names = sorted(path.name for path in made.glob("runs_*"))
    assert len(names) >= 15
    for name in names:
        error = convert.refusal(name)
        assert error.details["reason"] in REFUSED, (name, error.message)
        assert not (made / "HOSTILE").exists(), name


def test_the_hostile_pickles_would_run_if_they_were_unpickled(
    made: Path, worker_python: Path, tmp_path: Path
) -> None:
    """The proof that the test before proves something: read carelessly, each of them makes the file."""
    names = (
        "runs_zip.pth",
        "runs_legacy.pth",
        "runs_beside.pth",
        "runs_eval.pth",
        "runs_open.pth",
        "runs_touch.pth",
    )
    done = subprocess.run(
        [worker_python, "-c", CARELESS, made, *names], capture_output=True, text=True, check=True, env=VARIABLES
    )
    assert done.stdout.split() == ["bare", *names]


def test_what_a_pickle_asks_for_is_named(convert: Convert) -> None:
    assert "posix.system" in convert.refusal("runs_zip.pth").message.replace("nt.system", "posix.system")


@pytest.mark.parametrize(
    ("name", "steps", "note"),
    [
        ("torch_em.pt", ("model_state", "sam."), "torch_em.data.segmentation_dataset.SegmentationDataset"),
        ("lightning.ckpt", ("state_dict", "model."), "AttributeDict"),
        ("compiled.pth", ("_orig_mod.",), ""),
        ("compiled_within.pth", ("_orig_mod.",), ""),
        ("parallel_compiled.pth", ("model_state_dict", "_orig_mod.", "module."), "numpy"),
        ("timm.pth", ("state_dict_ema",), "averaged over the training were taken (state_dict_ema), not the raw"),
        ("averaged.pth", ("module.",), ""),
        ("ema_within.ckpt", ("state_dict", "ema_net.module."), "averaged over the training were taken"),
        ("ema_shadow.pth", ("net",), "the raw weights were taken"),
        ("counted.pth", ("model",), "collections.defaultdict"),
        ("whole.pth", (), "__main__.Network"),
        ("whole_beside.pth", ("ema",), "averaged over the training were taken (ema)"),
        ("numbers_legacy.pth", ("model",), "numpy"),
        ("prefixed.safetensors", ("sam_model.net.",), ""),
    ],
)
def test_what_trainers_write_is_loaded_and_nothing_of_it_is_run(
    convert: Convert, reference: bytes, name: str, steps: tuple[str, ...], note: str
) -> None:
    reply = convert(name)
    assert reply.unwrapped == steps
    assert convert.target.read_bytes() == reference
    assert note in "; ".join(reply.notes)


def test_what_cannot_be_loaded_names_the_export_that_helps(convert: Convert) -> None:
    assert "protocol" in convert.refusal("protocol.pth").message
    assert convert.refusal("whole_other.pth").details["reason"] == "other-architecture"
    error = convert.refusal("torch_em_alone.pt")
    assert "nothing of it was run" in error.message
    assert "micro_sam.util.export_custom_sam_model" in error.hint


def test_another_architecture_than_expected_is_told_by_its_name(convert: Convert) -> None:
    error = convert.refusal("plain.pth", "sam-vit-b")
    assert "is a starter-1, not a sam-vit-b" in error.message
    assert error.details["architecture"] == "starter-1"


def test_an_unknown_architecture_is_refused(convert: Convert) -> None:
    with pytest.raises(ModelError, match="no architecture 'sam-vit-z'"):
        convert("plain.pth", "sam-vit-z")


def test_a_file_that_is_there_is_never_written_over(client: Client, made: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("by hand")
    request = ConvertRequest(str(made / "plain.pth"), str(target))
    with pytest.raises(Exception, match="can't be written"):
        client.start("convert", request.to_wire()).result()
    assert target.read_text() == "by hand"


def test_a_conversion_shows_how_far_it_is_and_can_be_stopped(
    launcher: Launcher, made: Path, tmp_path: Path
) -> None:
    events: list[ProgressEvent] = []
    target = tmp_path / "out"
    reply = convert_checkpoint(launcher, made / "plain.pth", target, progress=events.append)
    assert events[0].stage == "convert"
    assert target.stat().st_size == reply.size
    target.unlink()
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        convert_checkpoint(launcher, made / "plain.pth", target, cancel=cancel)
    assert not target.exists()


def test_a_converted_file_is_loaded_as_the_worker_loads_models(convert: Convert, reference: bytes) -> None:
    convert("model.pth")
    loaded = convert.client.start(
        "load", {"model": "x", "family": "starter", "checkpoint": str(convert.target), "architecture": "starter-1"}
    ).result()
    again = convert.client.start(
        "load", {"model": "x", "family": "starter", "checkpoint": str(weights_file(find_model("starter")))}
    ).result()
    assert loaded["parameters"] == again["parameters"]
