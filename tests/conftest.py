"""Fixtures that the whole suite shares: where the data lie, fresh settings, and one real environment with torch."""

from __future__ import annotations

import os
import shutil
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
hypothesis_settings.register_profile("quick", hypothesis_settings.get_profile("samj"), max_examples=15)
hypothesis_settings.load_profile("samj")


# They run in an environment of their own: tests/in_napari/test_napari.py.
collect_ignore = ["in_napari/gui"]


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

    return ensure_environment(Settings(home=test_home(), builder="uv")).python


def test_home() -> Path:
    """Return the home in which the suite keeps its environment from one run to the next."""
    cache = os.environ.get("SAMJ_TEST_CACHE") or platformdirs.user_cache_dir("samj-bridge-tests", appauthor=False)
    return Path(cache).expanduser().absolute()


test_home.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def kept() -> Path:
    """Return the folder that outlives a run of the suite, for what takes long to fetch."""
    return test_home()


@pytest.fixture
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every ``SAMJ_*`` variable away, but for those of the suite itself."""
    for name in list(os.environ):
        if name.startswith("SAMJ_") and not name.startswith("SAMJ_TEST_"):
            monkeypatch.delenv(name)
    return


@pytest.fixture(scope="session")
def ready_home() -> Path:
    """Return a ``SAMJ_HOME`` that holds a finished environment: for tests of the command line as a user has it."""
    from samj_bridge.install import ensure_environment

    home = test_home()
    ensure_environment(Settings(home=home, builder="uv"))
    return home


@pytest.fixture(scope="session")
def lite_medsam(kept: Path, worker_python: Path) -> Path:
    """Return a folder with LiteMedSAM's published file: fetched once, with the product's own means, and kept."""
    from samj_bridge.models import find_model
    from samj_bridge.models.obtain import obtain
    from samj_bridge.models.record import Acceptance
    from samj_bridge.models.store import Store

    entry, folder = find_model("lite-medsam", Settings()), kept / "checkpoints"
    target = folder / entry.offered_name
    if not target.is_file():
        # Of this process alone: parts of the suite run side by side.
        home = folder / f"home {os.getpid()}"
        store = Store(Settings.from_environment(home=home))
        record = obtain(entry, store, Acceptance(entry.licence, "not-needed", ""))
        store.source_path(record).replace(target)
        shutil.rmtree(home)
    return folder


@pytest.fixture(scope="session")
def one_jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the jar as an update site has it, of this checkout."""
    from fakes.one_jar import build

    return build(tmp_path_factory.mktemp("one jar"))


@pytest.fixture(scope="session")
def linked_home(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of this run's own with the suite's environment in it: other checkouts share the suite's."""
    made = tmp_path_factory.mktemp("linked") / "home é漢"
    made.mkdir()
    (made / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
    return made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the quick tests speak first: a slip in the geometry is told in seconds, not after the worker's tests."""
    for item in items:
        # `make quick` leaves out what needs torch, also where an author forgot to say so.
        if "worker_python" in getattr(item, "fixturenames", ()):
            item.add_marker("worker")
    order = ["architecture", "unit", "contract", "download", "models", "integration", "fiji", "faults"]

    def rank(item: pytest.Item) -> int:
        parts = item.path.parts
        return next((order.index(part) for part in parts if part in order), len(order))

    items.sort(key=rank)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Make a skip a failure where every part is there (``SAMJ_TEST_NO_SKIPS=1``, as in CI)."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("SAMJ_TEST_NO_SKIPS") != "1" or reporter is None or exitstatus != 0:
        return
    hardware = ("no GPU",)
    skipped = [
        report for report in reporter.stats.get("skipped", []) if not str(report.longrepr).count(hardware[0])
    ]
    if skipped:
        reporter.write_line(f"{len(skipped)} tests were skipped, and SAMJ_TEST_NO_SKIPS=1 allows none.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
