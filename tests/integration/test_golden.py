"""Our networks against outputs of the authors' code: a part of the golden cases, in float32 (tests/data/golden)."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "data" / "golden"
ENTRIES = sorted(path.parent.name for path in GOLDEN.glob("*/manifest.json"))


@pytest.mark.worker
@pytest.mark.parametrize("entry", ENTRIES)
def test_the_authors_numbers_come_out(worker_python, entry):
    command = [worker_python, GOLDEN / "check.py", "--adapter", ROOT / "benchmarks" / "golden_adapter.py"]
    environ = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, "--golden", GOLDEN / entry], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 over tolerance, 0 skipped" in done.stdout


@pytest.mark.worker
def test_the_authors_numbers_come_out_on_the_next_plane(worker_python):
    folder = ROOT / "tests" / "data" / "golden-sam2-video"
    adapter = ROOT / "benchmarks" / "golden_video_adapter.py"
    command = [worker_python, folder / "check_video.py", "--adapter", adapter, "--weights", GOLDEN]
    environ = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith("ok")]
    assert [where for _, where in said] == [
        *("main.prompt/2/1", "main/forward/2/1", "main/forward/3/1"),
        *("mask.prompt/2/1", "mask/forward/2/1", "mask/forward/3/1"),
    ]


@pytest.mark.worker
def test_the_authors_objects_come_out_of_their_decoder(worker_python):
    folder = ROOT / "tests" / "data" / "golden-ais"
    adapter = ROOT / "benchmarks" / "golden_ais_adapter.py"
    environ = {
        **os.environ,
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(GOLDEN),
    }
    command = [worker_python, folder / "check_ais.py", "--adapter", adapter]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # A network; ten sets of labels and points from maps; six of masks.
    assert "18 comparisons, 0 over tolerance, 0 skipped" in done.stdout, done.stdout
