"""What the tests of models share: checkpoints of every kind, and workers to convert them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.opening import VARIABLES

from samj_bridge.models import find_model, weights_file
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.settings import Settings

MAKER = Path(__file__).parents[1] / "fakes" / "checkpoints.py"


@pytest.fixture(scope="session")
def made(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of checkpoints, good, bad and hostile, made with torch."""
    folder = tmp_path_factory.mktemp("checkpoints é漢")
    starter = weights_file(find_model("starter"))
    variables = {**VARIABLES, "OMP_NUM_THREADS": "1", "HOSTILE_FOLDER": str(folder), "PYTHONWARNINGS": "ignore"}
    if "SYSTEMROOT" in os.environ:
        variables["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    subprocess.run([worker_python, MAKER, folder, starter], check=True, env=variables)
    return folder


@pytest.fixture
def launcher(worker_python: Path, settings: Settings) -> Iterator[Launcher]:
    """Yield what starts workers with the settings of this test."""
    starts = Launcher(worker_python, Settings(home=settings.home, threads=1), VARIABLES)
    yield starts
    starts.log.close()
