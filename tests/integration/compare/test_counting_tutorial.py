"""The tutorial on counting, typed as it stands; its numbers are those of the run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.worker

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "tutorials" / "counting-nuclei.md").read_text(encoding="utf-8")
NEAR = 0.03
"""Another processor rounds otherwise."""


def commands() -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def after(mark: str) -> str:
    return PAGE.split(f"<!-- checked: {mark} -->\n")[1].split("\n\n")[0]


def test_the_tutorial_on_counting_does_what_it_says(ready_home: Path, tmp_path: Path) -> None:
    (tmp_path / "samj_bridge").symlink_to(ROOT / "samj_bridge", target_is_directory=True)
    environ = {**os.environ, "SAMJ_HOME": str(ready_home), "PYTHONPATH": str(ROOT)}
    said = {}
    for line in commands():
        # As in a shell, with this checkout's own program.
        typed = line.replace("samj-bridge ", f'"{sys.executable}" -m samj_bridge ', 1)
        typed = typed.replace("python ", f'"{sys.executable}" ', 1) if line.startswith("python ") else typed
        done = subprocess.run(
            typed, shell=True, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        said[line.split()[0] + " " + line.split()[1]] = done.stdout
    assert "360 x 360" in said["samj-bridge info"]
    told = json.loads((tmp_path / "compared" / "compare.json").read_text(encoding="utf-8"))
    measured = {method["method"]: method for method in told["methods"]}
    found = int(re.findall(r"\*\*(\d+)\*\*", after("found"))[0])
    assert measured["counted"]["images"][0]["found"] == pytest.approx(found, abs=1)
    median = float(re.findall(r"\*\*(\d+)\*\*", after("median"))[0])
    assert float(said["python -c"]) == pytest.approx(median, rel=NEAR)
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in after("table").splitlines()[2:]]
    assert len(rows) == len(measured) == 5
    for name, objects, error, accuracy, best, person in rows:
        method = measured[name.split("`")[1]]
        assert method["images"][0]["found"] == pytest.approx(int(objects), abs=1)
        assert method["pooled"]["count_error"] == pytest.approx(int(error), abs=1)
        assert method["pooled"]["ap50"] == pytest.approx(float(accuracy), abs=2 * NEAR)
        assert method["pooled"]["best_iou"] == pytest.approx(float(best), abs=NEAR)
        assert method["person_s"] == (float(person) if person else None)
