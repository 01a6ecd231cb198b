"""Every architecture that the worker knows is recognised by its weights alone, and taken for no other one.

The shapes come from networks on torch's meta device: the program below runs once in the worker's Python.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fakes.opening import VARIABLES

from samj_bridge.models.catalog import packaged_catalog
from samj_bridge.protocol.architectures import ARCHITECTURES, TRANSFORMS
from samj_bridge.worker.families import FAMILIES

pytestmark = pytest.mark.worker

ROOT = Path(__file__).parents[2]
GOLDEN = {"sam2.1-tiny": "sam2-tiny/*.npz", "efficientvit-sam-l0": "efficientvit-sam-l0/*.npz"}
"""Where the suite has the names and shapes of a published state dict."""

PROGRAM = """
import json, sys
import numpy as np
from samj_bridge.protocol.failures import OperationFailed
from samj_bridge.worker.checkpoints.converting import shapes_of
from samj_bridge.worker.checkpoints.recognising import recognise
from samj_bridge.worker.families import ARCHITECTURES, FAMILIES
from samj_bridge.worker.transforms import TRANSFORMS

cache = {}

def shapes(name):
    if name not in cache:
        cache[name] = shapes_of(name, ARCHITECTURES, FAMILIES)
    return cache[name]

def found(table, expected=""):
    try:
        match = recognise(table, ARCHITECTURES, shapes, expected)
        return [match.architecture, len(match.extras)]
    except OperationFailed as error:
        return [error.message, -1]

names = list(ARCHITECTURES)
result = {
    "alone": {name: found(shapes(name)) for name in names},
    "as_another": {name: found(shapes(name), names[index - 1]) for index, name in enumerate(names)},
    "without_one": {name: found(dict(list(shapes(name).items())[:-1])) for name in names},
    "parameters": {name: sum(int(np.prod(shape)) for shape in shapes(name).values()) for name in names},
    "published": {},
    "transforms": sorted(TRANSFORMS),
}
for name, path in json.loads(sys.argv[1]).items():
    with np.load(path) as file:
        keys = json.loads(bytes(file["state_dict"]))
    result["published"][name] = found({key: tuple(shape) for key, shape, _ in keys})
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def report(worker_python: Path) -> dict[str, Any]:
    files = {name: next((ROOT / "tests/data/golden").glob(pattern)) for name, pattern in GOLDEN.items()}
    known = json.dumps({name: str(path) for name, path in files.items() if name in ARCHITECTURES})
    done = subprocess.run(
        [worker_python, "-c", PROGRAM, known], cwd=ROOT, env=VARIABLES, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_recognised_by_its_weights(report: dict[str, Any], name: str) -> None:
    assert report["alone"][name] == [name, 0]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_it_is_not_taken_for_another_one_and_not_accepted_cut_down(report: dict[str, Any], name: str) -> None:
    assert report["as_another"][name][0].startswith(f"The checkpoint is a {name}, not a ")
    message, extras = report["without_one"][name]
    assert extras == -1
    assert "1 of its" in message
    assert name in message


def test_published_names_and_shapes_are_recognised(report: dict[str, Any]) -> None:
    for name, (found, _) in report["published"].items():
        assert found == name
    assert set(report["published"]) == set(GOLDEN) & set(ARCHITECTURES)


def test_the_sizes_are_those_of_the_published_networks(report: dict[str, Any]) -> None:
    published = {"sam-vit-b": 93_735_472, "mobile-sam": 10_130_092, "efficient-sam-s": 26_413_028}
    for name in set(published) & set(ARCHITECTURES):
        assert abs(report["parameters"][name] - published[name]) < 0.002 * published[name]


def test_what_a_catalog_may_name_is_what_the_worker_has(report: dict[str, Any]) -> None:
    assert set(ARCHITECTURES.values()) == set(TRANSFORMS) == set(FAMILIES)
    # The starter prepares images itself.
    named = {name for names in TRANSFORMS.values() for name in names} - {"starter"}
    assert named == set(report["transforms"])
    assert {entry.architecture for entry in packaged_catalog().values()} <= set(ARCHITECTURES)
