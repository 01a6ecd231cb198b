"""Runs the host's own tests on every Python from 3.10 to 3.14 that can be had here: ``make pythons``.

A virtual environment for each, with the package and the tests' own tools; no torch, no Java.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.first_runs.pythons import VERSIONS, find_pythons

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
TOOLS = (
    "hypothesis",
    "import-linter",
    "psutil",
    "py-rattler>=0.28,<0.29",
    "pytest",
    "pytest-timeout",
    "scipy",
    "trustme",
)
CHOSEN = "not worker and not imagej and not slow"


def main() -> int:
    """Test them one after the other; return how many failed."""
    with tempfile.TemporaryDirectory() as folder:
        found, missing = find_pythons(list(VERSIONS), Path(folder))
        outcomes = {version: _test(version, python, Path(folder)) for version, python in found.items()}
    for version in VERSIONS:
        print(f"Python {version}: {outcomes.get(version) or missing.get(version)}")
    return sum(outcome != "passed" for outcome in outcomes.values())


def _test(version: str, python: Path, folder: Path) -> str:
    print(f"== Python {version}", flush=True)
    environment = folder / f"environment {version}"
    inside = environment / "bin" / "python"
    for command in (
        [UV, "venv", "--quiet", "--python", python, environment],
        [UV, "pip", "install", "--quiet", "--python", inside, "--editable", ROOT, *TOOLS],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            return f"could not be prepared: {done.stderr.strip().splitlines()[-1]}"
    tests = ["tests/unit", "tests/architecture", "-m", CHOSEN]
    tests += ["--hypothesis-profile=quick", "-p", "no:cacheprovider"]
    done = subprocess.run([inside, "-m", "pytest", "-q", *tests], cwd=ROOT, check=False)
    return "passed" if done.returncode == 0 else "FAILED"


if __name__ == "__main__":
    sys.exit(main())
