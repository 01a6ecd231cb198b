"""Checks that need torch, which the host doesn't have: a file of them is run once by the worker's Python.

A test file holds ``checks = Checks(__name__, __file__)``, functions marked with ``@checks.add``, and at its end
``test_x, said = checks.finish()``; pytest then reports what each check said in the other process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Checks:
    """The checks of one file."""

    def __init__(self, name: str, file: str) -> None:
        self.inside, self.file = name == "__main__", file
        self.functions: dict[str, Callable[[], None]] = {}

    def add(self, function: Callable[[], None]) -> Callable[[], None]:
        self.functions[function.__name__] = function
        return function

    def finish(self) -> tuple[Any, Any]:
        """Run the checks, in the worker's Python; under pytest return a test and its fixture ``said``."""
        if self.inside:
            self._run()
            sys.exit(0)
        import pytest

        @pytest.fixture(scope="module")
        def said(worker_python: Path) -> dict[str, str]:
            paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
            environ = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
            done = subprocess.run(
                [worker_python, self.file], env=environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
            return found

        @pytest.mark.worker
        @pytest.mark.parametrize("name", self.functions)
        def test(name: str, said: dict[str, str]) -> None:
            assert said[name] == "", said[name]

        return test, said

    def _run(self) -> None:
        said = {}
        for name, function in self.functions.items():
            try:
                function()
                said[name] = ""
            except Exception:
                said[name] = traceback.format_exc()
        print(json.dumps(said))
