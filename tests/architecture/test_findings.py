"""The table of the findings is what the heads of the scripts say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FINDINGS = Path(__file__).parents[2] / "findings"
SCRIPTS = sorted(set(FINDINGS.glob("*.sh")) - {FINDINGS / "run.sh"})


def test_the_table_of_findings_is_made_from_the_heads_of_the_scripts() -> None:
    made = subprocess.run(
        [sys.executable, FINDINGS / "table.py"], capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout
    assert (FINDINGS / "README.md").read_text(encoding="utf-8") == made, "run: python findings/table.py --write"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_finding_works_in_a_folder_of_its_own_and_without_our_product(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert "mktemp -d" in text
    assert "samj_bridge" not in text
    assert "samj-bridge" not in text
    subprocess.run(["bash", "-n", script], check=True)
