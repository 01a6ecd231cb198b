"""One model of every published family end to end: a checkpoint is imported from a file and segments an image.

The weights are random but whole: every key of the published file, saved as its authors save it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from samj_bridge import read_rois
from samj_bridge.install import adopt_environment
from samj_bridge.settings import Settings
from samj_bridge.worker.families import ARCHITECTURES, FAMILIES

pytestmark = pytest.mark.worker

ROOT = Path(__file__).resolve().parents[2]
BOXES_ONLY = {"lite-medsam"}
SMALLEST = {
    "sam": "mobile-sam",
    "efficient-sam": "efficient-sam-ti",
    "sam2": "sam2.1-tiny",
    "efficientvit-sam": "efficientvit-sam-l0",
    "lite-medsam": "lite-medsam",
}


@pytest.fixture(scope="module")
def home(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    adopt_environment(Settings(home=folder), worker_python.parent.parent)
    return folder


@pytest.fixture(scope="module")
def checkpoints(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    maker = [worker_python, ROOT / "tests" / "random_weights.py", folder, *SMALLEST.values()]
    subprocess.run(maker, check=True, env=environ)
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    y, x = np.mgrid[:120, :150]
    pixels = np.where((x - 70) ** 2 + (y - 60) ** 2 < 900, 3000, 200).astype(np.uint16)
    pixels += np.random.default_rng(0).integers(0, 300, pixels.shape, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "disc.tif", pixels)
    return tmp_path / "disc.tif"


def run(home: Path, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "samj_bridge.cli.main", *map(str, arguments), "--json"]
    variables = {**os.environ, "SAMJ_HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    assert content["ok"]
    data: dict[str, Any] = content["data"]
    return data


def test_every_family_is_asked() -> None:
    assert {ARCHITECTURES[name]: name for name in SMALLEST.values()} == SMALLEST
    assert {"starter", *SMALLEST} == set(FAMILIES)


@pytest.mark.parametrize("architecture", SMALLEST.values())
def test_an_imported_checkpoint_segments(
    architecture: str, home: Path, checkpoints: Path, picture: Path, tmp_path: Path
) -> None:
    checkpoint, output = checkpoints / f"{architecture}.pt", tmp_path / "results"
    imported = run(home, "models", "import", checkpoint, "--id", f"my-{architecture}")
    checkpoint.unlink()  # what was imported stands on its own
    assert architecture in json.dumps(imported)
    asked = ("--box", "60,50,80,70") if architecture in BOXES_ONLY else ("--point", "70,60")
    prompts = ("--box", "40,30,101,91", *asked, "--negative", "140,110")
    done = run(home, "segment", picture, *prompts, "--model", f"my-{architecture}", "--output", output)
    (image,) = done["images"]
    labels = tifffile.imread(output / "disc_labels.tif")
    assert labels.shape == (120, 150)
    # Random weights draw something or nothing; what they draw arrives whole.
    regions = read_rois(output / "disc_rois.zip") if image["objects"] else []
    assert image["objects"] + image["empty"] == 2
    assert np.array_equal(labels > 0, np.any([region.mask(labels.shape) for region in regions] or [labels * 0], 0))


def test_a_model_with_its_decoder_is_imported_whole_and_finds_objects_by_it(
    home: Path, checkpoints: Path, picture: Path, tmp_path: Path, worker_python: Path
) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    maker = ROOT / "tests" / "random_weights.py"
    subprocess.run([worker_python, maker, tmp_path, "mobile-sam", "decoder"], check=True, env=environ)
    both = "import sys, torch as t; t.save(dict(zip(sys.argv[1:3], map(t.load, sys.argv[3:5]))), sys.argv[5])"
    files = [tmp_path / name for name in ("mobile-sam.pt", "decoder.pt", "exported.pt")]
    subprocess.run([worker_python, "-c", both, "model_state", "decoder_state", *files], check=True)
    imported = run(home, "models", "import", files[2], "--id", "with-decoder")
    assert "decoder_state) was taken too" in json.dumps(imported)
    output = tmp_path / "results"
    done = run(home, "segment", picture, "--everything", "--model", "with-decoder", "--output", output)
    (image,) = done["images"]
    assert "by the model's decoder" in image["message"] or "the model's decoder sees" in image["message"]
    labels = tifffile.imread(output / "disc_labels.tif")
    assert len(np.unique(labels)) - 1 == image["objects"]
