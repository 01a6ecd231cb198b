"""Several samj-bridges at once in one home: who looks sees what is there, who changes changes, and nothing is lost.

The long version is ``make soak``; see `benchmarks.soak`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.side_by_side import (
    FEWER,
    change_environment,
    change_model,
    check_nothing_lost,
    make_bed,
    soak,
    tree_of,
)

from samj_bridge.models import find_model
from samj_bridge.models.weights import weights_file

pytestmark = [pytest.mark.worker, pytest.mark.slow]


def test_commands_that_look_and_commands_that_change_work_side_by_side(worker_python: Path, tmp_path: Path) -> None:
    with make_bed(tmp_path, worker_python.parents[1], weights_file(find_model("starter"))) as bed:
        kept = tree_of(bed)
        soak(bed, 10, lookers=FEWER, changers=[change_environment, change_model], steps=3)
        assert bed.wrong == [], "\n\n".join(bed.wrong)
        # Each kind of change was there, or the rest says nothing.
        for command in ("env create tiny", "models install going", "models remove going"):
            assert bed.counts[f"{command} --json: ok"] > 0, bed.counts
        check_nothing_lost(bed, kept)
