"""SAM 2.1 follows in bfloat16 as it does in float32: the same objects, nearly the same pixels. The real network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samj_bridge.geometry.region import Region
from samj_bridge.models import ModelEntry
from samj_bridge.session import Session
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.session.stack.step import Step
from samj_bridge.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
SHAPE = (60, 80)
PLANES = 2


MAKE = """
import sys
sys.path[:0] = sys.argv[1:3]
import numpy, torch, weights
from safetensors.torch import save_file
from samj_bridge.worker.families.sam2 import shapes
keys = [(name, shape, "float32") for name, shape in shapes("sam2.1-tiny").items()]
values = weights.state_dict(keys, 5)
save_file({name: torch.from_numpy(numpy.array(value)) for name, value in values.items()}, sys.argv[3])
"""
"""The weights of the golden outputs: with others that are random, networks as a rule see no object at all."""


@pytest.fixture(scope="module")
def checkpoint(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    command = [worker_python, "-c", MAKE, ROOT, ROOT / "tests" / "data" / "golden", kept]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return kept


def stack() -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    noise = np.random.default_rng(1).integers(0, 40, (PLANES, *SHAPE))
    discs = [(columns - 35 - 2 * plane) ** 2 + (rows - 30) ** 2 < 14**2 for plane in range(PLANES)]
    return (noise + 150 * np.array(discs)).astype(np.uint8)


def followed(python: Path, checkpoint: Path, home: Path, precision: str) -> Iterator[Step]:
    settings: Any = Settings(home=home, precision=precision, threads=1)
    kinds = ("box", "points", "negative", "mask")
    model = ModelEntry("sam2.1-tiny", "t", "sam2", "sam2.1-tiny", "sam2", kinds, file=checkpoint)
    launcher = Launcher(python, settings, {"PATH": os.environ.get("PATH", os.defpath)}, ())
    drawn = Region.from_mask(stack()[0] > 140)
    with Session(model, settings=settings, launcher=launcher) as session:
        assert session.loaded["precision"] == precision
        with session.encode_stack(stack(), ranges=(0, 255)) as opened:
            yield from opened.propagate((0, drawn), engine="memory")


@pytest.mark.worker
def test_no_object_is_lost_in_bfloat16_that_is_not_lost_in_float32(
    worker_python: Path, checkpoint: Path, tmp_path: Path
) -> None:
    exact = list(followed(worker_python, checkpoint, tmp_path, "float32"))
    rounded = list(followed(worker_python, checkpoint, tmp_path, "bfloat16"))
    assert [step.state for step in exact] == ["prompted", "followed"]
    assert [step.state for step in rounded] == [step.state for step in exact]
    for one, other in zip(exact, rounded, strict=True):
        a, b = one.region.mask(SHAPE), other.region.mask(SHAPE)
        assert (a & b).sum() >= 0.95 * (a | b).sum(), one.plane
