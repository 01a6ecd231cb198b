"""An index of packages, one of torch's CPU builds, and settings that name them; a module may have its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.package_index import PackageIndex, serve, tiny_specification

from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def pypi() -> Iterator[PackageIndex]:
    with serve(PackageIndex()) as index:
        yield index


@pytest.fixture
def cpu_index() -> Iterator[PackageIndex]:
    with serve(PackageIndex()) as index:
        yield index


@pytest.fixture
def tiny(tmp_path: Path, pypi: PackageIndex) -> Specification:
    return tiny_specification(tmp_path / "envs", pypi)


@pytest.fixture
def settings(tmp_path: Path, pypi: PackageIndex, cpu_index: PackageIndex) -> Settings:
    # The device says that no GPU is to be looked for: these tests mean the same on a machine with one.
    return Settings(
        builder="uv", home=tmp_path / "home", pypi_index=pypi.url, torch_index=cpu_index.url, device="cpu"
    )
