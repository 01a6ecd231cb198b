"""What a file is, what is in it, and which network it is of: the parts that need no torch."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker.checkpoints.kinds import LEGACY, SAFETENSORS, TORCH_ZIP, kind_of
from samj_bridge.worker.checkpoints.recognising import compare, recognise
from samj_bridge.worker.checkpoints.unwrapping import unwrap

Shapes = dict[str, tuple[int, ...]]

SMALL: Shapes = {
    "image_encoder.a": (4, 3),
    "image_encoder.b": (4,),
    "mask_decoder.c": (2, 4),
    "mask_decoder.d": (2,),
}
LARGE: Shapes = {
    "image_encoder.a": (8, 3),
    "image_encoder.b": (8,),
    "mask_decoder.c": (2, 4),
    "mask_decoder.d": (2,),
}
VIDEO: Shapes = {"trunk.a": (4, 3), "trunk.b": (4,), "no_mem_embed": (1,)}
KNOWN = {"small": "sam", "large": "sam", "video": "sam2"}
TABLES = {"small": SMALL, "large": LARGE, "video": VIDEO}


def find(found: Shapes, expected: str = "") -> Any:
    return recognise(found, KNOWN, TABLES.__getitem__, expected)


def refusal(found: Shapes, expected: str = "") -> OperationFailed:
    with pytest.raises(OperationFailed) as caught:
        find(found, expected)
    assert caught.value.code is FailureCode.BAD_CHECKPOINT
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", TABLES)
def test_each_network_is_recognised_with_and_without_being_told(name: str) -> None:
    assert find(TABLES[name]).architecture == name
    assert find(TABLES[name], name).architecture == name


def test_only_the_shapes_that_are_needed_are_asked_for() -> None:
    asked: list[str] = []

    def shapes_of(name: str) -> Shapes:
        asked.append(name)
        return TABLES[name]

    recognise(LARGE, KNOWN, shapes_of, "large")
    assert asked == ["large"]


def test_a_network_of_another_size_is_named() -> None:
    error = refusal(LARGE, "small")
    assert error.message == "The checkpoint is a large, not a small."
    assert error.details["architecture"] == "large"


def test_missing_unknown_and_misshapen_weights_are_counted_and_named() -> None:
    found = {**SMALL, "image_encoder.a": (4, 5), "extra.x": (1,)}
    del found["mask_decoder.d"]
    message = refusal(found).message
    assert "almost a small" in message
    assert "1 of its 4 weights are missing (mask_decoder.d)" in message
    assert "1 have another shape (image_encoder.a: 4 x 5 instead of 4 x 3)" in message
    assert "1 are unknown (extra.x)" in message


def test_a_stranger_is_described_by_its_first_names() -> None:
    message = refusal({f"layer{n}": (1,) for n in range(9)}).message
    assert "none of the known architectures" in message
    assert "layer0, layer1, layer2, ..." in message
    assert "nor any other" in refusal({"x": (1,)}, "small").message


def test_what_only_published_files_have_is_left_out_where_it_is_known() -> None:
    match = find({**VIDEO, "memory_attention.layers.0.x": (3,), "maskmem_tpos_enc": (7,), "pixel_mean": (3,)})
    assert match.fits
    assert set(match.extras) == {"memory_attention.layers.0.x", "maskmem_tpos_enc", "pixel_mean"}
    # The same names are no excuse in another family.
    assert compare({**SMALL, "maskmem_tpos_enc": (7,)}, "small", SMALL, "sam").unexpected == ("maskmem_tpos_enc",)


def test_a_name_that_the_network_needs_is_never_left_out() -> None:
    assert "no_mem_embed" not in find(VIDEO).extras


LEAF = st.floats() | st.text() | st.none()


def attempt(function: Callable[[], Any]) -> tuple[Any, OperationFailed | None]:
    try:
        return function(), None
    except OperationFailed as error:
        return None, error


def _is_number(value: Any) -> bool:
    return isinstance(value, float)


def weights(prefix: str = "") -> dict[str, float]:
    return {f"{prefix}{name}": float(len(name)) for name in SMALL}


@pytest.mark.parametrize(
    ("content", "steps"),
    [
        (weights(), []),
        ({"model": weights()}, ["model"]),
        ({"state_dict": {"model": weights()}}, ["state_dict", "model"]),
        ({"model_state": weights("sam."), "decoder_state": {"x": 1.0}}, ["model_state", "sam."]),
        (weights("module."), ["module."]),
        ({"model": weights("module.model.")}, ["model", "module.", "model."]),
        ({**weights("model."), "cellfinder.x": 1.0}, ["model."]),
        ({**weights("model_cp."), **weights("model."), "cellfinder.x": 1.0}, ["model_cp."]),
        (
            {"state_dict": {**weights("module.model_cp."), **weights("module.model.")}},
            ["state_dict", "module.", "model_cp."],
        ),
    ],
)
def test_wrappings_are_taken_off_one_by_one(content: Any, steps: list[str]) -> None:
    found = unwrap(content, _is_number)
    assert found.tensors == weights()
    assert found.steps == steps


def test_a_stranger_among_prefixed_names_stays_to_be_told_of() -> None:
    found = unwrap({**weights("module."), "odd": 1.0}, _is_number)
    assert set(found.tensors) == {*SMALL, "odd"}


def test_the_detectors_own_network_is_not_mistaken_for_the_one_that_is_wanted() -> None:
    many = {f"cellfinder.backbone.{n}": 1.0 for n in range(100)}
    found = unwrap({**weights("model."), **many}, _is_number)
    assert found.tensors == weights()
    assert len(found.dropped) == 100


@given(st.binary(max_size=300))
def test_any_bytes_are_a_checkpoint_or_get_a_sentence(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pth"
    for content in (data, b"PK\x03\x04" + data, b"\x80\x02" + data, len(data).to_bytes(8, "little") + b"{" + data):
        path.write_bytes(content)
        kind, error = attempt(lambda: kind_of(path))
        if error is None:
            assert kind in (TORCH_ZIP, LEGACY, SAFETENSORS)
        else:
            assert error.code is FailureCode.BAD_CHECKPOINT
            assert error.message
            assert error.hint
            assert error.details["reason"]


@given(st.recursive(LEAF, lambda inner: st.dictionaries(st.text(max_size=9), inner), max_leaves=9))
def test_any_content_is_unwrapped_or_gets_a_sentence(content: Any) -> None:
    found, error = attempt(lambda: unwrap(content, _is_number))
    assert (error is None and found.tensors) or (error is not None and error.details["reason"] == "no-weights")


def test_a_zip_with_a_pickle_is_a_checkpoint_only_if_it_is_not_packed(tmp_path: Path) -> None:
    for method, size, expected in ((zipfile.ZIP_STORED, 5000, TORCH_ZIP), (zipfile.ZIP_DEFLATED, 5000, None)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr("x/data.pkl", bytes(size))
        (tmp_path / "z").write_bytes(buffer.getvalue())
        if expected is None:
            with pytest.raises(OperationFailed, match="zip bomb"):
                kind_of(tmp_path / "z")
        else:
            assert kind_of(tmp_path / "z") == expected
