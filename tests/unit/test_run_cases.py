"""The runner of case scripts tells right from wrong, and says so where there is nothing to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).parents[1] / "run_cases.py"


def run(*arguments: object) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, RUNNER, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=100
    )
    return done.returncode, done.stdout.splitlines()


def test_each_case_is_told_right_or_wrong_and_one_wrong_one_fails_the_whole(tmp_path: Path) -> None:
    (tmp_path / "_shared.py").write_text("raise SystemExit(9)")
    (tmp_path / "a.py").write_text("print('right')")
    code, lines = run(tmp_path)
    assert (code, lines[-1]) == (0, "1 of 1 right.")
    (tmp_path / "b.py").write_text("print('came:   55 pixels'); print('WRONG'); raise SystemExit(1)")
    code, lines = run(tmp_path)
    assert code == 1
    assert [line.split()[:2] for line in lines[:2]] == [["a", "right"], ["b", "wrong"]]
    assert "came:   55 pixels" in lines[1]
    assert lines[2] == "1 of 2 right."


def test_without_cases_it_says_so(tmp_path: Path) -> None:
    assert run()[0] == 2
    for folder, words in ((tmp_path, "no cases"), (tmp_path / "none", "no such folder")):
        code, lines = run(folder)
        assert code == 2
        assert words in lines[0]
