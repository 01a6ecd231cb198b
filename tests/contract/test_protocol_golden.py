"""The lines in tests/data/protocol are what the protocol's version means: both sides must read and write them."""

import json
import re
from pathlib import Path

import pytest
from appose.util.message import encode

from samj_bridge.protocol import (
    PROTOCOL_VERSION,
    codec,
    conversion,
    delivering,
    everything,
    follow,
    messages,
    segment,
)
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.session.connection.service import WorkerService

ROOT = Path(__file__).parents[2]
REQUESTS = (ROOT / "tests/data/protocol/requests.jsonl").read_bytes().splitlines(keepends=True)
RESPONSES = (ROOT / "tests/data/protocol/responses.jsonl").read_bytes().splitlines(keepends=True)
SPECIFICATION = (ROOT / "docs/reference/protocol.md").read_text(encoding="utf-8")
KINDS = {
    "hello": messages.EmptyRequest,
    "stats": messages.EmptyRequest,
    "load": messages.LoadRequest,
    "fits": messages.FitsRequest,
    "encode": messages.EncodeRequest,
    "deliver": delivering.DeliverRequest,
    "segment": segment.SegmentRequest,
    "everything": everything.EverythingRequest,
    "follow": follow.FollowRequest,
    "release": messages.ReleaseRequest,
    "convert": conversion.ConvertRequest,
}
REPLIES = {
    "1": messages.HelloReply,
    "2": messages.LoadReply,
    "3": messages.EncodeReply,
    "10": conversion.ConvertReply,
    "12": everything.EverythingReply,
    "14": follow.FollowReply,
}

PARTS = (
    messages.TileMessage,
    segment.RegionMessage,
    segment.Wanted,
    everything.ObjectMessage,
    follow.FollowItem,
    follow.FoundMessage,
)


@pytest.mark.parametrize("line", REQUESTS, ids=range(len(REQUESTS)))
def test_the_worker_reads_every_request_and_the_host_would_write_the_same(line):
    request = codec.decode_request(line)
    if isinstance(request, codec.CancelRequest):
        assert codec.encode_line({"task": request.task, "requestType": "CANCEL"}) == line
        return
    read = KINDS[request.script].from_wire(request.inputs)
    inputs = read.to_wire() if hasattr(read, "to_wire") else {}
    written = {"task": request.task, "requestType": "EXECUTE", "script": request.script, "inputs": inputs}
    assert codec.encode_line(written) == line
    # Appose's own writer agrees, so that its clients send what the worker expects.
    assert encode(written).encode() + b"\n" == line


@pytest.mark.parametrize("line", RESPONSES, ids=range(len(RESPONSES)))
def test_the_host_reads_every_response(line, tmp_path):
    service = WorkerService(["-"], {}, tmp_path, print)
    response = json.loads(line)
    task, events = _task(service, response["task"]), []
    task.listen(events.append)
    service._deliver(line)
    (event,) = events
    assert event.response_type.value == response["responseType"]
    assert event.info == response.get("info")
    assert task.outputs == response.get("outputs", {})
    assert (response["task"] in service._tasks) != event.response_type.is_terminal()


@pytest.mark.parametrize("line", RESPONSES, ids=range(len(RESPONSES)))
def test_the_worker_would_write_every_response_the_same(line):
    response = json.loads(line)
    task, kind = response["task"], response["responseType"]
    if kind == "COMPLETION":
        outputs = response["outputs"]
        if task == "12":
            objects = tuple(everything.ObjectMessage.from_wire(value) for value in outputs["regions"])
            outputs = everything.EverythingReply(**{**outputs, "regions": objects}).to_wire()
        elif task == "14":
            found = tuple(follow.FoundMessage(**value) for value in outputs["objects"])
            outputs = follow.FollowReply(**{**outputs, "objects": found}).to_wire()
        elif task in REPLIES:
            outputs = REPLIES[task](**outputs).to_wire()
        elif "regions" in outputs:
            outputs = {**outputs, "regions": _regions(outputs["regions"])}
        written = codec.completion(task, outputs)
    elif kind == "UPDATE":
        info = response.get("info")
        info = info and {**info, "regions": _regions(info["regions"])}
        written = codec.update(task, None, response.get("current"), response.get("maximum"), info)
    elif kind == "FAILURE":
        written = codec.failure(task, codec.decode_failure(response["error"]))
    else:
        written = {"LAUNCH": codec.launch, "CANCELATION": codec.cancelation}[kind](task)
    assert codec.encode_line(written) == line


def test_every_operation_and_every_kind_of_response_has_a_golden_line():
    assert {json.loads(line).get("script") for line in REQUESTS} - {None} == set(messages.OPERATIONS)
    kinds = {json.loads(line)["responseType"] for line in RESPONSES}
    assert kinds == {"LAUNCH", "UPDATE", "COMPLETION", "CANCELATION", "FAILURE"}


def test_the_specification_has_the_version_that_is_spoken():
    assert re.search(r"^Version ([\d.]+)$", SPECIFICATION, re.MULTILINE)[1] == PROTOCOL_VERSION
    assert json.loads(RESPONSES[1])["outputs"]["protocol"] == PROTOCOL_VERSION


@pytest.mark.parametrize("name", [*messages.OPERATIONS, *(code.value for code in FailureCode)])
def test_the_specification_describes_every_operation_and_failure(name):
    assert f"`{name}`" in SPECIFICATION


@pytest.mark.parametrize("kind", sorted({*KINDS.values(), *REPLIES.values(), *PARTS}, key=str))
def test_the_specification_names_every_field(kind):
    # What is wanted stands among the other inputs: it is no field of its own on the wire.
    for name in kind.__dataclass_fields__.keys() - {"wanted"}:
        assert f"`{name}`" in SPECIFICATION


def _task(service, name):
    service._process = object()
    task = service.task("x")
    service._process = None
    service._tasks.clear()
    task.uuid = name
    service._tasks[name] = task
    return task


def _regions(values):
    kinds = [everything.ObjectMessage if "point" in value else segment.RegionMessage for value in values]
    return [kind.from_wire(value).to_wire() for kind, value in zip(kinds, values, strict=True)]
