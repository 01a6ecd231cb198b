"""A real ImageJ for the whole test run: a process can start one JVM only."""

from __future__ import annotations

from pathlib import Path

import pytest

from samj_bridge.fiji import ImageJ, find_java, start_imagej


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.imagej)


@pytest.fixture(scope="session")
def imagej() -> ImageJ:
    """ImageJ, started by the product's own code."""
    if find_java() is None:
        pytest.skip("there is no Java on this machine")
    return start_imagej()


@pytest.fixture(autouse=True)
def _running(imagej: ImageJ) -> None:
    """Every test of this folder needs it."""
