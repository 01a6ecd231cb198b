"""What the tests of commands around environments share: a builder with its servers, and the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.beds import Bed, make_bed
from shells import Shell

from samj_bridge.install.specification import Specification


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAMJ_") and not name.startswith("SAMJ_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "bed" / "uv cache"))


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    with make_bed("micromamba", tmp_path / "bed") as made:
        yield made


@pytest.fixture
def tiny(bed: Bed) -> Specification:
    return bed.specification("envs")


@pytest.fixture
def shell(tiny: Specification, bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    assert tiny.path is not None
    monkeypatch.setenv("SAMJ_PYPI_INDEX", bed.pypi.url)
    monkeypatch.setenv("SAMJ_TORCH_INDEX", "")
    monkeypatch.setenv("SAMJ_DEVICE", "cpu")
    return Shell(tmp_path / "a home é 漢", tiny.path)


@pytest.fixture
def conda(bed: Bed) -> list[str]:
    """Options that let the stand-in make an environment from the local channel."""
    assert bed.channel is not None
    return ["--builder", "micromamba", "--micromamba", bed.micromamba, "--channel", bed.channel.url]
