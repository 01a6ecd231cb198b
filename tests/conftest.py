"""Fixtures that the whole suite shares: where the data lie, fresh settings, and one real environment with torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from samj_bridge.settings import Settings

# The machines are shared and noisy: a slow example is no failure, and a failing one must fail again tomorrow.
hypothesis_settings.register_profile(
    "samj", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("samj")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Small real images with their licences."""
    return Path(__file__).parent / "data"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with an empty home of the test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def worker_python() -> Path:
    """Return the Python of a real environment, made once per specification by the product's own installer.

    ``SAMJ_TEST_PYTHON`` names another interpreter that has numpy, torch and safetensors;
    ``SAMJ_TEST_CACHE`` another folder to keep the environment in.
    """
    given = os.environ.get("SAMJ_TEST_PYTHON")
    if given:
        return Path(given)
    from samj_bridge.install import ensure_environment

    return ensure_environment(Settings(home=test_home())).python


def test_home() -> Path:
    """Return the home in which the suite keeps its environment from one run to the next."""
    cache = os.environ.get("SAMJ_TEST_CACHE") or platformdirs.user_cache_dir("samj-bridge-tests", appauthor=False)
    return Path(cache).expanduser().absolute()


test_home.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take every ``SAMJ_*`` variable away, but for those of the suite itself."""
    for name in list(os.environ):
        if name.startswith("SAMJ_") and not name.startswith("SAMJ_TEST_"):
            monkeypatch.delenv(name)
    yield
