"""What is wanted of an answer is said once: Python's functions, its commands, the protocol and Java agree on it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from samj_bridge import Scene, Wanted
from samj_bridge.cli.segment_options import segment
from samj_bridge.errors import InputError
from samj_bridge.protocol.segment import MOST_CANDIDATES, SegmentRequest
from samj_bridge.session.everything import request_of
from samj_bridge.session.wanted import wanted_of

JAVA = Path(__file__).parents[2] / "java_glue/src/main/java/org/samj/bridge"
FIELDS = {name: getattr(Wanted, name) for name in Wanted.__dataclass_fields__}


def in_java(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def test_java_has_the_same_fields_of_the_same_kinds_in_the_same_order_with_the_same_defaults() -> None:
    options = (JAVA / "Options.java").read_text(encoding="utf-8")
    kinds = {int: "int", bool: "boolean"}
    expected = [(kinds[type(value)], in_java(name)) for name, value in FIELDS.items()]
    assert re.findall(r"public final (\w+) (\w+);", options) == expected
    (taken,) = re.findall(r"public Options\(([^)]*)\)", options)
    assert taken == ", ".join(f"{kind} {name}" for kind, name in expected)
    (plain,) = re.findall(r"Options plain\(\) \{\s*return new Options\(([^)]*)\)", options)
    assert plain == ", ".join(str(value).lower() for value in FIELDS.values())
    assert f"int MOST_CANDIDATES = {MOST_CANDIDATES};" in options


def test_java_sends_each_field_under_the_protocols_name() -> None:
    scene = (JAVA / "appose/ApposeScene.java").read_text(encoding="utf-8")
    body = scene[scene.index("Outline[] segment(") : scene.index("void everything(")]
    sent = re.findall(r'inputs\.put\("(\w+)", options\.(\w+)\);', body)
    assert sent == [(name, in_java(name)) for name in FIELDS]


def test_the_command_line_has_an_option_for_each_field_with_its_default_and_its_range() -> None:
    taken = inspect.signature(segment, eval_str=True).parameters
    assert {name: taken[name].default for name in FIELDS} == FIELDS
    options = {name: taken[name].annotation.__metadata__[0] for name in FIELDS}
    assert {name: taken[name].annotation.__origin__ for name in FIELDS} == {n: type(v) for n, v in FIELDS.items()}
    assert (options["candidates"].min, options["candidates"].max) == (1, MOST_CANDIDATES)
    assert (options["min_area"].min, options["min_area"].max) == (0, None)
    # A number's option has its name; a yes has no twin that says no.
    for name, option in options.items():
        assert (option.param_decls or (f"--{name.replace('_', '-')}",)) == (f"--{name.replace('_', '-')}",)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("points_per_side", "points_per_side"),
        ("min_score", "pred_iou_thresh"),
        ("min_stability", "stability_score_thresh"),
        ("crop_layers", "crop_n_layers"),
        ("min_area", "min_area"),
    ],
)
def test_an_option_of_everything_has_the_range_that_the_protocol_has(option: str, name: str) -> None:
    said = inspect.signature(segment, eval_str=True).parameters[option].annotation.__metadata__[0]
    mode = {"mode": "exact"}
    for bound in (said.min, said.max):
        if bound is not None:
            assert getattr(request_of({**mode, name: bound}), name) == bound
    for beyond in (said.min - 1, None if said.max is None else said.max + 1):
        # A grid of no points is the protocol's word for the model's own; an option says so by being left out.
        if beyond is not None and (name, beyond) != ("points_per_side", 0):
            with pytest.raises(InputError, match=name):
                request_of({**mode, name: beyond})


def test_the_protocol_has_each_field_beside_the_other_inputs() -> None:
    wanted = Wanted(2, 7, fill_holes=True, largest_only=True)
    inputs = SegmentRequest("e", (), wanted).to_wire()
    assert {name: inputs[name] for name in FIELDS} == vars(wanted)
    assert SegmentRequest.from_wire({"encoding": "e", "prompts": [{"box": [0, 0, 1, 1]}]}).wanted == Wanted()


@pytest.mark.parametrize("method", [Scene.segment, Scene.stream])
def test_pythons_functions_take_them_as_one_thing_and_describe_each(method: object) -> None:
    names = list(inspect.signature(method).parameters)  # type: ignore[arg-type]
    assert names[2] == "wanted"
    assert names[-1] == "options"
    assert all(f"``{name}``" in (Scene.segment.__doc__ or "") for name in FIELDS)


def test_fields_by_name_change_what_was_wanted_before() -> None:
    assert wanted_of(None, {}) == Wanted()
    assert wanted_of(Wanted(min_area=5, fill_holes=True), {"candidates": 3}) == Wanted(3, 5, fill_holes=True)


def test_numbers_of_numpy_and_0_and_1_for_no_and_yes_do() -> None:
    found = wanted_of(None, {"candidates": np.int64(2), "fill_holes": np.bool_(True), "largest_only": 1})
    assert found == Wanted(2, 0, fill_holes=True, largest_only=True)
    assert [type(value) for value in vars(found).values()] == [int, int, bool, bool]


@pytest.mark.parametrize(
    ("wanted", "options", "told"),
    [
        (None, {"candidates": 4}, "candidates is 4, not a whole number from 1 to 3."),
        (None, {"candidates": None}, "candidates is None"),
        (Wanted(candidates=0), {}, "candidates is 0"),
        (None, {"min_area": 2.5}, "min_area is 2.5"),
        (None, {"min_area": float("nan")}, "min_area is nan"),
        (None, {"fill_holes": "no"}, "fill_holes is 'no', not true or false."),
        (None, {"largest_only": 2}, "largest_only is 2"),
        (None, {"min_aera": 5}, "does not take 'min_aera'; it takes candidates, fill_holes"),
        (3, {}, "is a int: 3"),
    ],
)
def test_what_cannot_be_wanted_is_told_with_its_value_and_what_to_give(
    wanted: Wanted | None, options: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError, match=re.escape(told)) as caught:
        wanted_of(wanted, options)
    assert "1 to 3 candidates" in caught.value.hint
