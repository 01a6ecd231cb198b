"""The test family behind the tool: a real worker, with knobs for what goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.session import Session
from samj_bridge.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))
from opening import open_session


class FamilySegmenter(SessionSegmenter):
    """Opens the test family in place of a model: a real worker, with knobs for what goes wrong."""

    def __init__(self, python: Path, folder: Path, **knobs: Any) -> None:
        super().__init__(Settings(home=folder / "home"))
        self._python, self._folder, self._knobs = python, folder, knobs

    def _check_set_up(self) -> None:
        """Nothing to check: the tests' Python is there."""

    def _open(self, model: str, progress: Any) -> Session:
        return open_session(self._python, self._folder, **self._knobs)
