"""LiteMedSAM on its published weights, out of the wheel on PyPI: its authors' numbers, and as a user has it."""

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

from samj_bridge.cli import demo_data

pytestmark = [pytest.mark.worker, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "data" / "golden-lite-medsam"


def test_the_authors_numbers_come_out_of_the_published_weights(lite_medsam: Path, worker_python: Path) -> None:
    command = [worker_python, GOLDEN / "check_lite.py", "--adapter", ROOT / "benchmarks" / "golden_adapter.py"]
    weights = ("--weights", lite_medsam / "lite_medsam.pth", "--images", ROOT / "tests" / "data" / "golden")
    environ = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*command, *weights], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 over tolerance" in done.stdout


def run(home: Path, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "samj_bridge.cli.main", *map(str, arguments), "--json", "--home", str(home)]
    variables = {key: value for key, value in os.environ.items() if not key.startswith("SAMJ_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout)["data"])


def test_it_is_installed_and_gives_the_golden_mask_of_a_demo_image(
    lite_medsam: Path, linked_home: Path, tmp_path: Path
) -> None:
    run(linked_home, "models", "install", "lite-medsam", "--from", lite_medsam)
    manifest = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))
    (image,) = [item for item in manifest["entries"][0]["images"] if item["id"] == "R3"]
    case = image["cases"][0]
    nerve = Path(demo_data.__path__[0]) / "nerve.png"
    box = ",".join(map(str, case["box"]))
    asked = ("segment", nerve, "--box", box, "--range", "0,255", "--model", "lite-medsam")
    run(linked_home, *asked, "--output", tmp_path)
    found = tifffile.imread(tmp_path / "nerve_labels.tif") > 0
    with np.load(GOLDEN / "lite_medsam_vit_t.npz") as stored:
        bits = np.unpackbits(stored[f"R3/{case['id']}/mask"], axis=1)[0, : found.size]
    wanted = bits.reshape(found.shape).astype(bool)
    assert (found & wanted).sum() / (found | wanted).sum() >= manifest["tolerance"]["default"]["mask_iou"]
