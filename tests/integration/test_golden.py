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
