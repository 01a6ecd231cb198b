"""A session on an environment that was made elsewhere: works as on our own, and writes nothing into it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samj_bridge import Prompt, Session
from samj_bridge.install import adopt_environment
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


def test_the_worker_runs_there_and_its_compiled_files_go_into_our_cache(
    worker_python: Path, settings: Settings
) -> None:
    adopted = adopt_environment(settings, worker_python.parent.parent)
    y, x = np.mgrid[:64, :64]
    disc = (((y - 32) ** 2 + (x - 32) ** 2 < 200) * 200).astype(np.uint8)
    with Session("starter", settings=settings) as session, session.encode(disc) as scene:
        (region,) = scene.segment(Prompt(box=(17, 17, 48, 48)))
    assert region.area > 0
    assert not (settings.envs_dir / "samj" / "current").exists(), "nothing was installed"
    compiled = [str(path) for path in (settings.cache_dir / "pycache").rglob("*.pyc")]
    assert any(str(adopted.prefix).lstrip("/") in path and "torch" in path for path in compiled)
