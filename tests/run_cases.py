"""Runs the case scripts of a folder, each with this interpreter, and prints which are right.

``python tests/run_cases.py FOLDER``. A case prints what came and what should have, and exits with 1 while its fault
is there. Cases that need an environment find it in the home that ``SAMJ_HOME`` names, or in the one that the suite
keeps. The exit code is 0 if all are right, 1 if any is wrong, 2 if there is no folder with cases.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_S = 900
"""Seconds after which a case counts as wrong: it hangs."""


def cases_in(folder: Path) -> list[Path]:
    """Return the scripts of a folder; those that begin with ``_`` are what they share."""
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def run_case(case: Path, environ: dict[str, str]) -> tuple[str, str]:
    """Run one; return ``right`` or ``wrong``, and what it said last."""
    try:
        done = subprocess.run(
            [sys.executable, str(case)],
            cwd=case.parent,
            env=environ,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return "wrong", f"no end within {LIMIT_S} s"
    lines = (done.stdout if done.stdout.strip() else done.stderr).strip().splitlines()
    if done.returncode == 0:
        return "right", ""
    came = next((line for line in lines if line.startswith("came:")), lines[-1] if lines else "")
    return "wrong", f"exit code {done.returncode}; {came}"


def home(folder: Path) -> str:
    """Return the home that the cases use: the one that is named, or a fresh one on the suite's environment."""
    named = os.environ.get("SAMJ_HOME")
    if named:
        return named
    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import test_home

    envs = test_home() / "envs"
    if envs.is_dir():
        (folder / "envs").symlink_to(envs, target_is_directory=True)
    return str(folder)


def main(arguments: list[str]) -> int:
    """Run the cases of the folder that is named; return the exit code."""
    if len(arguments) != 1:
        print("Name the folder of the cases: python tests/run_cases.py ../shared/cases")
        return 2
    folder = Path(arguments[0]).expanduser().resolve()
    cases = cases_in(folder) if folder.is_dir() else []
    if not cases:
        why = "there are no cases in it" if folder.is_dir() else "there is no such folder"
        print(f"{folder}: {why}. A case is a Python script that exits with 0 when all is right.")
        return 2
    with tempfile.TemporaryDirectory(prefix="samj-cases-") as made:
        return run_all(cases, {**os.environ, "SAMJ_HOME": home(Path(made))})


def run_all(cases: list[Path], environ: dict[str, str]) -> int:
    """Run cases and print a line for each; return the exit code."""
    width = max(len(case.stem) for case in cases)
    wrong = 0
    for case in cases:
        begun = time.monotonic()
        verdict, said = run_case(case, environ)
        wrong += verdict == "wrong"
        seconds = time.monotonic() - begun
        print(f"{case.stem:{width}}  {verdict}  {seconds:5.1f} s  {said[:300]}".rstrip(), flush=True)
    print(f"{len(cases) - wrong} of {len(cases)} right.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
