import json

import pytest

from samj_bridge.protocol import messages, segment
from samj_bridge.protocol.arrays import ArrayDescription, describe
from samj_bridge.protocol.conversion import ConvertReply, ConvertRequest
from samj_bridge.protocol.everything import EverythingRequest
from samj_bridge.protocol.failures import OperationFailed

IMAGE = describe("uint8", (10, 20), "psm_x", 200)
BOX = {"box": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    "request_",
    [
        messages.LoadRequest("starter", "starter", "/w é.safetensors", "cpu"),
        messages.EncodeRequest("m", ArrayDescription("uint8", (10, 20), "psm_x", 200), ((0.0, 9.5),), "each", "id"),
        messages.EncodeRequest("m", ArrayDescription("uint8", (10, 20, 3), "psm_x", 600)),
        segment.SegmentRequest(
            "e",
            (
                segment.PromptMessage((0.0, 0.5, 3.0, 4.0), ((1.5, 2.5),), ((0.5, 0.5),)),
                segment.PromptMessage(mask_rings=((0, 0, 4, 0, 4, 4, 0, 4),)),
            ),
            segment.Wanted(3, 5, True, True),
            True,
        ),
        messages.ReleaseRequest(("a", "b")),
        ConvertRequest("/a é.pth", "/b.part", "sam-vit-b", "model"),
        ConvertRequest("/a", "/b"),
        EverythingRequest("e", area=(1.0, 2.0, 3.5, 4.0), stream=True),
        EverythingRequest("e", "exact", 8),
    ],
)
def test_a_request_survives_the_wire(request_):
    assert type(request_).from_wire(request_.to_wire()) == request_


def test_the_reply_of_a_conversion_survives_the_wire():
    reply = ConvertReply("starter-1", "starter", 3, 9, 100, "ab", ("model",), (), ("a note",), 0.5)
    assert ConvertReply.from_wire(json.loads(json.dumps(reply.to_wire()))) == reply


def test_a_region_survives_the_wire():
    region = segment.RegionMessage(3, 1, None, ([0, 0, 1, 0, 1, 1, 0, 1],))
    assert segment.RegionMessage.from_wire(region.to_wire()) == region


@pytest.mark.parametrize(
    ("kind", "inputs", "code"),
    [
        (messages.EmptyRequest, {"x": 1}, "bad-request"),
        (messages.LoadRequest, {}, "bad-request"),
        (messages.LoadRequest, {"model": "m", "family": 3, "checkpoint": "c"}, "bad-request"),
        (messages.LoadRequest, {"model": "m", "family": "f", "checkpoint": "c", "device": 1}, "bad-request"),
        (messages.EncodeRequest, {"model": "m"}, "bad-image"),
        (messages.EncodeRequest, {"model": "m", "image": describe("uint8", (2, 2, 2, 2), "x", 16)}, "bad-image"),
        (messages.EncodeRequest, {"model": "m", "image": IMAGE, "ranges": [[0, 1], [0, 1]]}, "bad-image"),
        (messages.EncodeRequest, {"model": "m", "image": IMAGE, "ranges": [[0, float("nan")]]}, "bad-image"),
        (messages.EncodeRequest, {"model": "m", "image": IMAGE, "ranges": 3}, "bad-image"),
        (messages.EncodeRequest, {"model": "m", "image": IMAGE, "channels": "all"}, "bad-request"),
        (messages.EncodeRequest, {"model": "", "image": IMAGE}, "bad-request"),
        (segment.SegmentRequest, {"encoding": "e"}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": []}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [3]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"boks": [1, 2, 3, 4]}]}, "bad-request"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"box": [1, 2, 3]}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"box": [1, 2, 1, 4]}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"box": [3, 2, 1, 4]}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"box": [1, 2, 3, float("nan")]}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"points": [[1]]}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"points": [[1, True]]}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"points": "x"}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"negative": [[1, 1]]}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"mask": {}}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"mask": {"rings": [[1, 2, 3]]}}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [{"mask": {"rings": [[1.5] * 8]}}]}, "bad-prompt"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [BOX], "candidates": 4}, "bad-request"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [BOX], "candidates": True}, "bad-request"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [BOX], "min_area": -1}, "bad-request"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [BOX], "fill_holes": 1}, "bad-request"),
        (segment.SegmentRequest, {"encoding": "e", "prompts": [BOX], "min_aera": 1}, "bad-request"),
        (messages.ReleaseRequest, {}, "bad-request"),
        (ConvertRequest, {"source": "/a"}, "bad-request"),
        (ConvertRequest, {"source": "/a", "target": "/b", "arch": "x"}, "bad-request"),
        (ConvertRequest, {"source": "/a", "target": "/b", "wrapped": 3}, "bad-request"),
        (messages.ReleaseRequest, {"encodings": "e"}, "bad-request"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_a_code_and_a_hint(kind, inputs, code):
    with pytest.raises(OperationFailed) as caught:
        kind.from_wire(inputs)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_mistake_in_a_batch_names_its_prompt():
    with pytest.raises(OperationFailed, match="Prompt 1:") as caught:
        segment.SegmentRequest.from_wire({"encoding": "e", "prompts": [BOX, {"box": [5, 5, 1, 1]}]})
    assert caught.value.details["prompt"] == 1


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"area": [1, 2, 3]}, "area is"),
        ({"area": [3, 2, 1, 4]}, "corners swapped"),
        ({"area": [0, 0, 9, 9], "mode": "exact"}, "'exact' looks at the whole image"),
    ],
)
def test_a_part_of_the_image_is_a_box_and_for_the_fast_mode(inputs, words):
    with pytest.raises(OperationFailed, match=words) as failed:
        EverythingRequest.from_wire({"encoding": "e", **inputs})
    assert failed.value.code == "bad-request"
