import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samj_bridge.protocol import codec
from samj_bridge.protocol.failures import FailureCode, OperationFailed


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"garbage\n",
        b"\xff\xfe\n",
        b"[1, 2]\n",
        b"null\n",
        b"{}\n",
        b'{"task": 5, "requestType": "EXECUTE"}\n',
        b'{"task": "", "requestType": "CANCEL"}\n',
        b"[" * 100_000,
        b'{"task": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_line_without_a_task_is_refused_without_a_task(line):
    with pytest.raises(codec.BadLine) as caught:
        codec.decode_request(line)
    assert caught.value.task is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"requestType": "RUN"},
        {"requestType": "EXECUTE"},
        {"requestType": "EXECUTE", "script": 3},
        {"requestType": "EXECUTE", "script": "hello", "inputs": [1]},
    ],
)
def test_a_line_with_a_task_is_refused_with_it(fields):
    with pytest.raises(codec.BadLine) as caught:
        codec.decode_request(json.dumps({"task": "t", **fields}).encode())
    assert caught.value.task == "t"


def test_requests_are_read():
    line = b'{"task":"t","requestType":"EXECUTE","script":"hello","inputs":null,"queue":null}\n'
    assert codec.decode_request(line) == codec.ExecuteRequest("t", "hello", {})
    assert codec.decode_request(b'{"task":"t","requestType":"CANCEL"}') == codec.CancelRequest("t")


def test_numbers_that_are_not_finite_become_null_and_the_rest_stays():
    message = {"a": float("nan"), "b": [float("inf"), 1.5, {"c": np.float32("nan")}], "d": np.arange(2)}
    assert json.loads(codec.encode_line(message), parse_constant=_refuse) == {
        "a": None,
        "b": [None, 1.5, {"c": None}],
        "d": [0, 1],
    }


def test_numpy_numbers_are_written_as_numbers():
    message = {"f": np.float32(0.5), "i": np.int64(3), "b": np.bool_(True), "s": {2, 1}, "o": OSError("x")}
    assert json.loads(codec.encode_line(message)) == {"f": 0.5, "i": 3, "b": True, "s": [1, 2], "o": "x"}


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=20))
def test_every_message_is_one_line_of_strict_ascii_json(value):
    line = codec.encode_line({"value": value})
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    json.loads(line.decode("ascii"), parse_constant=_refuse)


def test_a_failure_crosses_as_json_text():
    failed = OperationFailed(FailureCode.BAD_PROMPT, "Wrong é.", hint="Right.", prompt=3, size=float("inf"))
    response = json.loads(codec.encode_line(codec.failure("t", failed)))
    assert response["responseType"] == "FAILURE"
    back = codec.decode_failure(response["error"])
    assert (back.code, back.message, back.hint) == (FailureCode.BAD_PROMPT, "Wrong é.", "Right.")
    assert back.details == {"prompt": 3, "size": None}


@pytest.mark.parametrize("text", [None, "", "Traceback", "[]", "{}", '{"code": "new", "message": "m"}', "3"])
def test_a_failure_of_another_kind_is_internal_and_keeps_its_text(text):
    failed = codec.decode_failure(text)
    assert failed.code is FailureCode.INTERNAL
    assert (text or "without a reason") in failed.message


def _refuse(name):
    raise AssertionError(name)
