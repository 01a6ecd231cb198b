"""The examples in docstrings are run: those of the host here, those that need torch by the worker's own Python."""

from __future__ import annotations

import doctest
import importlib
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH_EXAMPLES = [
    path for path in sorted((ROOT / "samj_bridge").rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")
]
NEEDS_TORCH = ("samj_bridge.worker.lowres",)
SHOWN_ONLY = ("samj_bridge.session.session",)
"""Examples that would start a worker: the tests of sessions do."""


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", [name for path in WITH_EXAMPLES if (name := _name(path)) not in NEEDS_TORCH])
def test_the_examples_in_docstrings_give_what_they_say(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.attempted > 0 or name in SHOWN_ONLY
    assert outcome.failed == 0


@pytest.mark.worker
@pytest.mark.parametrize("name", NEEDS_TORCH)
def test_examples_that_need_torch_give_what_they_say(name: str, worker_python: Path) -> None:
    program = (
        "import doctest, importlib, sys; sys.path.insert(0, sys.argv[1]);"
        "outcome = doctest.testmod(importlib.import_module(sys.argv[2]));"
        "sys.exit(not (outcome.attempted > 0 and outcome.failed == 0))"
    )
    done = subprocess.run(
        [worker_python, "-c", program, ROOT, name], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
