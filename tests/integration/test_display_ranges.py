"""Display ranges: kept when an image is encoded again, inverting where the high end comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes.opening import open_session, two_squares

from samj_bridge import Prompt
from samj_bridge.errors import ImageError

pytestmark = pytest.mark.worker

POINT = Prompt(points=[(45, 30)])


def test_a_constant_image_outlives_its_worker(worker_python: Path, tmp_path: Path) -> None:
    # Its range has no extent, and travels back to the new worker.
    marker = str(tmp_path / "marker")
    with open_session(worker_python, tmp_path, kill_in="segment", kill_marker=marker) as session:
        scene = session.encode(np.full((50, 60), 7, np.uint16))
        assert scene.ranges == ((7.0, 7.0),)
        # No network is asked about it, so that the worker dies over another image.
        session.encode(two_squares()).segment(POINT)
        assert session.stats()["restarts"] == 1
        assert scene.segment(POINT)[0].area == 0


def test_a_range_with_the_high_end_first_shows_the_image_inverted(worker_python: Path, tmp_path: Path) -> None:
    dark = (200 - two_squares().astype(np.int32)).astype(np.uint16)
    with open_session(worker_python, tmp_path) as session:
        plain = session.encode(two_squares(), ranges=(0, 100)).segment(POINT)[0]
        inverted = session.encode(dark, ranges=(200, 100)).segment(POINT)[0]
    assert plain.area == 600
    assert np.array_equal(plain.mask(), inverted.mask())


@pytest.mark.parametrize("ranges", [(5, 5), (0, float("nan")), (0, float("inf")), "wide", [(0, 1)] * 2])
def test_a_range_that_is_none_is_refused(worker_python: Path, tmp_path: Path, ranges: object) -> None:
    with open_session(worker_python, tmp_path) as session, pytest.raises(ImageError, match="ranges is"):
        session.encode(two_squares(), ranges=ranges)
